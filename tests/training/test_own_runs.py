"""Runs on data of one's own that are not held in memory."""

import json
import os
import pathlib
import signal
import subprocess
import sys

import keras
import numpy as np
import pandas as pd
import pytest

from tests.training.killed_own_run import start

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A folder with data of both kinds, and the run folders that a kill leaves."""
    folder, script = tmp_path_factory.mktemp("killed"), pathlib.Path(__file__).with_name("killed_own_run.py")
    environment = os.environ | {"PYTHONPATH": str(pathlib.Path(__file__).parents[2])}
    process = subprocess.run([sys.executable, script, folder], capture_output=True, text=True, env=environment)
    assert process.returncode == -signal.SIGKILL, process.stderr
    return folder


@pytest.mark.parametrize("kind, name", [("images", "colors"), ("texts", "mine.csv")])
def test_a_killed_run_that_reads_from_disk_ends_as_an_uninterrupted_one_in_memory(kind, name, killed, tmp_path):
    whole, resumed = tmp_path / "whole", killed / kind
    assert len(pd.read_csv(resumed / "history.csv")) == 1 and not (resumed / "metrics.json").exists()
    start(kind, killed / name, whole, memory_gb=1)
    start(kind, killed / name, resumed, memory_gb=0, resume=True)
    one, other = (pd.read_csv(folder / "history.csv").drop(columns="seconds") for folder in (whole, resumed))
    pd.testing.assert_frame_equal(one, other, check_exact=True)
    for before, after in zip(*(keras.models.load_model(folder / "model.keras").get_weights() for folder in (whole, resumed))):
        np.testing.assert_array_equal(before, after)
    first, second = (json.loads((folder / "metrics.json").read_text()) for folder in (whole, resumed))
    assert {name: value for name, value in first.items() if "second" not in name}.items() <= second.items()
