"""Images of users: any file that Pillow opens, turned upright, as RGB."""

import io
import pathlib
import warnings

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps, UnidentifiedImageError

from course_hw5.errors import first_line, require
from course_hw5.files import local_path

LARGEST = 2 * Image.MAX_IMAGE_PIXELS  # type: ignore[operator]  # 179 million; more is a decompression bomb to Pillow, too


def open_image(
    source: str | pathlib.Path | bytes | Image.Image, longest: int | None = None, name: str | None = None
) -> UInt8[np.ndarray, "height width 3"]:
    """Opens an image as upright 8-bit RGB.

    EXIF rotation is applied, transparency is laid on white, 16-bit and float greys are scaled to 8 bits.

    Args:
        source: path of a file, what a file holds, or a `PIL.Image.Image`.
        longest: of the sides of the result, in pixels, to which larger images are reduced; None for any.
        name: what errors call the image; None for its path.

    Returns:
        uint8 array `(height, width, 3)`.

    Raises:
        ValueError: if the file is no image, broken or empty, or has more than `LARGEST` pixels; says which file.
        OSError: if there is no such file, or it cannot be read.
    """
    require(
        "source", source, lambda source: isinstance(source, (str, pathlib.Path, bytes, Image.Image)), "a path or a PIL image"
    )
    path = local_path(source) if isinstance(source, (str, pathlib.Path)) else None
    name = name or ("the image" if path is None else str(source))
    if path is not None and not path.is_file():
        found = "a folder" if path.is_dir() else "no such file"
        raise FileNotFoundError(f"{name} must be an image. Received: {found}")
    limit = f"{name} must have at most {LARGEST:,} pixels. Received:"
    try:
        with warnings.catch_warnings(action="ignore", category=Image.DecompressionBombWarning):  # our own limit is below
            opened = (
                source
                if isinstance(source, Image.Image)
                else Image.open(io.BytesIO(source) if isinstance(source, bytes) else local_path(source))
            )
            image = _to_rgb(ImageOps.exif_transpose(opened)) if opened.width * opened.height <= LARGEST else None
    except UnidentifiedImageError as error:
        raise ValueError(f"{name} must be an image that Pillow opens. Received: something else, or an empty file") from error
    except Image.DecompressionBombError as error:
        raise ValueError(f"{limit} more") from error
    except Exception as error:  # Pillow's decoders raise anything
        raise ValueError(f"{name} must be a whole image. Received: {first_line(error)}") from error
    if image is None:
        raise ValueError(f"{limit} {opened.width} x {opened.height}")
    if longest is not None:
        image.thumbnail((longest, longest), Image.Resampling.BICUBIC)
    return np.asarray(image)


def _to_rgb(image):
    if image.mode.startswith("I") or image.mode == "F":  # 16 or 32 bits of grey
        grey = np.asarray(image, "float32")
        if not np.isfinite(grey).any():
            raise ValueError("no finite pixel")
        grey = np.nan_to_num(grey, posinf=0, neginf=0)
        most = grey.max(initial=0)
        tops = (1.0, 255.0, max(most, 255.0)) if image.mode == "F" else (255.0, 65535.0)
        top = next((top for top in tops if most <= top), tops[-1])
        image = Image.fromarray(np.uint8(np.clip(grey / top, 0, 1) * 255))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def fit_image(image: UInt8[np.ndarray, "height width 3"], size: tuple[int, int]) -> UInt8[np.ndarray, "{size[0]} {size[1]} 3"]:
    """Cuts the middle of an image in the proportion of `size` and resizes it, as a training image would have been.

    Args:
        image: uint8 array `(height, width, 3)`.
        size: `(height, width)` of the result.

    Returns:
        uint8 array `(*size, 3)`.
    """
    return np.asarray(ImageOps.fit(Image.fromarray(image), (size[1], size[0]), Image.Resampling.BICUBIC))
