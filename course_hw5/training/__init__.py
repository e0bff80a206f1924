"""Training: `config`, `tasks`, `optimizers`, `callbacks`, `runtime`, and `train`, which puts them together."""
