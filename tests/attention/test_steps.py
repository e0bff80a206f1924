"""The panel of one weight, step by step, in a browser."""

import numpy as np
import pytest
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from course_hw5.attention.viewer.page import head_view, patch_view
from tests.attention.controls import choose, click, texts, wait
from tests.attention.test_vectors import ATTENTION, BIAS, KEY, NAMES, QUERY, VALUE, VECTORS, softmax_of
from tests.browser import needs_browser

pytestmark = [pytest.mark.unit, needs_browser]

SCENE = np.random.default_rng(1).integers(0, 256, (40, 40, 3), "uint8")


@pytest.fixture
def page(open_page):
    def open_words(attention=ATTENTION, found=VECTORS, **options):
        return open_page(head_view, attention, NAMES, vectors=found, **options)

    return open_words


@pytest.fixture
def image(open_page):
    """Patches of an image, with [CLS]: two rows of two."""

    def open_image(**options):
        more = {"grid": (2, 2), "position_logits": BIAS, "vectors": VECTORS} | options
        return open_page(patch_view, softmax_of(BIAS), SCENE, **more)

    return open_image


def shown(driver, *weight):
    """Waits until the panel shows that weight, (layer, head, query, key)."""
    wait(driver, f"return document.getElementById('steps').dataset.shown === {' '.join(map(str, weight))!r}")
    assert driver.execute_script("return document.getElementById('steps').open")


def table(driver, selector):
    """Rows of a table by their names; NaN where a cell is empty."""
    rows = driver.execute_script(
        "const rows = document.querySelectorAll(`${arguments[0]} tbody tr`);"
        "return [...rows].map((row) => [...row.cells].map((cell) => cell.textContent))",
        selector,
    )
    return {name: [number(cell) for cell in cells] for name, *cells in rows}


def number(text):
    return float(text.replace("−", "-")) if text else np.nan


def near(values):
    """Equal to what is shown of 16 bits: four decimals, or three digits where small."""
    return pytest.approx(np.asarray(values, "float64"), abs=6e-4, rel=6e-3)


def expected_rows(layer, head, query, bias=None):
    """Of each key: content logit and bias if there is one, logit, power, weight."""
    content = KEY[layer, head] @ QUERY[layer, head, query] * 0.5
    terms = [] if bias is None else [content, bias[layer, head, query]]
    logits = sum(terms) if terms else content
    powers = np.exp(logits - logits.max())
    return dict(zip(NAMES, np.stack([*terms, logits, powers, powers / powers.sum()], axis=1)))


def expect_numbers(driver, layer, head, query, key, attention=ATTENTION, bias=None):
    """All numbers of the panel are those of the arrays."""
    q, k, v = QUERY[layer, head, query], KEY[layer, head, key], VALUE[layer, head, key]
    weights = attention[layer, head, query]
    vectors = np.stack([q, k, q * k, v, weights[key] * v, weights @ VALUE[layer, head]], axis=1)
    found = table(driver, "#step-table")
    assert [found[str(i)] for i in range(4)] == [near(row) for row in vectors]
    rows, expected = table(driver, "#step-4"), expected_rows(layer, head, query, bias)
    names = NAMES if bias is None else ["[CLS]", "r0c0", "r0c1", "r1c0", "r1c1"]
    assert [rows[name] for name in names] == [near(row) for row in expected.values()]
    values = [number(text) for text in texts(driver, "#step-3 dd")]
    assert (values[0], values[1], values[-1]) == (near((q * k).sum()), 0.5, near(expected[NAMES[key]][-3]))
    assert number(texts(driver, "#steps-place")[0].split(": ")[-1]) == near(weights[key])
    output = weights @ VALUE[layer, head]
    shares = weights * (VALUE[layer, head] @ output) / (output @ output)
    given = table(driver, "#step-6")
    lengths = np.linalg.norm(VALUE[layer, head], axis=-1)
    assert [given[name] for name in names] == [near(row) for row in np.stack([weights, lengths, shares], axis=1)]


def click_line(driver, query, key):
    """Clicks the line between two tokens, of which the query is chosen, near the key."""
    click(driver, ".tokens.query li", query)
    wait(driver, "return document.querySelector('.tokens.key .number').textContent")
    canvas = driver.find_element(By.CSS_SELECTOR, ".columns canvas")
    x, y = canvas.size["width"] // 2 - 3, int((key + 0.5) * 25 - canvas.size["height"] / 2)
    ActionChains(driver, duration=0).move_to_element_with_offset(canvas, x, y).click().perform()


