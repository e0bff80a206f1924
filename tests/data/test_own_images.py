"""`load_images` of folders, tables and sets of TensorFlow Datasets."""

import numpy as np
import pytest
from PIL import Image

from course_hw5 import load_images
from course_hw5.data.examples import split_classes
from tests.data.own import COLORS, drawing, mean_colors, store_tfds, use_tfds, write_class_folders


def read(part):
    batches = [(images.numpy(), labels.numpy()) for images, labels in part]
    return (np.concatenate(arrays) for arrays in zip(*batches))


def assert_colors(part, class_names):
    """Each image has the colour of its class."""
    images, labels = read(part)
    expected = np.array([COLORS[class_names[label]] for label in labels])
    assert np.abs(mean_colors(images) - expected).max() < 12


def test_class_folders_of_images_of_different_sizes_become_splits_of_one_size(tmp_path):
    data = load_images(write_class_folders(tmp_path / "colors", 10), batch_size=4, image_size=12)
    assert data.class_names == ["blue", "green", "red"]
    sizes = [len(list(read(part))[1]) for part in (data.train, data.validation, data.test)]
    assert sizes == [20, 3, 6] and data.train.cardinality() == 5  # of 21: batches are whole
    for part in (data.train, data.validation, data.test):
        assert part.element_spec[0].shape[1:] == (12, 12, 3)
        assert_colors(part, data.class_names)
    assert data.note == "colors, 21 + 3 + 6 images to train, validate and test on, 12x12"


def test_folders_named_after_splits_are_these_splits(tmp_path):
    for split, count in (("train", 4), ("val", 2), ("test", 1)):
        write_class_folders(tmp_path / split, count)
    (tmp_path / "train" / "red" / "notes.txt").write_text("no image")
    data = load_images(tmp_path, batch_size=2, image_size=(8, 12))
    assert [len(list(read(part))[1]) for part in (data.train, data.validation, data.test)] == [12, 6, 3]
    assert data.train.element_spec[0].shape == (2, 8, 12, 3)


def test_the_test_set_is_the_same_for_every_seed_and_the_validation_set_is_not(tmp_path):
    folder = write_class_folders(tmp_path / "colors", 20)
    one, other = (load_images(folder, seed=seed) for seed in (0, 1))
    assert np.array_equal(*(next(read(data.test)) for data in (one, other)))
    assert not np.array_equal(*(next(read(data.validation)) for data in (one, other)))


def test_what_is_decoded_when_needed_gives_the_same_batches_as_what_is_kept(tmp_path):
    import tensorflow as tf

    folder = write_class_folders(tmp_path / "colors", 12)
    epochs = []
    for memory_gb in (1.0, 0):
        data = load_images(folder, batch_size=5, augmentation="mixup", memory_gb=memory_gb)
        for epoch in (1, 2):
            tf.random.get_global_generator().reset_from_seed(epoch)
            epochs.append([*read(data.train)])
    kept, needed = epochs[:2], epochs[2:]
    for one, other in zip(kept, needed):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])
    assert not np.array_equal(kept[0][0], kept[1][0])


