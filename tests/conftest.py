import os

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


@pytest.fixture
def digits():
    import course_hw5

    return course_hw5.load_images("digits", batch_size=64, seed=0)


@pytest.fixture
def small_mlp():
    import course_hw5

    return course_hw5.mlp_classifier(hidden_units=(32, 16))


@pytest.fixture
def random():
    return np.random.default_rng(0)
