"""Figures of labs: arrays in, matplotlib figures out; one module per lab."""
