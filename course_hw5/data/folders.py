"""Folders of users: which are splits, which classes, and the images in them, without what systems and archives leave there."""

import functools
import os
import pathlib
from collections.abc import Mapping
from typing import TypeVar

from PIL import Image

SPLIT_NAMES = {"train": "train", "training": "train", "validation": "validation", "val": "validation", "valid": "validation"}
SPLIT_NAMES |= {"dev": "validation", "test": "test", "testing": "test"}
UNREADABLE = {
    ".heic",
    ".heif",
    ".jxl",
    ".svg",
    ".dng",
    ".cr2",
    ".nef",
    ".arw",
}  # images that Pillow does not open: named, not missed
Path = TypeVar("Path")


def is_left_over(name: str) -> bool:
    """Whether a system or an archive left a file or folder of that name there: .DS_Store, __MACOSX."""
    return name.startswith(".") or name == "__MACOSX"


def subfolders(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """The folders in a folder, by name."""
    found = [entry for entry in os.scandir(folder) if entry.is_dir() and not is_left_over(entry.name)]
    return {entry.name: pathlib.Path(entry.path) for entry in sorted(found, key=lambda entry: entry.name)}


def of_splits(place: pathlib.Path, named: Mapping[str, Path]) -> dict[str, Path]:
    """Those that have the name of a split, by the split.

    Raises:
        ValueError: if two are for the same split.
    """
    found: dict[str, str] = {}
    for name in named:
        split = SPLIT_NAMES.get(name.split(".")[0].lower(), "")
        if split in found:
            raise ValueError(f"{place} must hold one {split} set. Received: {found[split]} and {name}")
        if split:
            found[split] = name
    return {split: named[name] for split, name in found.items()}


def split_folders(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """The folders train, validation and test of a folder, whatever form of the name they have; else "train" is the folder.

    A folder train without folders is a class.

    Raises:
        ValueError: if two folders are for the same split, or there are images elsewhere besides.
    """
    inside = subfolders(folder)
    found = of_splits(folder, inside)
    if "train" not in found or (len(inside) > len(found) and not subfolders(found["train"])):
        return {"train": folder}
    for name, path in inside.items():
        if path not in found.values() and list_images(path):
            raise ValueError(f"{folder} must hold images in train, validation and test alone. Received: some in {name}")
    return found


@functools.cache
def _suffixes():
    Image.init()
    return {suffix for suffix, kind in Image.registered_extensions().items() if kind in Image.OPEN} | UNREADABLE


def list_images(folder: pathlib.Path) -> list[str]:
    """Paths of the images below a folder, sorted, by their suffixes; no folder is read twice, where links go round in circles.

    Raises:
        OSError: if a folder cannot be read.
    """
    found, read = [], set()
    for place, folders, names in os.walk(folder, followlinks=True, onerror=_raise):
        read.add(os.path.realpath(place))
        folders[:] = [
            name for name in folders if not is_left_over(name) and os.path.realpath(os.path.join(place, name)) not in read
        ]
        names = [name for name in names if not is_left_over(name) and os.path.splitext(name)[1].lower() in _suffixes()]
        found += [f"{place}/{name}" for name in names]
    return sorted(found)


def _raise(error):
    raise error
