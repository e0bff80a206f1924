"""Images of users, found but not yet read: a folder of class folders, a table of paths, any set of TensorFlow Datasets."""

import os
import pathlib

import pandas as pd

from course_hw5.data import folders, records, tables
from course_hw5.data.examples import Files, Splits, made_splits

IMAGE_COLUMNS = ("path", "image", "file", "filename")
LABEL_COLUMNS = ("label", "class")


def find_images(source: str | pathlib.Path, image_column: str | None, label_column: str | None) -> Splits:
    """The images of a source.

    Args:
        source: "tfds:NAME"; or the path of a folder of class folders, of one with the folders train, validation and test that
            hold these, or of a table.
        image_column: of the paths in a table, or the feature of TFDS; None for the usual names.
        label_column: of the labels, likewise.

    Raises:
        ValueError: if the source is none of these, or a class is empty, missing or alone.
        OSError: if it cannot be read or downloaded.
    """
    if isinstance(source, str):
        return _tfds(source.removeprefix("tfds:"), image_column, label_column)
    return _folder(source) if source.is_dir() else _table(source, image_column, label_column)


def _tfds(name, image_column, label_column):
    builder = records.open_builder(name)
    import tensorflow_datasets as tfds

    image = records.feature(name, builder, image_column, tfds.features.Image, "--image-column", 0)
    label = records.feature(name, builder, label_column, tfds.features.ClassLabel, "--label-column", 1)
    features, decoders = builder.info.features, {image: tfds.decode.SkipDecoding()}
    return records.labelled_records(
        name, builder, label, lambda record: features.deserialize_example_np(record, decoders=decoders)[image]
    )


def _folder(folder):
    paths, labels = {}, {}
    for split, place in folders.split_folders(folder).items():
        classes = folders.subfolders(place)
        if not classes:
            found = f"{len(folders.list_images(place))} images and no folder"
            raise ValueError(f"{place} must hold a folder for each class. Received: {found}")
        files = {name: folders.list_images(path) for name, path in classes.items()}
        if empty := [name for name, found in files.items() if not found]:
            raise ValueError(f"{place} must hold images in each class folder. Received: none in {empty[0]}")
        paths[split] = [path for found in files.values() for path in found]
        labels[split] = [name for name, found in files.items() for _ in found]
    return made_splits(folder.resolve().name, {split: Files(found) for split, found in paths.items()}, labels)


def _table(path, image_column, label_column):
    image = tables.chosen_column(path, "--image-column", image_column, IMAGE_COLUMNS)
    label = tables.chosen_column(path, "--label-column", label_column, LABEL_COLUMNS)
    split_column = tables.split_column(path)
    table = pd.concat([*tables.rows(path, [image], label, split_column)], ignore_index=True)
    splits = tables.row_splits(path, table[split_column]) if split_column else pd.Series("train", index=table.index)
    if not (splits == "train").any():
        raise ValueError(f"{path} must have rows of the split train. Received: {', '.join(sorted(splits.unique()))}")
    files, labels = {}, {}
    for split in splits.unique():
        part = table[splits == split]
        names = part[image].str.strip().str.replace("\\", os.sep)  # a table may come from Windows
        files[split] = Files([os.path.join(path.parent, name) for name in names])
        labels[split] = part[label].str.strip().tolist()
    return made_splits(path.name, files, labels)
