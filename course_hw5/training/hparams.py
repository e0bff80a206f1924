"""TensorBoard's page of hyperparameters: what a run was trained with, and what it scored."""

import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams


def write_hparams(writer: tf.summary.SummaryWriter, record: dict, metrics: dict) -> None:
    """Writes settings and scores of a run.

    Args:
        writer: of the run's folder.
        record: what `config.json` says.
        metrics: what `metrics.json` says.
    """
    values = record["settings"] | record["arguments"] | {"model": record["model"]["name"]}
    values = {name: value for name, value in values.items() if isinstance(value, (bool, int, float, str))}
    names = [name for name, value in metrics.items() if isinstance(value, float) and "second" not in name]
    with writer.as_default(step=0):
        hparams.hparams_config([hparams.HParam(name) for name in values], [hparams.Metric(f"test/{name}") for name in names])
        hparams.hparams(values)
        for name in names:
            tf.summary.scalar(f"test/{name}", metrics[name])