def test_images_of_all_kinds_are_read_as_they_are_seen(tmp_path):
    for name in ("blue", "red"):
        (tmp_path / name).mkdir()
        for number in range(3):
            drawing(name, number).save(tmp_path / name / f"{number}.png")
    wide = Image.new("RGB", (8, 4), "black")
    wide.paste((255, 255, 255), (0, 0, 4, 4))  # white left, black right; turned by EXIF: white above
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "odd").mkdir()
    wide.save(tmp_path / "odd" / "a.jpg", exif=exif)
    Image.new("L", (5, 5), 90).save(tmp_path / "odd" / "b.png")
    Image.new("RGBA", (5, 5), (0, 0, 0, 0)).save(tmp_path / "odd" / "c.png")
    Image.fromarray(np.full((5, 5), 40000, "uint16")).save(tmp_path / "odd" / "d.png")
    Image.new("CMYK", (5, 5), (0, 0, 0, 55)).save(tmp_path / "odd" / "e.JPG")
    first, second = (Image.new("L", (5, 5), grey) for grey in (30, 250))
    first.save(tmp_path / "odd" / "f.gif", save_all=True, append_images=[second])
    Image.new("L", (1, 1), 60).convert("P").save(tmp_path / "odd" / "g.png")
    data = load_images(tmp_path, batch_size=1, image_size=(8, 4), validation_split=0.01)
    seen = {}
    for part in (data.train, data.validation, data.test):
        images, labels = read(part)
        seen |= {int(image.mean()): image for image, label in zip(images, labels) if label == 1}
    assert {90, 255, 40000 * 255 // 65535, 200, 30, 60} < {*seen}
    [turned] = [image for mean, image in seen.items() if 110 < mean < 145]
    assert turned[:3].min() > 200 and turned[-3:].max() < 55


@pytest.mark.parametrize("separator, suffix", [(",", "csv"), (";", "csv"), ("\t", "tsv")])
def test_a_table_names_images_labels_and_splits(tmp_path, separator, suffix):
    write_class_folders(tmp_path / "images", 4)
    rows = [("file", "kind", "split")]
    for name in COLORS:
        splits = ("train", "training", "dev", "test")
        rows += [(f"images/{name}/{number}.png", name, split) for number, split in enumerate(splits)]
    table = tmp_path / f"table.{suffix}"
    table.write_text("\n".join(map(separator.join, rows)), encoding="utf-8-sig")
    data = load_images(table, batch_size=1, label_column="kind")
    assert [len(list(read(part))[1]) for part in (data.train, data.validation, data.test)] == [6, 3, 3]
    assert_colors(data.test, data.class_names)


def test_labels_that_are_numbers_are_in_the_order_of_their_values(tmp_path):
    write_class_folders(tmp_path / "images", 4)
    lines = [
        f'{{"path": "images/{name}/{i}.png", "label": {label}}}' for name, label in zip(COLORS, (10, 9, 2)) for i in range(4)
    ]
    (tmp_path / "table.jsonl").write_text("\n".join(lines))
    assert load_images(tmp_path / "table.jsonl").class_names == ["2", "9", "10"]


def test_any_image_classification_of_tfds_is_read(tmp_path, monkeypatch):
    import tensorflow_datasets as tfds

    features = {"picture": tfds.features.Image(shape=(None, None, 3)), "kind": tfds.features.ClassLabel(names=[*COLORS])}
    part = [
        {"picture": np.array(drawing(name, number, size=(20 + number, 16))), "kind": name}
        for number in range(5)
        for name in COLORS
    ]
    store_tfds(tmp_path, "colors", features, {"train": part, "validation": part[:6]})
    use_tfds(monkeypatch, tmp_path)
    data = load_images("tfds:colors", batch_size=2, image_size=8)
    assert [len(list(read(split))[1]) for split in (data.train, data.validation, data.test)] == [12, 3, 6]
    for split in (data.train, data.validation, data.test):
        assert_colors(split, data.class_names)
    with pytest.raises(
        ValueError, match="tfds:colors must have a feature of the kind Image called kind; --image-column.*picture"
    ):
        load_images("tfds:colors", image_column="kind")


@pytest.mark.parametrize(
    "name, error, message",
    [
        ("cifar11", ValueError, "data set of TensorFlow Datasets, such as cifar10.* Received: 'cifar11'"),
        ("", ValueError, "tfds: must name a configuration and version that are there"),
        ("glue/sst3", ValueError, "glue/sst3 must name a configuration and version that are there.*sst3 not found"),
        ("beans:9.9.9", ValueError, "beans:9.9.9 must name a configuration and version that are there.*9.9.9"),
        ("beans", OSError, "tfds:beans is neither on disk nor to be downloaded.*Name or service not known"),
    ],
)
def test_a_misspelt_name_and_a_missing_network_are_said(tmp_path, monkeypatch, name, error, message):
    use_tfds(monkeypatch, tmp_path)
    with pytest.raises(error, match=message) as raised:
        load_images(f"tfds:{name}")
    assert "\n" not in str(raised.value)


def test_a_set_of_tfds_that_was_not_copied_whole_is_refused(tmp_path, monkeypatch):
    import tensorflow_datasets as tfds

    features = {"image": tfds.features.Image(shape=(None, None, 3)), "label": tfds.features.ClassLabel(names=[*COLORS])}
    store_tfds(tmp_path, "colors", features, {"train": [{"image": np.array(drawing("red")), "label": "red"}] * 9})
    use_tfds(monkeypatch, tmp_path)
    [path] = tmp_path.rglob("*.tfrecord*")
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ValueError, match="must be a whole TFRecord file. Received: one that ends in a record"):
        load_images("tfds:colors")