def test_a_click_on_a_line_opens_its_steps_with_the_numbers_of_the_arrays(page):
    driver = page(layer=1, heads=[2])
    click_line(driver, 3, 2)
    shown(driver, 1, 2, 3, 2)
    expect_numbers(driver, 1, 2, 3, 2)
    assert texts(driver, "#steps-place")[0].startswith("Layer 1, head 2: “c” looks at “b”: ")
    assert texts(driver, "#step-3 p") == ["This layer adds no position bias.", "No key is hidden by a mask."]


def test_layer_head_query_and_key_are_changed_within_the_panel(page):
    driver = page()
    click(driver, "#steps-open")
    wait(driver, "return document.getElementById('steps').open")
    for menu, text in (("steps-layer", "1"), ("steps-query", "4: [SEP]"), ("steps-key", "0: [CLS]")):
        script = "const [id, text] = arguments, menu = document.getElementById(id);" + (
            "menu.value = [...menu.options].find((o) => o.text === text).value; menu.dispatchEvent(new Event('change'))"
        )
        driver.execute_script(script, menu, text)
    click(driver, "#steps-heads button", 1)
    shown(driver, 1, 1, 4, 0)
    expect_numbers(driver, 1, 1, 4, 0)
    assert [number(text) for text in texts(driver, "#steps-heads span")] == [near(ATTENTION[1, h, 4, 0]) for h in range(3)]


def test_a_bias_and_a_hidden_key_are_told(page):
    bias = np.where(np.arange(5) == 3, -np.inf, BIAS)
    attention = softmax_of(bias)
    driver = page(attention, VECTORS | {"bias": bias})
    click(driver, "#views button", 1)
    wait(driver, "return document.body.dataset.shown.startsWith('Matrix')")
    cell = driver.find_element(By.CSS_SELECTOR, "#stage canvas")
    cell.send_keys(*[Keys.ARROW_DOWN] * 2, *[Keys.ARROW_RIGHT] * 3, Keys.ENTER)
    wait(driver, "return document.getElementById('steps').open")
    assert texts(driver, "#step-3 dd")[-1] == "−∞"
    assert texts(driver, "#step-3 p")[-1] == "The mask hides “c”: its logit is −∞, and its weight 0."
    found = table(driver, "#step-4")["c"]
    assert np.isnan(found[2]) and found[3:] == [0, 0]
    assert texts(driver, "#step-4 p")[0].startswith("e^(−∞ − ")
    driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    cell.send_keys(Keys.ARROW_LEFT, Keys.ENTER)
    wait(driver, "return document.getElementById('steps').dataset.shown.endsWith(' 1 2')")
    assert texts(driver, "#step-3 p")[-1] == "The mask hides 1 of 5 keys: its logit is −∞, and its weight 0."
    rows = table(driver, "#step-4")
    content = KEY @ QUERY[:, :, 1, :, None] * 0.5
    head = int(driver.execute_script("return document.getElementById('steps').dataset.shown").split()[1])
    assert rows["b"] == near([content[0, head, 2, 0], bias[0, head, 1, 2], *rows["b"][2:4], attention[0, head, 1, 2]])


def test_a_weight_of_fewer_digits_is_told_beside_that_of_the_vectors(page):
    coarse = ATTENTION.copy()
    coarse[0, 0, 0] += np.array([0.01, -0.01, 0, 0, 0], "float32")
    driver = page(coarse, heads=[0])
    click_line(driver, 0, 0)
    shown(driver, 0, 0, 0, 0)
    told = [text for text in texts(driver, "#step-4 p") if text.startswith("The model has")]
    assert len(told) == 1 and number(told[0].split()[3].rstrip(":")) == near(coarse[0, 0, 0, 0])


def test_escape_closes_the_panel_alone_and_the_focus_is_where_it_was(page):
    driver = page()
    click(driver, ".tokens.query li", 2)
    driver.find_element(By.ID, "steps-open").send_keys(Keys.ENTER)
    wait(driver, "return document.activeElement.id === 'steps-title'")
    assert texts(driver, "#steps-place")[0].startswith("Layer 0, head ") and "“b” looks at" in texts(driver, "#steps-place")[0]
    ActionChains(driver).send_keys(Keys.ESCAPE).perform()
    assert not driver.execute_script("return document.getElementById('steps').open")
    assert driver.execute_script("return document.activeElement.id") == "steps-open"
    assert texts(driver, "li.chosen bdi") == ["b"]


