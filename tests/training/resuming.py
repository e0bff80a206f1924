"""A run that was stopped after its first epoch and goes on, beside one that was never stopped."""

import shutil

import numpy as np
import pandas as pd

import course_hw5


def check_resumed_is_equal(finished, run, model, data, config, task):
    """Goes on from the first epoch of a copy of `finished`; history and weights must end bit for bit the same."""
    shutil.copytree(finished, run)
    for path in (run / "metrics.json", *(run / "backup").glob("epoch-*.npz")):
        if path.stem != "epoch-0001":
            path.unlink()
    (run / "history.csv").write_text("".join((finished / "history.csv").open().readlines()[:2]))
    course_hw5.train(model, data, run, config, resume=True, task=task)
    first, second = (pd.read_csv(folder / "history.csv").drop(columns="seconds") for folder in (finished, run))
    pd.testing.assert_frame_equal(first, second)
    for one, other in zip(*(course_hw5.load_model(folder).get_weights() for folder in (finished, run))):
        np.testing.assert_array_equal(one, other)