def test_a_broken_image_is_refused_by_name_or_left_out_and_counted(tmp_path):
    folder = write_class_folders(tmp_path / "colors", 10)
    whole = (folder / "red" / "3.png").read_bytes()
    (folder / "red" / "3.png").write_bytes(whole[: len(whole) // 2])
    (folder / "blue" / "x.jpg").write_text("no image")
    for memory_gb in (1.0, 0):
        with pytest.raises(ValueError, match=r"(red/3.png|blue/x.jpg) must be .*image.*--skip-broken"):
            load_images(folder, memory_gb=memory_gb)
        data = load_images(folder, batch_size=1, skip_broken=True, memory_gb=memory_gb)
        assert data.note.endswith("; 2 that cannot be read are left out")
        assert sum(len(list(read(part))[1]) for part in (data.train, data.validation, data.test)) == 29


def empty_class(folder):
    write_class_folders(folder, 3)
    (folder / "yellow").mkdir()
    return folder


def one_class(folder):
    return write_class_folders(folder, 3, names=("red",))


def untrained_class(folder):
    write_class_folders(folder / "train", 3, names=("red", "blue"))
    write_class_folders(folder / "test", 3)
    return folder


def no_class(folder):
    folder.mkdir()
    drawing("red").save(folder / "red.png")
    return folder


def table(text, encoding="utf-8"):
    def write(folder):
        folder.mkdir()
        (folder / "table.csv").write_bytes(text.encode(encoding))
        return folder / "table.csv"

    return write


@pytest.mark.parametrize(
    "make, message",
    [
        (empty_class, "must hold images in each class folder. Received: none in yellow"),
        (one_class, "mine must have two classes or more. Received: one alone, 'red'"),
        (untrained_class, "mine must train on each class that it tests. Received: 'green', which training lacks"),
        (no_class, "must hold a folder for each class. Received: 1 images and no folder"),
        (
            table("path,kind\na.png,red\n"),
            "must have a column label or class, or one that --label-column names. Received: path, kind",
        ),
        (table("path,label\na.png,1\nb.png,red\n"), "labels that are all numbers or all words. Received: '1' and 'red'"),
        (table("path,label\na.png,red\nb.png\n"), "must have a value in each cell. Received: none in row 2, column label"),
        (table("path,label\na.png,red\nb.png, \n"), "must have a value in each cell. Received: none in row 2, column label"),
        (
            table("path,label\na.png,rød\nb.png,blå\n", "latin-1"),
            "must be a text in UTF-8. Received: the byte f8 after 18 others",
        ),
        (table("path,label\na.png,red,1\nb.png,red,1,2\n"), "must have as many columns in each row"),
        (table("path,label\n"), "must have rows below the names of its columns. Received: none"),
        (table(""), "must be a table with names of columns. Received: an empty file"),
        (table("path,label\n" + "a.png,red\nb.png,blue\n" * 3), "a.png must be an image. Received: no such file"),
        (
            table("path,label\na.png,red\nb.png,blue\n"),
            "must hold enough examples for training, validation and test. Received: 2",
        ),
        (table("path,label,split\na.png,red,test\n"), "must have rows of the split train. Received: test"),
        (
            table("path,label,split\na.png,red,some\n"),
            "must say train, validation or test in the column split. Received: 'some'",
        ),
    ],
)
def test_bad_sources_are_refused_in_one_line(tmp_path, make, message):
    with pytest.raises(ValueError, match=message) as error:
        load_images(make(tmp_path / "mine"))
    assert "\n" not in str(error.value)


def test_a_split_by_class_takes_a_share_of_each():
    labels = np.repeat([0, 1, 2, 3], [10, 20, 1, 2])
    kept, held_out = split_classes(labels, 0.1, seed=0)
    assert np.bincount(labels[held_out]).tolist() == [1, 2, 0, 1] and len(kept) + len(held_out) == 33
    assert {*kept} | {*held_out} == {*range(33)}
