"""Folders as users have them: with leftovers of systems and archives, links, and names in many forms."""

import os

import pytest
from PIL import Image

from course_hw5.data import folders
from course_hw5.data.image_sources import find_images

pytestmark = pytest.mark.unit


def save(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (2, 2)).save(path, "PNG")
    return path


def class_folders(place, names=("cat", "dog")):
    for name in names:
        save(place / name / "1.png")
    return place


def test_what_systems_and_archives_leave_is_no_class_and_no_image(tmp_path):
    photos = class_folders(tmp_path / "photos")
    for name in ("cat/.DS_Store", "cat/Thumbs.db", "cat/desktop.ini", "__MACOSX/cat/._1.png", ".cache/2.png", "cat/._1.png"):
        (photos / name).parent.mkdir(exist_ok=True, parents=True)
        (photos / name).write_bytes(b"")
    found = find_images(photos, None, None)
    assert found.class_names == ["cat", "dog"] and len(found.parts["train"]) == 2


def test_names_may_have_spaces_letters_of_any_script_and_capital_suffixes(tmp_path):
    names = ["a b.JPG", "گربه.png", "猫.Jpeg", "x.tar.webp", "sub/deep/1.GIF"]
    for name in names:
        save(tmp_path / "my photos" / "a cat" / name)
    save(tmp_path / "my photos" / "Ein Hund" / "1.bmp")
    found = find_images(tmp_path / "my photos", None, None)
    assert found.class_names == ["Ein Hund", "a cat"]
    paths = found.parts["train"].source.paths[1:]
    assert [path.split("/a cat/")[1] for path in paths] == sorted(names)


def test_links_are_followed_and_circles_are_not(tmp_path):
    cat = save(tmp_path / "photos" / "cat" / "1.png")
    save(tmp_path / "elsewhere" / "2.png")
    save(tmp_path / "elsewhere" / "3.png")
    os.symlink(tmp_path / "elsewhere", tmp_path / "photos" / "dog")
    os.symlink(tmp_path / "elsewhere" / "2.png", cat.parent / "4.png")
    os.symlink(cat.parent, cat.parent / "again")
    found = find_images(tmp_path / "photos", None, None)
    assert [*found.parts["train"].labels] == [0, 0, 1, 1]


@pytest.mark.parametrize("name", ["validation", "val", "Valid", "DEV"])
def test_folders_of_splits_have_names_in_many_forms(name, tmp_path):
    for split in ("Train", name, "testing"):
        class_folders(tmp_path / split)
    assert {*find_images(tmp_path, None, None).parts} == {"train", "validation", "test"}


def test_a_class_may_be_called_as_a_split(tmp_path):
    assert find_images(class_folders(tmp_path, ("bus", "test", "train")), None, None).class_names == ["bus", "test", "train"]


def test_images_that_pillow_does_not_open_are_listed_so_that_they_are_named(tmp_path):
    for name in ("1.heic", "2.jpg", "3.txt", "4.svg"):
        (tmp_path / name).write_bytes(b"")
    assert [os.path.basename(path) for path in folders.list_images(tmp_path)] == ["1.heic", "2.jpg", "4.svg"]


def two_validation_sets(place):
    for split in ("train", "dev", "val"):
        class_folders(place / split)


def a_misspelt_split(place):
    for split in ("train", "validaton"):
        class_folders(place / split)


def splits_without_classes(place):
    for split in ("train", "test"):
        save(place / split / "1.png")


@pytest.mark.parametrize(
    "make, message",
    [
        (two_validation_sets, "must hold one validation set. Received: dev and val"),
        (a_misspelt_split, "must hold images in train, validation and test alone. Received: some in validaton"),
        (splits_without_classes, "must hold a folder for each class. Received: 1 images and no folder"),
    ],
)
def test_folders_that_are_neither_splits_nor_classes_are_refused(make, message, tmp_path):
    make(tmp_path)
    with pytest.raises(ValueError, match=message):
        find_images(tmp_path, None, None)


def test_a_folder_that_cannot_be_read_is_an_error(tmp_path, monkeypatch):
    class_folders(tmp_path)

    def refused(path, scan=os.scandir):
        if str(path).endswith("dog"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(PermissionError, match="Permission denied.*dog"):
        find_images(tmp_path, None, None)


def test_paths_of_a_table_may_be_absolute_or_of_windows(tmp_path):
    class_folders(tmp_path / "my photos")
    absolute = tmp_path / "my photos" / "cat" / "1.png"
    (tmp_path / "a.csv").write_text(f'File,Class\n"{absolute}",cat\nmy photos\\dog\\1.png , dog\n')
    found = find_images(tmp_path / "a.csv", None, None)
    assert found.class_names == ["cat", "dog"] and all(os.path.exists(path) for path in found.parts["train"].source.paths)
