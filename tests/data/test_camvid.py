"""CamVid's folders become a data set, or an error that names the file, before TensorFlow is loaded."""

import numpy as np
import pytest
from PIL import Image

from course_hw5.data import camvid
from course_hw5.data.camvid import prepare_camvid


@pytest.fixture
def published(tmp_path):
    """Folders of two images to train on, one to validate and one to test on, as SegNet's authors publish CamVid."""
    random = np.random.default_rng(0)
    for split, count in (("train", 2), ("val", 1), ("test", 1)):
        for folder in (split, f"{split}annot"):
            (tmp_path / folder).mkdir()
        for number in range(count):
            image = Image.fromarray(random.integers(0, 256, (12, 16, 3), "uint8"))
            image.save(tmp_path / split / f"{split}_{number}.png")
            mask(tmp_path / f"{split}annot" / f"{split}_{number}.png", number)
    return tmp_path


def mask(path, value, size=(12, 16), mode=None):
    labels = np.full(size, 11, "uint8")
    labels[:, :8] = value
    Image.fromarray(labels).convert(mode or "L").save(path)


def test_what_is_stored_is_what_is_loaded(published, tmp_path, monkeypatch):
    import tensorflow_datasets as tfds

    from course_hw5 import load_scenes

    monkeypatch.setattr(tfds.core.constants, "DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "data"))
    assert prepare_camvid(published) == {"train": 2, "validation": 1, "test": 1}
    stored = tfds.load("camvid", split="train", data_dir=tmp_path / "data")
    for example in stored.as_numpy_iterator():
        name = example["id"].decode()
        assert np.array_equal(example["image"], np.array(Image.open(published / "train" / f"{name}.png")))
        assert np.array_equal(example["annotation"][..., 0], np.array(Image.open(published / "trainannot" / f"{name}.png")))
    for test_split, image in (("test", "test/test_0.png"), ("validation", "val/val_0.png"), (None, "test/test_0.png")):
        [(found, labels)] = load_scenes("camvid", (12, 16, 3), 1, validation_split=0.5, test_split=test_split).test
        assert np.array_equal(found, np.array(Image.open(published / image)))
        assert {*np.unique(labels)} == {0, 255}
    with pytest.raises(FileExistsError, match=r"`data_dir` must hold no CamVid yet. Received: .*data"):
        prepare_camvid(published)


def test_storing_that_is_interrupted_leaves_nothing(published, tmp_path, monkeypatch):
    def stop(pair):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(camvid, "_example", stop)
        prepare_camvid(published, tmp_path / "data")
    assert [*(tmp_path / "data").iterdir()] == []
    assert prepare_camvid(published, tmp_path / "data")["train"] == 2


@pytest.mark.unit
@pytest.mark.parametrize(
    "spoil, message",
    [
        (lambda folder: (folder / "valannot" / "val_0.png").unlink(), r"val_0.png without .*valannot/val_0.png"),
        (lambda folder: mask(folder / "valannot" / "val_0.png", 1, (16, 12)), r"size, 12x16. Received: 16x12"),
        (lambda folder: mask(folder / "valannot" / "val_0.png", 1, mode="RGB"), r"val_0.png must be grey.* Received: RGB"),
        (lambda folder: mask(folder / "testannot" / "test_0.png", 30), r"test_0.png must hold classes 0 to 10.* Received: 30"),
        (lambda folder: (folder / "train").rename(folder / "images"), r"must hold train/\*.png, CamVid's images. Received: "),
    ],
)
def test_what_is_wrong_with_the_files_is_said_before_anything_is_written(spoil, message, published, tmp_path):
    spoil(published)
    with pytest.raises(ValueError, match=message):
        prepare_camvid(published, tmp_path / "data")
    assert not (tmp_path / "data").exists()
