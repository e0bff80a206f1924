import json
import re

import numpy as np
import pytest
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from course_hw5.reports.pages import scene
from course_hw5.segmentation import masks
from tests.attention.controls import texts, wait
from tests.browser import needs_browser, requests_of

pytestmark = pytest.mark.unit

NAMES = ("road", "</script><b>sky", "car")
IMAGE = np.random.default_rng(0).integers(0, 256, (60, 90, 3)).astype("uint8")
LABELS = np.repeat(np.repeat(np.array([[0, 1, 255], [0, 0, 1]], "uint8"), 30, axis=0), 30, axis=1)  # blocks of 30x30


def test_three_files_hold_the_label_map(tmp_path):
    page = scene.write_scene(IMAGE, LABELS, NAMES, tmp_path / "out" / "street.1", "Street & co")
    assert page == tmp_path / "out" / "street.1.html"
    with Image.open(tmp_path / "out" / "street.1-labels.png") as labels:
        np.testing.assert_array_equal(np.asarray(labels), LABELS)
        np.testing.assert_array_equal(np.asarray(labels.convert("RGB")), masks.colored(LABELS, 3))
    with Image.open(tmp_path / "out" / "street.1-overlay.png") as overlay:
        np.testing.assert_array_equal(np.asarray(overlay), masks.overlay(IMAGE, LABELS, 3))
    text = page.read_text()
    assert "<h1>Street &amp; co</h1>" in text and "<b>sky" not in text
    facts = json.loads(re.search('id="facts"[^>]*>([^<]*)<', text).group(1))
    assert [(entry["name"], entry["share"]) for entry in facts["classes"]] == [("road", 0.6), (NAMES[1], 0.4)]


def test_large_and_thin_images_are_reduced_on_the_page_alone(tmp_path):
    labels = np.zeros((2, 4000), "uint8")
    text = scene.write_scene(np.zeros((2, 4000, 3), "uint8"), labels, NAMES, tmp_path / "a", "a").read_text()
    assert 'width="1600" height="1"' in text
    assert Image.open(tmp_path / "a-labels.png").size == (4000, 2)


def test_what_does_not_fit_is_refused_before_anything_is_written(tmp_path):
    for image, labels, message in ((IMAGE[:9], LABELS, "image's size"), (IMAGE, LABELS + 2, r"lie in \[0, 2\]")):
        with pytest.raises(ValueError, match=message):
            scene.write_scene(image, labels, NAMES, tmp_path / "out" / "a", "a")
    assert not (tmp_path / "out").exists()


@pytest.fixture
def page(driver, tmp_path):
    path = scene.write_scene(IMAGE, LABELS, NAMES, tmp_path / "page", "a")
    driver.get_log("performance"), driver.get_log("browser")
    driver.get(f"file://{path}")
    wait(driver, "return document.body.dataset.ready")
    yield driver
    assert driver.get_log("browser") == []
    assert {*requests_of(driver)} == {f"file://{path}"}


@needs_browser
@pytest.mark.parametrize("size", [(1600, 400), (300, 1200)])
def test_images_keep_their_proportion(driver, tmp_path, size):
    labels = np.zeros(size, "uint8")
    path = scene.write_scene(np.zeros((*size, 3), "uint8"), labels, NAMES, tmp_path / "page", "a")
    driver.get(f"file://{path}")
    wait(driver, "return document.body.dataset.ready")
    height, width = driver.execute_script(
        "const box = document.getElementById('map').getBoundingClientRect(); return [box.height, box.width, innerHeight]"
    )[:2]
    assert height / width == pytest.approx(size[0] / size[1], rel=0.02) and height <= 0.8 * 900


def pointed(driver, column, row):
    """What the page says of a block of the segmentation mask."""
    driver.execute_script(
        "const box = document.getElementById('map').getBoundingClientRect();"
        f"const clientX = box.left + box.width * {(column + 0.5) / 3}, clientY = box.top + box.height * {(row + 0.5) / 2};"
        "document.getElementById('map').dispatchEvent(new PointerEvent('pointermove', {clientX, clientY, bubbles: true}))"
    )
    return texts(driver, "#pointed")[0]


def shown_colors(driver):
    """The colours that the segmentation mask shows, in its blocks."""
    return driver.execute_script(
        "const context = document.getElementById('map').getContext('2d');"
        "return [15, 45].map((y) => [15, 45, 75].map((x) => [...context.getImageData(x, y, 1, 1).data]))"
    )


@needs_browser
def test_pointing_at_a_pixel_names_its_class(page):
    found = [[pointed(page, column, row) for column in range(3)] for row in range(2)]
    road, sky = "road, 60 % of the image", "</script><b>sky, 40 % of the image"
    assert found == [[road, sky, "no label"], [road, road, sky]]
    pointed(page, 1, 0)
    assert texts(page, "#legend .pointed button") == ["</script><b>sky40 %"]


@needs_browser
def test_a_class_is_shown_alone_by_click_and_by_keyboard(page):

    blue, none = [*map(int, masks.palette(3)[0]), 255], [0, 0, 0, 0]
    other = [*map(int, masks.palette(3)[1]), 255]
    assert shown_colors(page) == [[blue, other, none], [blue, blue, other]]
    page.execute_script("document.querySelectorAll('#legend button')[1].click()")
    assert shown_colors(page) == [[none, other, none], [none, none, other]]
    ActionChains(page).send_keys(Keys.ESCAPE).perform()
    assert shown_colors(page) == [[blue, other, none], [blue, blue, other]]
    ActionChains(page).send_keys(Keys.ARROW_DOWN).perform()
    assert shown_colors(page) == [[blue, none, none], [blue, blue, none]]
