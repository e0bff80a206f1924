"""A page that runs a model: what readers do with it, and Keras's numbers for the same."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from course_hw5.text.encoding import encode
from tests.attention.controls import click, texts, wait
from tests.browser import needs_browser, requests_of

pytestmark = needs_browser
TEXT = "The film is not bad at all"


@pytest.fixture(scope="module")
def models():
    """A small BERT and a small BEiT."""
    from tests.golden import live

    return {"bert": live.small_bert(), "beit": live.small_beit()}


@pytest.fixture(scope="module")
def written(models, tmp_path_factory):
    """Their pages with weights in float32, and of the BEiT one in int8."""
    from course_hw5.explanation import live

    folder = tmp_path_factory.mktemp("live")
    for name, model in models.items():
        (folder / f"{name}.html").write_text(live.live_page(model, name, "float32"), encoding="utf-8")
    return folder


@pytest.fixture
def open_live(driver, written):
    """A function that opens a page; whatever is done with it, it asks for nothing and reports nothing."""
    address = None

    def open_page(name, link=""):
        nonlocal address
        address = (written / f"{name}.html").as_uri()
        driver.get("about:blank")
        driver.get_log("performance"), driver.get_log("browser")
        driver.get(address + link)
        answered(driver)
        return driver

    yield open_page
    assert driver.get_log("browser") == []
    assert {url.split("#")[0] for url in requests_of(driver)} <= {address}


def answered(driver, act=None):
    """The page's numbers, after `act` those that are new."""
    if act:
        driver.execute_script("delete document.body.dataset.answer")
        act()
    return [*map(float, wait(driver, "return document.body.dataset.answer").split())]


def type_text(driver, text, sentence=0):
    script = "const [id, text] = arguments, area = document.getElementById(id); area.value = text;"
    script += "area.dispatchEvent(new Event('input'))"
    return answered(driver, lambda: driver.execute_script(script, f"text-{sentence}", text))


def odds(probability):
    return float(np.log(probability / (1 - probability)))


def keras_odds(model, text, masked=(), off=()):
    """The log-odds of a text with the words at some places masked and some heads, (layer, head), off."""
    ids = encode(text, 24, None, model.tokenizer).ids
    ids[[place + 1 for place in masked]] = model.tokenizer.mask_token_id  # each word is one piece
    kernels = {layer: model.backbone.transformer_layers[layer].attention.output_dense.kernel for layer, _ in off}
    before = {layer: kernel.numpy() for layer, kernel in kernels.items()}
    for layer, head in off:
        changed = kernels[layer].numpy()
        changed[head] = 0
        kernels[layer].assign(changed)
    try:
        return odds(float(model(ids[None])[0, 0]))
    finally:
        for layer, kernel in kernels.items():
            kernel.assign(before[layer])


def link_of(driver):
    click(driver, "#copy-link")
    address = wait(driver, "return document.getElementById('link').value")
    data = address.split("#")[1]
    state = json.loads(base64.urlsafe_b64decode(data + "=" * (-len(data) % 4)))
    return "#" + data, state


# === Texts ===


def test_what_is_typed_is_answered_as_by_keras_and_each_word_weighed(open_live, models):
    driver, bert = open_live("bert"), models["bert"]
    (found,) = type_text(driver, TEXT)
    assert found == pytest.approx(keras_odds(bert, TEXT), abs=1e-4)
    assert texts(driver, ".tokens.key bdi") == ["[CLS]", *TEXT.lower().split(), "[SEP]"]
    wait(driver, "return [...document.querySelectorAll('#words-0 small')].every((e) => e.textContent.trim())")
    told = [float(text.replace("−", "-")) for text in texts(driver, "#words-0 small")]
    expected = [keras_odds(bert, TEXT, [place]) - found for place in range(7)]
    assert np.abs(np.subtract(told, expected)).max() < 0.0501


