import numpy as np
import pytest

import course_hw5


@pytest.fixture
def digits():
    return course_hw5.load_images("digits", batch_size=64, seed=0)


@pytest.fixture
def small_mlp():
    return course_hw5.mlp_classifier(hidden_units=(32, 16))


@pytest.fixture(scope="session")
def sentiment():
    """The bundled classifier of sentences, loaded once: no test changes its weights."""
    return course_hw5.load_model("sentiment-minilm")


@pytest.fixture
def use_policy():
    """A function that sets the policy of layers until the test ends."""
    import keras

    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy("float32")


@pytest.fixture
def random():
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def downloads(tmp_path_factory):
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="session")
def driver(downloads):
    from tests.browser import open_browser

    driver = open_browser(downloads)
    yield driver
    driver.quit()


@pytest.fixture
def store_scenes(tmp_path_factory, monkeypatch):
    """A function that makes what it is given the CamVid that TFDS finds: features, and examples of each split."""
    import tensorflow_datasets as tfds

    def store(features, splits):
        folder = tmp_path_factory.mktemp("tfds")
        tfds.dataset_builders.store_as_tfds_dataset(
            "camvid", "1.0.0", tfds.features.FeaturesDict(features), splits, data_dir=folder
        )
        monkeypatch.setenv("TFDS_DATA_DIR", str(folder))
        monkeypatch.setattr(tfds.core.constants, "DATA_DIR", str(folder))

    return store


@pytest.fixture
def store_camvid(store_scenes):
    """A function that makes one image and its annotation all that TFDS finds: ten times to train on, twice to test."""
    import tensorflow as tf
    import tensorflow_datasets as tfds

    def store(image, annotation):
        parts = {"image": image, "annotation": annotation}
        features = {name: tfds.features.Image(shape=part.shape) for name, part in parts.items()}
        splits = {name: tf.data.Dataset.from_tensors(parts).repeat(count) for name, count in (("train", 10), ("validation", 2))}
        store_scenes(features, splits)

    return store


@pytest.fixture
def small_camvid(store_camvid):
    """CamVid in small: the left half of each image is red and road (3), the right half blue and void, one row a sign (6)."""
    image, annotation = np.zeros((40, 60, 3), "uint8"), np.full((40, 60, 1), 11, "uint8")
    image[:, :30, 0] = image[:, 30:, 2] = 200
    annotation[:, :30] = 3
    annotation[20, :30] = 6
    store_camvid(image, annotation)
