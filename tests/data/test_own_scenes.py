"""`load_scenes` of folders and sets of TensorFlow Datasets."""

import numpy as np
import pytest
from PIL import Image

from course_hw5 import load_scenes
from course_hw5.data.dataset import IGNORE_INDEX
from tests.data.own import store_tfds, use_tfds

SHAPE = (12, 16, 3)


def scene(number, size=(20, 30)):
    """An image whose left part is red and class 1, the rest blue and class 0, one row of no class."""
    image, mask = np.zeros((*size, 3), "uint8"), np.zeros(size, "uint8")
    edge = 5 + number % 10
    image[:, :edge, 0], image[:, edge:, 2] = 200, 200
    mask[:, :edge] = 1
    mask[0] = 255
    return image, mask


def write_scenes(folder, count, names="ground\nwall\n", palette=False):
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for number in range(count):
        image, mask = scene(number, size=(20, 30 + number))
        Image.fromarray(image).save(folder / "images" / f"{number}.png")
        stored = Image.fromarray(mask)
        if palette:
            stored = Image.frombytes("P", stored.size, mask.tobytes())
            stored.putpalette([value for number in range(256) for value in (255 - number, number, 7)])
        stored.save(folder / "masks" / f"{number}.png")
    if names:
        (folder / "classes.txt").write_text(names)
    return folder


def assert_classes_fit(image, labels):
    """Red is wall, blue ground, and the first row is of no class."""
    image, labels = np.asarray(image), np.asarray(labels)
    assert (labels[0] == IGNORE_INDEX).all()
    assert ((image[..., 0] > 100) == (labels == 1))[1:].all()


@pytest.mark.parametrize("palette", [False, True])
def test_images_beside_masks_become_splits(tmp_path, palette):
    data = load_scenes(write_scenes(tmp_path / "garden", 12, palette=palette), SHAPE, batch_size=4, scales=(1.0, 1.0))
    assert data.class_names == ["ground", "wall"] and data.train.cardinality() == 2
    assert data.note == "garden, 9 + 1 + 2 images to train, validate and test on"
    images, labels = next(iter(data.train))
    assert images.shape == (4, *SHAPE) and {*np.unique(labels)} <= {0, 1, IGNORE_INDEX}
    tests = [*data.test]
    assert len(tests) == 2 and all(image.shape[0] == 20 for image, _ in tests)
    for image, mask in tests:
        assert_classes_fit(image, mask)


def test_named_splits_and_numbers_without_names(tmp_path):
    for split, count in (("train", 6), ("val", 2), ("test", 1)):
        write_scenes(tmp_path / split, count, names=None)
    data = load_scenes(tmp_path, SHAPE, batch_size=2, ignore_index=255)
    assert data.class_names == ["0", "1"] and [len([*part]) for part in (data.train, data.validation, data.test)] == [3, 1, 1]


def test_a_set_of_tfds_with_masks_is_read(tmp_path, monkeypatch):
    import tensorflow_datasets as tfds

    shapes = {"image": (None, None, 3), "segmentation_mask": (None, None, 1)}
    features = {name: tfds.features.Image(shape=shape) for name, shape in shapes.items()}
    scenes = [scene(number) for number in range(8)]
    part = [
        {"image": image, "segmentation_mask": np.where(mask == 255, 255, mask + 1)[..., None].astype("uint8")}
        for image, mask in scenes
    ]  # classes 1 and 2, as of oxford_iiit_pet
    store_tfds(tmp_path, "pets", features, {"train": part, "test": part[:2]})
    use_tfds(monkeypatch, tmp_path)
    data = load_scenes("tfds:pets", SHAPE, batch_size=2)
    assert data.class_names == ["1", "2"] and len([*data.test]) == 2
    assert_classes_fit(*next(iter(data.test)))
    with pytest.raises(ValueError, match="must have a feature of the kind Image called kind; --mask-column chooses it"):
        load_scenes("tfds:pets", SHAPE, mask_column="kind")


def no_masks(folder):
    (folder / "masks").rename(folder / "labels")


def missing_mask(folder):
    (folder / "masks" / "3.png").unlink()


def other_size(folder):
    Image.fromarray(np.zeros((8, 9), "uint8")).save(folder / "masks" / "3.png")


def out_of_range(folder):
    Image.fromarray(np.full((20, 33), 7, "uint8")).save(folder / "masks" / "3.png")


def colours(folder):
    Image.new("RGB", (33, 20), (1, 0, 0)).save(folder / "masks" / "3.png")


def jpeg(folder):
    (folder / "masks" / "3.png").unlink()
    Image.fromarray(scene(3, size=(20, 33))[1]).save(folder / "masks" / "3.jpg")