def test_attention_is_keras_s(open_live, models, downloads):
    from course_hw5.explanation.extract import extractor, of_first

    driver, path = open_live("bert"), downloads / "attention-all-layers.csv"
    type_text(driver, TEXT)
    click(driver, "#views button", 2)
    wait(driver, "return document.querySelectorAll('.grid button').length === 8")
    path.unlink(missing_ok=True)
    click(driver, "#save button", 2)
    while not path.exists():
        pass
    rows = [line.split(",")[-9:] for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    ids = encode(TEXT, 24, None, models["bert"].tokenizer).ids
    expected = of_first(extractor(models["bert"])(ids[None])["attention_weights"])
    assert np.abs(np.array(rows, float).reshape(expected.shape) - expected).max() < 1e-4


def test_a_word_is_masked_by_a_click_and_that_is_undone(open_live, models):
    driver = open_live("bert")
    (whole,) = type_text(driver, TEXT)
    (masked,) = answered(driver, lambda: click(driver, "#words-0 .word", 4))
    assert masked == pytest.approx(keras_odds(models["bert"], TEXT, [4]), abs=1e-4)
    assert texts(driver, ".tokens.key bdi")[5] == "[MASK]" and texts(driver, "#chosen-word") == ["bad"]
    assert answered(driver, lambda: click(driver, "#undo")) == [whole]
    assert answered(driver, lambda: click(driver, "#redo")) == [masked]


def test_a_word_is_dragged_and_moved_by_keys(open_live, models):
    driver = open_live("bert")
    type_text(driver, TEXT)
    words = driver.find_elements(By.CSS_SELECTOR, "#words-0 .word")
    (found,) = answered(driver, lambda: ActionChains(driver).drag_and_drop(words[3], words[1]).perform())
    moved = "The not film is bad at all"
    assert driver.execute_script("return document.getElementById('text-0').value") == moved
    assert found == pytest.approx(keras_odds(models["bert"], moved), abs=1e-4)
    words[1].send_keys(Keys.ALT, Keys.ARROW_RIGHT)
    wait(driver, "return document.getElementById('text-0').value === 'The film not is bad at all'")


def test_a_word_is_replaced(open_live, models):
    driver = open_live("bert")
    type_text(driver, TEXT)
    driver.find_elements(By.CSS_SELECTOR, "#words-0 .word")[4].send_keys(Keys.F2)
    assert driver.execute_script("return document.activeElement.value") == "bad"
    (found,) = answered(driver, lambda: driver.switch_to.active_element.send_keys("good", Keys.ENTER))
    assert found == pytest.approx(keras_odds(models["bert"], TEXT.replace("bad", "good")), abs=1e-4)


def test_heads_are_switched_off(open_live, models):
    driver = open_live("bert")
    (whole,) = type_text(driver, TEXT)
    answered(driver, lambda: click(driver, ".switch", 1))
    (found,) = answered(driver, lambda: click(driver, ".switch", 6))
    assert found == pytest.approx(keras_odds(models["bert"], TEXT, off=[(0, 1), (1, 2)]), abs=1e-4)
    assert answered(driver, lambda: click(driver, "#heads-on")) == [whole]


def test_two_sentences_differ_in_log_odds_and_attention_and_a_link_restores_them(open_live, models):
    driver = open_live("bert")
    (first,) = type_text(driver, TEXT)
    answered(driver, lambda: click(driver, "#compare"))
    found = type_text(driver, TEXT.replace("bad", "good"), 1)
    second = keras_odds(models["bert"], TEXT.replace("bad", "good"))
    assert found == pytest.approx([first, second], abs=1e-4)
    (told,) = texts(driver, "#difference")
    assert f"{second - first:+.2f}".replace("-", "−") in told
    assert driver.execute_script("return document.getElementById('kind').options[2].disabled") is False
    answered(driver, lambda: click(driver, "#words-0 .word", 0))
    link, state = link_of(driver)
    assert state["texts"] == [TEXT, TEXT.replace("bad", "good")] and state["masked"] == [[0], []]
    now = driver.execute_script("return document.body.dataset.answer")
    open_live("bert", link)
    wait(driver, f"return document.body.dataset.answer === '{now}'")
    answered(driver, lambda: click(driver, "#compare"))
    assert not driver.find_element(By.ID, "sentence-1").is_displayed()


def test_a_new_keystroke_ends_what_ran_before(open_live, models):
    driver = open_live("bert")
    for count in range(1, 8):
        type_text(driver, " ".join(TEXT.split()[:count]))
    assert texts(driver, ".tokens.key bdi") == ["[CLS]", *TEXT.lower().split(), "[SEP]"]


HOSTILE = "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>\u202e\x00"


def test_hostile_text_is_text_and_a_long_one_is_cut(open_live):
    driver = open_live("bert")
    type_text(driver, HOSTILE)
    assert driver.execute_script("return window.hacked") is None
    assert "script" in "".join(texts(driver, "#words-0 bdi")) and not driver.find_elements(By.CSS_SELECTOR, "#live img")
    type_text(driver, "film " * 20_000)
    assert driver.execute_script("return document.getElementById('text-0').value.length") == 5000
    (note,) = texts(driver, "#live-note")
    assert note == "The text was cut: this page takes 5,000 characters. The model reads the first 24 of 1,002 tokens."
    type_text(driver, "")
    assert texts(driver, ".tokens.key bdi") == ["[CLS]", "[SEP]"]


def test_a_link_that_does_not_fit_is_refused_in_a_sentence(open_live):
    driver = open_live("bert", "#bm90aGluZw")
    assert texts(driver, "#live-note") == ["The link does not fit this page: the page starts anew."]


def test_an_older_browser_gives_the_same_answer(open_live, written):
    """Without `Uint8Array.fromBase64`, and where WebAssembly does not take the code."""
    driver = open_live("bert")
    before = driver.execute_script("return document.body.dataset.answer")
    text = (written / "bert.html").read_text(encoding="utf-8")
    code = text.split('id="live-code">')[1].split("<")[0]
    (written / "older.html").write_text(text.replace(code, "AAAA"), encoding="utf-8")
    script = driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": "delete Uint8Array.fromBase64"})
    try:
        open_live("older")
    finally:
        driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)
    assert driver.execute_script("return document.body.dataset.engine") == "plain"
    assert answered(driver) == pytest.approx([float(before)], abs=1e-4)


