"""Images of users with a segmentation mask for each: folders `images` and `masks`, or any set of TensorFlow Datasets."""

import concurrent.futures
import dataclasses
import io
import pathlib
from typing import Any

import numpy as np
from PIL import Image

from course_hw5.data import folders, records, tables
from course_hw5.data.card import SAMPLES, DataCard, find_duplicates, hash_of, image_mark_arrays, image_marks, middle
from course_hw5.data.dataset import IGNORE_INDEX
from course_hw5.data.examples import SPLITS, Examples, Splits, divided, require_classes
from course_hw5.data.image_files import open_image
from course_hw5.errors import first_line

CLASSES = "classes.txt"
LOSSY = ("JPEG", "MPO", "JPEG2000")
BLOCK = 256  # scenes that are handed to the threads at once
MASKS = ("segmentation_mask", "annotation", "mask")  # usual names of features


class Pairs:
    """Files of images and, under the same position, of their masks."""

    def __init__(self, images: list[str], masks: list[str]):
        self.images, self.masks = images, masks

    def name(self, position: int) -> str:
        return self.images[position]

    def read(self, position: int) -> tuple[str, str]:
        return self.images[position], self.masks[position]


@dataclasses.dataclass(frozen=True)
class OwnScenes:
    """Scenes of a user, each read once.

    Attributes:
        parts: dict of each of `SPLITS` to `Examples`, whose `read` gives the files of image and mask.
        class_names: one name per class.
        classes: uint8 `(256,)`, the class of each value of a mask, `IGNORE_INDEX` for none.
        note: counts them.
        card: what is in them.
    """

    parts: dict[str, Examples]
    class_names: list[str]
    classes: np.ndarray
    note: str
    card: DataCard

    def read(self, split: str, index: int) -> tuple[np.ndarray, np.ndarray]:
        """An image, uint8 `(height, width, 3)`, and the class of each of its pixels, uint8 `(height, width)`."""
        part = self.parts[split]
        image, mask = read_scene(part, index)
        return image, self.classes[mask]


def read_scene(part: Examples, index: int) -> tuple[np.ndarray, np.ndarray]:
    """An image and its mask as they are stored.

    Raises:
        ValueError: if one of them is no image, the mask is a JPEG or has colours or other values than 0 to 255, or they differ
            in size.
        OSError: if one of them is missing.
    """
    name = part.name(index)
    image, mask = part.read(index)
    pixels = open_image(image, name=name)
    try:
        with Image.open(io.BytesIO(mask) if isinstance(mask, bytes) else mask) as opened:
            bands, values, form = opened.getbands(), np.asarray(opened), opened.format
    except Exception as error:  # Pillow's decoders raise anything
        raise ValueError(f"The mask of {name} must be a whole image. Received: {first_line(error)}") from error
    if form in LOSSY:
        raise ValueError(f"The mask of {name} must be stored without loss, such as PNG. Received: {form}")
    if bands == ("R", "G", "B") and (values == values[..., :1]).all():  # grey, saved as colours
        bands, values = ("L",), values[..., 0]
    if len(bands) != 1:
        raise ValueError(
            f"The mask of {name} must hold the number of a class in each pixel. Received: colours, {''.join(bands)}"
        )
    if values.shape != pixels.shape[:2]:
        sizes = "{}x{}. Received: {}x{}".format(*pixels.shape[:2], *values.shape)
        raise ValueError(f"The mask of {name} must have its image's size, {sizes}")
    if values.dtype.itemsize > 1 and len(wrong := values[~np.isin(values, np.arange(256))]):
        raise ValueError(f"The mask of {name} must hold whole numbers up to 255. Received: {wrong[0]}")
    return pixels, values.astype("uint8")


def find_scenes(
    source: str | pathlib.Path, image_column: str | None, mask_column: str | None
) -> tuple[Splits, list[str] | None]:
    """The scenes of a source and the names of its classes, or None where it does not say them.

    Raises:
        ValueError: if the source is none that `load_scenes` takes, or an image has no mask.
        OSError: if it cannot be read or downloaded.
    """
    if isinstance(source, str):
        return _tfds(source.removeprefix("tfds:"), image_column, mask_column), None
    parts = {split: _pairs(path) for split, path in folders.split_folders(source).items()}
    path = source / CLASSES
    names = tables.read_lines(path) if path.exists() else None
    if names is not None:
        require_classes(str(path), names)
        if double := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"{path} must name each class once. Received: {double} twice")
    return Splits(parts, names or [], source.resolve().name), names


def _pairs(folder):
    if not all((folder / name).is_dir() for name in ("images", "masks")):
        found = ", ".join(sorted(path.name for path in folder.iterdir())[:5]) or "nothing"
        raise ValueError(f"{folder} must hold the folders images and masks. Received: {found}")
    images, masks = (folders.list_images(folder / name) for name in ("images", "masks"))
    if not images:
        raise ValueError(f"{folder / 'images'} must hold images. Received: none")
    by_stem = {_stem(path, folder / "masks"): path for path in masks}
    fitting = [by_stem.get(_stem(path, folder / "images")) for path in images]
    if None in fitting:
        raise ValueError(f"{folder} must hold a mask for each image. Received: {images[fitting.index(None)]} without")
    return _examples(Pairs(images, fitting), len(images))


