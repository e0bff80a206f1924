"""Figures of labs: arrays in, matplotlib figures out; `plot_NAME.py` for each lab."""
