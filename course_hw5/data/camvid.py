"""CamVid's published folders of images and masks, stored in the format of TensorFlow Datasets, which does not have it."""

import os
import tempfile

import numpy as np
from PIL import Image

from course_hw5.files import AnyPath, local_path

FOLDERS = {"train": "train", "validation": "val", "test": "test"}  # of the images of each split; of the masks: "trainannot" ...
LARGEST = 11  # of a mask: eleven classes, then pixels of no class


def prepare_camvid(folder: AnyPath, data_dir: AnyPath | None = None) -> dict[str, int]:
    """Stores CamVid so that `load_scenes("camvid", ...)` reads it.

    Args:
        folder: holds the folders `train`, `trainannot`, `val`, `valannot` and, if you want that split, `test` and
            `testannot`. The first of each pair holds images, the second a mask of the same name for each: a grey PNG whose
            pixels are 0 to 10, or 11 for no class.
        data_dir: folder to write to; None for `TFDS_DATA_DIR`, or else for where TensorFlow Datasets keeps its data.

    Returns:
        Dict of splits to their number of images.

    Raises:
        ValueError: if there are no images, or a mask is missing, has another size than its image or holds other values.
            Nothing is written then.
        FileExistsError: if `data_dir` holds CamVid already.
    """
    folder = local_path(folder)
    names = [split for split in FOLDERS if split != "test" or (folder / "test").exists()]
    pairs = {split: _pairs(folder / FOLDERS[split]) for split in names}

    import tensorflow_datasets as tfds  # here, since it takes seconds: what is wrong with the files is said at once

    data_dir = local_path(data_dir or os.environ.get("TFDS_DATA_DIR") or tfds.core.constants.DATA_DIR)
    if (data_dir / "camvid").exists():
        raise FileExistsError(f"`data_dir` must hold no CamVid yet. Received: {data_dir}, with the folder camvid")
    image, mask = (tfds.features.Image(shape=(None, None, channels)) for channels in (3, 1))
    features = tfds.features.FeaturesDict({"image": image, "annotation": mask, "id": tfds.features.Text()})
    examples = {split: map(_example, pairs[split]) for split in names}
    data_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=data_dir) as partial:  # what is interrupted leaves nothing
        tfds.dataset_builders.store_as_tfds_dataset("camvid", "1.0.0", features, examples, data_dir=partial)
        os.rename(f"{partial}/camvid", data_dir / "camvid")
    return {split: len(pairs[split]) for split in names}


def _pairs(folder):
    """Paths of the images of a folder and of their masks; raises ValueError unless each image has a mask that fits."""
    images = sorted(folder.glob("*.png"))
    if not images:
        raise ValueError(f"`folder` must hold {folder.name}/*.png, CamVid's images. Received: {folder.parent}")
    pairs = [(image, folder.with_name(f"{folder.name}annot") / image.name) for image in images]
    for image, mask in pairs:
        if not mask.exists():
            raise ValueError(f"`folder` must hold a mask for each image. Received: {image} without {mask}")
        with Image.open(image) as pixels, Image.open(mask) as labels:
            if labels.size != pixels.size:
                sizes = "{1}x{0}. Received: {3}x{2}".format(*pixels.size, *labels.size)
                raise ValueError(f"{mask} must have its image's size, {sizes}")
            if len(labels.getbands()) != 1:
                raise ValueError(f"{mask} must be grey, the number of a class in each pixel. Received: {labels.mode}, colours")
            if (largest := int(np.max(labels))) > LARGEST:
                raise ValueError(f"{mask} must hold classes 0 to 10, or {LARGEST} for none. Received: {largest}")
    return pairs


def _example(pair):
    """Key and features of an image, as TensorFlow Datasets takes them."""
    image, mask = pair
    with Image.open(mask) as labels:
        return image.stem, {"image": image, "annotation": np.array(labels, "uint8")[..., None], "id": image.stem}