def _stem(path, folder):
    return pathlib.Path(path).relative_to(folder).with_suffix("").as_posix()


def _examples(source: Any, count: int) -> Examples:
    return Examples(source, np.arange(count), np.zeros(count, "int64"))


def _tfds(name, image_column, mask_column):
    builder = records.open_builder(name)
    import tensorflow_datasets as tfds

    image = records.feature(name, builder, image_column, tfds.features.Image, "--image-column", 0)
    usual = next((key for key in MASKS if key in builder.info.features), None)
    mask = records.feature(name, builder, mask_column or usual or "segmentation_mask", tfds.features.Image, "--mask-column", 1)
    features, decoders = builder.info.features, {key: tfds.decode.SkipDecoding() for key in (image, mask)}

    def decode(record):
        example = features.deserialize_example_np(record, decoders=decoders)
        return example[image], example[mask]

    parts = {}
    for split, stored in records.stored_splits(name, builder).items():
        found = records.split_records(name, builder, stored, decode)
        parts[split] = _examples(found, len(found.places))
    return Splits(parts, [], f"tfds:{name}")


def read_scenes(
    splits: Splits, names: list[str] | None, validation_split: float, seed: int, ignore_index: int | None, skip_broken: bool
) -> OwnScenes:
    """Reads each scene once: what is wrong ends here and not in the middle of a training.

    Raises:
        ValueError: if an image or a mask cannot be read, a mask has another size or holds what is no class, there are fewer
            than two classes, or a class that training lacks is tested.
    """
    counts, broken, parts, sizes, marks = {}, [], {}, [], {}
    for split, part in divided(splits, validation_split, seed).items():
        parts[split], counts[split], of_split, marks[split], left_out = _read_all(part, skip_broken)
        sizes.append(of_split)
        broken += left_out
    values = {split: {*map(int, np.flatnonzero(count))} - {ignore_index} for split, count in counts.items()}
    but = "" if ignore_index is None else f", but for {ignore_index}, the --ignore-index,"
    require_classes(f"Training masks of {splits.name}{but}", values["train"])
    class_values = sorted(values["train"]) if names is None else [*range(len(names))]
    unknown = [(split, value) for split in SPLITS for value in values[split] - {*class_values}]
    if unknown:
        known = (
            f"0 to {len(names) - 1}, as {CLASSES} says" if names else f"one of {', '.join(map(str, class_values))}, as in train"
        )
        raise ValueError(
            f"Masks of {splits.name}, {unknown[0][0]}, must hold {known}, or {ignore_index}. Received: {unknown[0][1]}"
        )
    untrained = {*class_values} & set().union(*(values[split] for split in splits.parts)) - values["train"]
    if names is not None and untrained:
        found = f"{names[min(untrained)]!r}, which training lacks"
        raise ValueError(f"{splits.name} must train on each class that it tests. Received: {found}")
    classes = np.full(256, IGNORE_INDEX, "uint8")
    classes[class_values] = np.arange(len(class_values))
    note = f"{splits.name}, {' + '.join(f'{len(parts[split]):,}' for split in SPLITS)} images to train, validate and test on"
    note += f"; {len(broken):,} that cannot be read are left out" if broken else ""
    class_names = names or [str(value) for value in class_values]
    heights, widths = np.concatenate(sizes).T

    def samples():
        scenes = (read_scene(parts["train"], index) for index in range(min(SAMPLES, len(parts["train"]))))
        return {"": [(image, classes[mask]) for image, mask in scenes]}

    card = DataCard(
        name=splits.name,
        unit="scenes",
        class_names=class_names,
        counts={split: found[class_values].tolist() for split, found in counts.items()},
        examples={split: len(part) for split, part in parts.items()},
        sizes={"width": middle(widths), "height": middle(heights)},
        **find_duplicates(marks),
        name_of=lambda split, index: parts[split].name(index),
        broken=broken,
        samples=samples,
    )
    return OwnScenes(parts, class_names, classes, note, card)


def _read_all(part, skip_broken):
    """The scenes that can be read, how many pixels have each value, sizes, marks, and errors of the others."""
    sizes, marks = np.zeros((len(part), 2), "int32"), image_mark_arrays(np.zeros(len(part), "uint64"))

    def read(index):
        try:
            image, mask = read_scene(part, index)
        except (ValueError, OSError) as error:
            return str(error)
        sizes[index] = mask.shape
        marks.exact[index], marks.near[index], marks.thumbnails[index] = image_marks(image, image)
        marks.labels[index] = hash_of(mask)
        return np.bincount(mask.ravel(), minlength=256)

    counts, kept, broken = np.zeros(256, "int64"), [], []
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for start in range(0, len(part), BLOCK):
            block = range(start, min(start + BLOCK, len(part)))
            for index, found in zip(block, pool.map(read, block)):
                if isinstance(found, str):
                    broken.append(found)
                else:
                    kept.append(index)
                    counts += found
            if broken and not skip_broken:
                raise ValueError(f"{broken[0]}; --skip-broken leaves out such images")
    if not kept:
        raise ValueError(f"Each split must have images that can be read. Received: {broken[0]}")
    whole = np.array(kept)
    return part.take(whole), counts, sizes[whole], marks.take(whole), broken