def test_what_is_averaged_has_no_steps_to_click(page):
    driver = page()
    choose(driver, "kind", "Rollout")
    click(driver, ".tokens.query li", 1)
    driver.execute_script("document.querySelector('.columns canvas').click()")
    assert not driver.execute_script("return document.getElementById('steps').open")


def test_steps_of_a_patch_are_opened_by_enter_with_the_position_bias(image):
    driver = image(layer=1, heads=[0], patch=2)
    driver.find_element(By.ID, "image").send_keys(Keys.SHIFT, Keys.ARROW_DOWN, Keys.NULL, Keys.ENTER)
    shown(driver, 1, 0, 2, 4)
    expect_numbers(driver, 1, 0, 2, 4, softmax_of(BIAS), BIAS)
    assert number(texts(driver, "#step-3 dd")[3]) == near(BIAS[1, 0, 2, 4])


def test_a_click_with_shift_opens_the_steps_of_a_patch_in_either_direction(image):
    driver = image(layer=0, heads=[1], patch=1)
    picture = driver.find_element(By.ID, "image")
    x, y = (picture.size[side] // 4 for side in ("width", "height"))
    there = ActionChains(driver, duration=0).move_to_element_with_offset(picture, x, -y)  # r0c1
    there.key_down(Keys.SHIFT).click().key_up(Keys.SHIFT).perform()
    shown(driver, 0, 1, 1, 2)
    click(driver, "#steps-close")
    click(driver, "[aria-label=Direction] button", 1)
    there = ActionChains(driver, duration=0).move_to_element_with_offset(picture, x, -y)
    there.key_down(Keys.SHIFT).click().key_up(Keys.SHIFT).perform()
    shown(driver, 0, 1, 2, 1)


def at_step(driver, number):
    """The tour is at that step, whose box has the focus and is described by its text."""
    wait(driver, f"return document.querySelector('#tour')?.closest('li').id === 'step-{number}'")
    assert texts(driver, "#tour-count") == [f"Step {number} of 6"]
    assert driver.execute_script("return document.activeElement.id") == "tour-next"
    assert driver.execute_script("return document.activeElement.getAttribute('aria-describedby')") == "tour-text"
    seen = "const {top} = document.getElementById('tour').getBoundingClientRect(); return top >= 0 && top < innerHeight - 60"
    assert driver.execute_script(seen)


def start_tour(driver):
    driver.find_element(By.ID, "steps-open").send_keys(Keys.ENTER)
    wait(driver, "return document.activeElement.id === 'steps-title'")
    driver.switch_to.active_element.send_keys(Keys.TAB, Keys.ENTER)
    at_step(driver, 1)


def press(driver, *keys):
    ActionChains(driver).send_keys(*keys).perform()


def test_a_tour_goes_through_six_steps_by_enter_and_ends_where_it_began(page):
    driver = page()
    start_tour(driver)
    said = []
    for step in range(1, 7):
        at_step(driver, step)
        said += texts(driver, "#tour-text")
        assert texts(driver, "#tour button") == ["Back", "Next" if step < 6 else "Done", "Skip"]
        press(driver, Keys.ENTER)
    assert len({*said}) == 6 and not texts(driver, "#tour, .toured")
    assert driver.execute_script("return document.activeElement.id") == "tour-start"
    weight = texts(driver, "#steps-place")[0].split(": ")[-1]
    assert all(weight in said[step - 1] for step in (4, 5, 6))


def test_arrow_keys_go_through_the_tour_and_escape_ends_it_alone(page):
    driver = page()
    start_tour(driver)
    press(driver, Keys.ARROW_LEFT)
    at_step(driver, 1)
    press(driver, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    at_step(driver, 3)
    press(driver, Keys.ARROW_LEFT)
    at_step(driver, 2)
    press(driver, Keys.ESCAPE)
    assert not texts(driver, "#tour, .toured")
    assert driver.execute_script("return [document.activeElement.id, document.getElementById('steps').open]") == [
        "tour-start",
        True,
    ]
    press(driver, Keys.ESCAPE)
    assert not driver.execute_script("return document.getElementById('steps').open")


def test_the_tour_goes_on_with_another_head_and_ends_with_the_panel(page):
    driver = page()
    start_tour(driver)
    press(driver, Keys.ENTER)
    at_step(driver, 2)
    said = texts(driver, "#tour-text")
    buttons = "[...document.querySelectorAll('#steps-heads button')]"
    other = driver.execute_script(f"return {buttons}.findIndex((button) => button.getAttribute('aria-pressed') === 'false')")
    click(driver, "#steps-heads button", other)
    wait(driver, f"return document.getElementById('tour-text').textContent !== {said[0]!r}")
    assert texts(driver, "#tour-count") == ["Step 2 of 6"]
    click(driver, "#tour button", 0)
    at_step(driver, 1)
    click(driver, "#steps-close")
    click(driver, "#steps-open")
    wait(driver, "return document.getElementById('steps').open")
    assert not texts(driver, "#tour, .toured")
    click(driver, "#tour-start")
    click(driver, "#tour button", 2)
    assert not texts(driver, "#tour, .toured")


def test_a_tour_tells_of_a_bias_and_of_a_hidden_key(page):
    bias = np.where(np.arange(5) == 3, -np.inf, BIAS)
    driver = page(softmax_of(bias), VECTORS | {"bias": bias}, heads=[0])
    click_line(driver, 3, 2)
    shown(driver, 0, 0, 3, 2)
    click(driver, "#tour-start")
    click(driver, "#tour-next")
    click(driver, "#tour-next")
    assert "The position bias is added" in texts(driver, "#tour-text")[0]
    driver.execute_script(
        "const menu = document.getElementById('steps-key'); menu.value = 3; menu.dispatchEvent(new Event('change'))"
    )
    wait(driver, "return document.getElementById('tour-text').textContent.includes('the mask hides “c”')")


def test_a_page_opens_with_the_steps_of_a_weight(page):
    driver = page(layer=1, weight=(2, 3, 1))
    shown(driver, 1, 2, 3, 1)
    wait(driver, "return document.activeElement.id === 'steps-title'")
    press(driver, Keys.ESCAPE)
    assert not driver.execute_script("return document.getElementById('steps').open")


def test_in_a_notebook_a_weight_is_open_at_first_without_taking_the_focus(driver, tmp_path):
    html = head_view(ATTENTION, NAMES, vectors=VECTORS, weight=(0, 1, 2), html_action="return")._repr_html_()
    (tmp_path / "notebook.html").write_text(f"<!DOCTYPE html><input>{html}")
    driver.get(f"file://{tmp_path}/notebook.html")
    driver.execute_script("document.querySelector('input').focus()")
    wait(driver, "return Boolean(document.querySelector('iframe').contentDocument.querySelector('#steps[open] #step-6'))")
    assert driver.execute_script("return document.activeElement.tagName") == "INPUT"
    assert driver.execute_script("return document.querySelector('iframe').offsetHeight") >= 800
    driver.switch_to.frame(0)
    driver.find_element(By.ID, "steps-title").send_keys(Keys.ESCAPE)
    assert not driver.execute_script("return document.getElementById('steps').open")
    driver.switch_to.default_content()


def test_a_long_token_makes_the_panel_no_wider(open_page):
    names = ["[CLS]", "a" * 300, "b", "c", "[SEP]"]
    driver = open_page(head_view, ATTENTION, names, vectors=VECTORS, weight=(0, 1, 1))
    shown(driver, 0, 0, 1, 1)
    click(driver, "#tour-start")
    assert driver.execute_script("const {scrollWidth, clientWidth} = steps; return scrollWidth - clientWidth") == 0


def test_another_scale_and_products_of_zero_are_told_as_they_are(page):
    vectors = {"query": [[[[2, 0, 0]] * 5]], "key": [[[[3, 1, 0]] * 5]], "value": [[[[1.0]] * 5]], "scale": -1}
    driver = page(np.full((1, 1, 5, 5), 0.2), {name: np.float32(part) for name, part in vectors.items()}, weight=(0, 1, 2))
    shown(driver, 0, 0, 1, 2)
    assert texts(driver, "#step-2 p")[0].endswith("are those of dimension 0 (2.0000 × 3.0000 = 6.0000).")
    assert texts(driver, "#step-3 dt")[1] == "× scale" and texts(driver, "#step-3 dd")[1:] == ["−1.0000", "−6.0000"]
    click(driver, "#tour-start")
    click(driver, "#tour-next")
    click(driver, "#tour-next")
    assert "multiplied by the scale, −1.0000. This gives the logit, −6.0000" in texts(driver, "#tour-text")[0]
