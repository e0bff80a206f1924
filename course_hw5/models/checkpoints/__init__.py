"""Trained weights, by name: bundled ones, `.keras` files, and published checkpoints, one module per family."""