def test_the_page_runs_no_other_script(driver, written):
    driver.get((written / "bert.html").as_uri())
    answered(driver)
    inject = "const made = document.createElement('script'); made.textContent = 'window.hacked = 1';"
    assert driver.execute_script(f"{inject} document.body.append(made); return window.hacked") is None
    policy = driver.execute_script("return document.querySelector('meta[http-equiv]').content")
    assert "unsafe-inline" not in policy and "'unsafe-eval'" not in policy and policy.startswith("default-src 'none'")
    driver.get_log("browser")  # says that the script was refused


# === Images ===


def keras_shares(model, pixels):
    return np.asarray(model(np.asarray(pixels, "uint8").reshape(1, 12, 16, 3)))[0]


def pixels_of(driver):
    _, state = link_of(driver)
    return np.frombuffer(base64.urlsafe_b64decode(state["pixels"] + "=" * (-len(state["pixels"]) % 4)), "uint8")


def stroke(driver, *points):
    """Draws on the image from point to point, in shares of its width and height."""
    image = driver.find_element(By.ID, "image")
    driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", image)
    size = image.size
    at = [((x - 0.5) * size["width"], (y - 0.5) * size["height"]) for x, y in points]
    actions = ActionChains(driver).move_to_element_with_offset(image, *at[0]).click_and_hold()
    for x, y in at[1:]:
        actions = actions.move_to_element_with_offset(image, x, y)
    actions.release().perform()


def test_an_image_is_drawn_on_and_rubbed_out(open_live, models):
    driver, beit = open_live("beit"), models["beit"]
    before = pixels_of(driver).reshape(12, 16, 3)
    assert answered(driver) == pytest.approx(keras_shares(beit, before), abs=1e-4)
    click(driver, "#brush button", 1)
    stroke(driver, (0.1, 0.1), (0.9, 0.1))
    wait(driver, "return document.body.dataset.idle")
    drawn = pixels_of(driver).reshape(12, 16, 3)
    assert (drawn[1, 2:14] == [0x1E, 0x50, 0xB4]).all() and (drawn[5:] == before[5:]).all()
    assert answered(driver) == pytest.approx(keras_shares(beit, drawn), abs=1e-4)
    click(driver, "#brush button", 2)
    stroke(driver, (0.4, 0.9), (0.6, 0.9))
    wait(driver, "return document.body.dataset.idle")
    rubbed = pixels_of(driver).reshape(12, 16, 3)
    assert (rubbed[8:, 4:12] == 127).all() and (rubbed[:8] == drawn[:8]).all()
    assert answered(driver) == pytest.approx(keras_shares(beit, rubbed), abs=1e-4)
    answered(driver, lambda: click(driver, "#undo"))
    assert (pixels_of(driver).reshape(12, 16, 3) == drawn).all()


