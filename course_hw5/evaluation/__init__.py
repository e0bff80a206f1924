"""Metrics, plots, callbacks and the page of a run."""
