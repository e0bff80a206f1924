"""Training: `config`, `tasks`, `losses`, `optimizers`, `callbacks`, `runtime`, and `train`, which puts them together."""
