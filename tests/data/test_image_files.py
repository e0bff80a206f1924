import numpy as np
import pytest
from PIL import Image

from course_hw5.data.image_files import fit_image, open_image

pytestmark = pytest.mark.unit

GRADIENT = np.linspace(0, 255, 6 * 4 * 3).reshape(6, 4, 3).astype("uint8")


def saved(path, array, mode=None, **options):
    Image.fromarray(array, mode).save(path, **options)
    return path


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "webp"])
def test_images_come_as_they_were_saved(suffix, tmp_path):
    options = {"lossless": True} if suffix == "webp" else {}
    np.testing.assert_array_equal(open_image(saved(tmp_path / f"a.{suffix}", GRADIENT, **options)), GRADIENT)


def test_grey_becomes_three_equal_channels(tmp_path):
    image = open_image(str(saved(tmp_path / "a.png", GRADIENT[..., 0])))
    np.testing.assert_array_equal(image, np.repeat(GRADIENT[..., :1], 3, axis=-1))


def test_transparency_is_laid_on_white(tmp_path):
    rgba = np.zeros((2, 2, 4), "uint8")
    rgba[0, 0, 3] = 255
    image = open_image(saved(tmp_path / "a.png", rgba))
    assert image[0, 0].tolist() == [0, 0, 0] and image[1, 1].tolist() == [255, 255, 255]


def test_a_palette_with_transparency_is_read(tmp_path):
    Image.fromarray(GRADIENT).convert("P").save(tmp_path / "a.gif", transparency=0)
    assert open_image(tmp_path / "a.gif").shape == (6, 4, 3)


def test_sixteen_bits_are_scaled_to_eight(tmp_path):
    grey = np.array([[0, 32768, 65535]], "uint16")
    assert open_image(saved(tmp_path / "a.png", grey))[0, :, 0].tolist() == [0, 127, 255]


@pytest.mark.parametrize("top", [1.0, 255.0, 1000.0])
def test_floats_are_scaled_by_what_they_can_reach(top, tmp_path):
    grey = np.array([[0, 0.5, 1]], "float32") * top
    assert open_image(saved(tmp_path / "a.tiff", grey))[0, :, 0].tolist() == [0, 127, 255]


def test_what_is_no_number_is_black(tmp_path):
    floats = np.array([[np.nan, 0.5], [np.inf, 1.0]], "float32")
    assert open_image(saved(tmp_path / "a.tiff", floats))[..., 0].tolist() == [[0, 127], [0, 255]]


def test_exif_rotation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it a quarter to the right
    path = saved(tmp_path / "a.png", GRADIENT, exif=exif)
    np.testing.assert_array_equal(open_image(path), np.rot90(GRADIENT, -1))


def test_a_single_pixel_and_a_large_image_fit(tmp_path):
    assert fit_image(open_image(saved(tmp_path / "a.png", GRADIENT[:1, :1])), (32, 48)).shape == (32, 48, 3)
    Image.new("L", (10_000, 10_000), 7).save(tmp_path / "b.png")
    large = open_image(tmp_path / "b.png", longest=1024)
    assert large.shape == (1024, 1024, 3) and (large == 7).all()


def test_the_middle_is_kept_in_proportion():
    wide = np.zeros((4, 12, 3), "uint8")
    wide[:, 4:8] = 200
    assert (fit_image(wide, (8, 8)) > 150).all()


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "that Pillow opens"),
        (b"no image", "that Pillow opens"),
        (None, "no such file"),
        ("cut", "whole image"),
        (b"P6\n2x6 2\n255\n", "whole image"),
    ],
)
def test_what_is_no_whole_image_is_refused_by_name(content, message, tmp_path):
    path = tmp_path / "a.png"
    if content == "cut":
        saved(path, np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype("uint8"))
        path.write_bytes(path.read_bytes()[:2000])
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises((ValueError, FileNotFoundError), match=message) as error:
        open_image(path)
    assert str(path) in str(error.value)


def test_a_decompression_bomb_is_refused_before_it_is_decoded(monkeypatch):
    monkeypatch.setattr("course_hw5.data.image_files.LARGEST", 5)
    with pytest.raises(ValueError, match="at most 5 pixels. Received: 4 x 6"):
        open_image(Image.fromarray(GRADIENT))


def test_an_image_beyond_the_limit_of_pillow_is_said_to_be_too_large(tmp_path, monkeypatch):
    path = saved(tmp_path / "a.png", GRADIENT)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5)
    with pytest.raises(ValueError, match=r"a.png must have at most 178,956,970 pixels. Received: more"):
        open_image(path)


def test_an_image_in_the_home_folder_is_found_and_one_whose_name_starts_with_a_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name, path in (("a.png", "~/a.png"), ("~no-such-user.png", "~no-such-user.png")):
        saved(tmp_path / name, GRADIENT)
        np.testing.assert_array_equal(open_image(path), GRADIENT)