def test_heads_of_an_image_are_switched_off(open_live, models):
    driver, beit = open_live("beit"), models["beit"]
    pixels, kernel = pixels_of(driver), beit.backbone.blocks[1].attention.output_kernel
    found = answered(driver, lambda: click(driver, ".switch", 4))  # head 1 of layer 1
    before = kernel.numpy()
    kernel.assign(np.where((np.arange(24) // 8 == 1)[:, None], 0, before))
    assert found == pytest.approx(keras_shares(beit, pixels), abs=1e-4)
    kernel.assign(before)


def test_patches_are_filled_by_keys(open_live, models):
    driver = open_live("beit")
    click(driver, "#brush button", 2)
    driver.execute_script("document.getElementById('image').focus()")
    answered(driver, lambda: ActionChains(driver).send_keys(Keys.ARROW_RIGHT, Keys.ARROW_DOWN, Keys.SPACE).perform())
    pixels = pixels_of(driver).reshape(12, 16, 3)
    assert (pixels[4:8, :4] == 127).all()
    assert answered(driver) == pytest.approx(keras_shares(models["beit"], pixels), abs=1e-4)


def test_image_files_are_taken_reduced_or_refused_in_a_sentence(open_live, models, tmp_path):
    driver, beit = open_live("beit"), models["beit"]
    file = driver.find_element(By.ID, "file")
    image = np.random.default_rng(2).integers(0, 256, (12, 16, 3), dtype="uint8")
    Image.fromarray(image).save(tmp_path / "small.png")
    found = answered(driver, lambda: file.send_keys(str(tmp_path / "small.png")))
    assert found == pytest.approx(keras_shares(beit, image), abs=1e-4)
    (tmp_path / "<b>broken.png").write_bytes((tmp_path / "small.png").read_bytes()[:300])
    file.send_keys(str(tmp_path / "<b>broken.png"))
    wait(driver, "return document.getElementById('live-note').textContent")
    assert texts(driver, "#live-note") == ["<b>broken.png is no image that this browser can read."]
    Image.new("L", (10_000, 10_000), 200).save(tmp_path / "large.png")
    answered(driver, lambda: file.send_keys(str(tmp_path / "large.png")))
    assert texts(driver, "#live-note") == ["large.png has 10,000 × 10,000 pixels and was reduced."]
    assert (pixels_of(driver) == 200).all()


def test_a_bundled_drawing_and_a_blank_image_are_taken(open_live, models):
    driver = open_live("beit")
    first = answered(driver)
    assert answered(driver, lambda: click(driver, ".drawing", 1)) != first
    found = answered(driver, lambda: click(driver, "#blank"))
    assert found == pytest.approx(keras_shares(models["beit"], np.full((12, 16, 3), 255)), abs=1e-4)


def test_a_dropped_image_is_taken_and_never_opened_in_place_of_the_page(open_live, models):
    drop = """
        const files = new DataTransfer();
        files.items.add(new File([Uint8Array.from(atob(arguments[0]), (c) => c.charCodeAt(0))], 'dropped.png'));
        const event = new DragEvent('drop', { dataTransfer: files, bubbles: true, cancelable: true });
        return document.getElementById('live').dispatchEvent(event);"""
    stream = io.BytesIO()
    Image.new("RGB", (32, 24), (10, 200, 30)).save(stream, "PNG")
    data, driver = base64.b64encode(stream.getvalue()).decode(), open_live("beit")
    found = answered(driver, lambda: driver.execute_script(drop, data))
    assert found == pytest.approx(keras_shares(models["beit"], np.full((12, 16, 3), (10, 200, 30))), abs=1e-4)
    driver = open_live("bert")
    assert driver.execute_script(drop, data) is False
    assert texts(driver, "#live-note") == ["This page reads what is typed or pasted as the sentence, no files."]


# === The tour ===


@pytest.mark.parametrize("name", ["bert", "beit"])
def test_the_tour_has_eight_steps_by_keys_and_leaves_the_page_as_it_was(open_live, name):
    driver = open_live(name)
    before = driver.execute_script("return document.body.dataset.answer")
    driver.find_element(By.ID, "tour-start").send_keys(Keys.ENTER)
    titles = []
    for step in range(1, 9):
        wait(driver, f"return document.getElementById('tour-title').textContent.startsWith('{step} of 8')")
        titles += texts(driver, "#tour-title")
        wait(driver, "return document.querySelector('.toured')?.checkVisibility()")
        ActionChains(driver).send_keys(Keys.ARROW_RIGHT).perform()
    assert len({*titles}) == 8
    driver.find_element(By.ID, "tour-next").send_keys(Keys.ENTER)
    wait(driver, f"return document.body.dataset.answer === '{before}'")
    assert not driver.find_element(By.ID, "tour").is_displayed()
    assert driver.execute_script("return document.activeElement.id") == "tour-start"


def test_the_tour_is_skipped_by_escape(open_live):
    driver = open_live("bert")
    click(driver, "#tour-start")
    ActionChains(driver).send_keys(Keys.ESCAPE).perform()
    assert not driver.find_element(By.ID, "tour").is_displayed()