def fractions(folder):
    (folder / "masks" / "3.png").unlink()
    Image.fromarray(np.full((20, 33), 0.5, "float32")).save(folder / "masks" / "3.tif")


def beyond_eight_bits(folder):
    Image.fromarray(np.full((20, 33), 300, "uint16")).save(folder / "masks" / "3.png")


def broken_mask(folder):
    (folder / "masks" / "3.png").write_bytes((folder / "masks" / "3.png").read_bytes()[:60])


def black_and_white(folder):
    for path in (folder / "masks").iterdir():
        Image.fromarray(np.uint8(np.array(Image.open(path)) == 1) * 255).save(path)


def one_name_twice(folder):
    (folder / "classes.txt").write_text("ground\n\nwall \nwall\n")


def untrained_class(folder):
    (folder / "classes.txt").write_text("ground\nwall\ntree\n")
    for name in ("images", "masks"):
        for split in ("train", "test"):
            (folder / split / name).mkdir(parents=True)
        for path in sorted((folder / name).iterdir()):
            path.rename(folder / ("train" if path.stem < "6" else "test") / name / path.name)
        (folder / name).rmdir()
    path = folder / "test" / "masks" / "7.png"
    mask = np.array(Image.open(path))
    Image.fromarray(np.where(mask == 1, np.uint8(2), mask)).save(path)


def broken_image(folder):
    (folder / "images" / "3.png").write_bytes((folder / "images" / "3.png").read_bytes()[:60])


def one_class(folder):
    (folder / "classes.txt").write_text("ground\n")


@pytest.mark.parametrize(
    "spoil, message",
    [
        (no_masks, "must hold the folders images and masks. Received: classes.txt, images, labels"),
        (missing_mask, "must hold a mask for each image. Received: .*images/3.png without"),
        (other_size, "The mask of .*3.png must have its image's size, 20x33. Received: 8x9"),
        (out_of_range, "must hold 0 to 1, as classes.txt says, or 255. Received: 7"),
        (colours, "The mask of .*3.png must hold the number of a class in each pixel. Received: colours, RGB"),
        (broken_image, "3.png must be .*image.*--skip-broken leaves out"),
        (one_class, "classes.txt must have two classes or more. Received: one alone, 'ground'"),
        (jpeg, "The mask of .*3.png must be stored without loss, such as PNG. Received: JPEG"),
        (fractions, "The mask of .*3.png must hold whole numbers up to 255. Received: 0.5"),
        (beyond_eight_bits, "The mask of .*3.png must hold whole numbers up to 255. Received: 300"),
        (broken_mask, "The mask of .*3.png must be a whole image. Received: .*; --skip-broken leaves out"),
        (black_and_white, "masks of garden, but for 255, the --ignore-index, must have two classes or more. .* one alone, 0"),
        (one_name_twice, "classes.txt must name each class once. Received: wall twice"),
        (untrained_class, "garden must train on each class that it tests. Received: 'tree', which training lacks"),
    ],
)
def test_bad_scenes_are_refused_in_one_line(tmp_path, spoil, message):
    folder = write_scenes(tmp_path / "garden", 8)
    spoil(folder)
    with pytest.raises(ValueError, match=message) as error:
        load_scenes(folder, SHAPE)
    assert "\n" not in str(error.value)


def test_masks_that_are_grey_but_saved_in_colour_or_in_16_bits_are_read(tmp_path):
    folder = write_scenes(tmp_path / "garden", 6)
    for number, mode in ((0, "RGB"), (1, "I;16"), (2, "RGB")):
        path = folder / "masks" / f"{number}.png"
        Image.open(path).convert(mode).save(path)
    data = load_scenes(folder, SHAPE, batch_size=2, scales=(1.0, 1.0))
    assert data.note.startswith("garden, 4 + 1 + 1 images") and data.class_names == ["ground", "wall"]


def test_black_and_white_masks_are_two_classes_where_no_value_is_ignored(tmp_path):
    folder = write_scenes(tmp_path / "garden", 6, names=None)
    black_and_white(folder)
    data = load_scenes(folder, SHAPE, batch_size=2, ignore_index=None)
    assert data.class_names == ["0", "255"] and {*np.unique(next(iter(data.test))[1])} == {0, 1}


def test_broken_scenes_are_left_out_and_counted(tmp_path):
    folder = write_scenes(tmp_path / "garden", 8)
    broken_image(folder)
    assert load_scenes(folder, SHAPE, batch_size=2, skip_broken=True).note.endswith("; 1 that cannot be read are left out")
    with pytest.raises(ValueError, match="`test_split` must be None for data of your own. Received: 'test'"):
        load_scenes(folder, SHAPE, test_split="test")
    with pytest.raises(ValueError, match="`ignore_index` must be None, or a whole number up to 255. Received: 256"):
        load_scenes(folder, SHAPE, ignore_index=256)
