"""Pages that everyone can use: by keyboard, by ear, in the dark, on a phone, in another language."""

import html.parser
import json
import pathlib
import re
import shutil

import jinja2
import pytest
from selenium.webdriver import ActionChains
from selenium.webdriver.common.keys import Keys

from course_hw5.attention.live import live_page
from course_hw5.attention.viewer import templates
from course_hw5.reports.pages import components, run
from tests import pages
from tests.attention.controls import click, texts, wait
from tests.browser import AXE, needs_axe, needs_browser

pytestmark = pytest.mark.unit

VIEWER = pathlib.Path(templates.__file__).parent
ASSETS = pathlib.Path(components.__file__).parent / "assets"
LIVE = VIEWER.parent / "live"
FILES = [path for folder in (VIEWER, LIVE, ASSETS) for path in sorted(folder.iterdir())]
CATALOGUES = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in FILES if path.suffix == ".json"}
SHOWN = ("aria-label", "title", "alt", "placeholder")  # attributes that readers see or hear
KEYS = {"Enter", "Escape", "ArrowDown", "ArrowUp", "ArrowLeft", "ArrowRight"}
DRAGGED = {"Files"}  # a type of what is dragged
VIEWS = {
    "Image",
    "Heads",
    "Matrix",
    "Model",
    "Patching",
}  # names of views in scripts; what is shown for them is in the catalogue


def named(suffix):
    return pytest.mark.parametrize("path", [path for path in FILES if path.suffix == suffix], ids=lambda path: path.name)


# === Sources ===


@named(".css")
def test_layout_follows_the_direction_of_the_text(path):
    sides = r"(?<![\w-])(left|right)\s*:|-(left|right)\b|text-align:\s*(left|right)|float:|[( ]-?\d+deg,|(to|at) (left|right)"
    text = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"))
    assert [found.group() for found in re.finditer(sides, text)] == []


@named(".html")
def test_templates_have_no_text_of_their_own(path):
    """Neither between tags, nor in attributes, nor as a constant that is put out or handed to a macro."""
    source, nodes = path.read_text(encoding="utf-8"), jinja2.nodes
    parsed, found = components.ENVIRONMENT.parse(source), []
    for output in parsed.find_all(nodes.Output):
        calls = [call for call in output.find_all(nodes.Call) if getattr(call.node, "name", None) in ("say", "asset")]
        keys = {id(const) for call in calls for const in call.find_all(nodes.Const)}
        found += [const.value for const in output.find_all(nodes.Const) if id(const) not in keys and const.value is not True]

    class Read(html.parser.HTMLParser):
        def handle_starttag(self, tag, attributes):
            found.extend(value for name, value in attributes if name in SHOWN)

        def handle_data(self, data):
            found.append(data)

    text = re.sub(r"{#.*?#}|{%.*?%}|{{.*?}}", "", source, flags=re.S)
    Read().feed(re.sub(r"<(script|style|code)\b.*?</\1>", "", text, flags=re.S))
    words = [str(text).strip() for text in found if re.search(r"[^\W\d_]{2}", str(text))]
    assert [
        word for word in words if word not in ("history.csv", "average.", "answer")
    ] == []  # a file, the start of a key, a field


@named(".js")
def test_scripts_have_no_text_of_their_own(path):
    """No sentence, no word with a capital, no constant that becomes a text or a name of an element."""
    source = re.sub(r"^import [^;]*;|/\*.*?\*/|(?<!:)//.*?$", "", path.read_text(encoding="utf-8"), flags=re.S | re.M)
    pairs = re.findall(r'"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`', source)
    literals = [re.sub(r"\$\{[^}]*\}", "", string or template) for string, template in pairs]
    sentences = [
        text for text in literals if re.search("[a-z]{2,} [a-z]{2,}", text) and not re.search("[=<>(:]|sans|[.#][a-z]", text)
    ]
    words = [text for text in literals if re.fullmatch("[A-Z][a-z]+[A-Za-z]*", text) and text not in KEYS | VIEWS | DRAGGED]
    sinks = re.findall(r'(?:textContent|title|alt|"aria-label")\s*[=:]\s*(["`][^"`]*[A-Za-z]{2}[^"`]*)', source)
    children = re.findall(r'\}, "([^"]*[A-Za-z]{2}[^"]*)"', source)
    assert [*sentences, *words, *sinks, *children] == []


def top_names(name):
    """What a module of a page declares beside its functions' insides."""
    path = next(folder / f"{name}.js" for folder in (VIEWER, LIVE) if (folder / f"{name}.js").exists())
    text = re.sub("^export ", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = re.findall(r"^(?:async )?(?:const|let|function|class)\*? (\w+|\{.*?\})", text, re.MULTILINE | re.DOTALL)
    return [word for part in found for word in re.findall(r"\w+", part)]


@pytest.mark.parametrize(
    "names", [(*live_page.BEFORE_CONTROLS, *live_page.AFTER_CONTROLS, *templates.SCRIPTS), live_page.WORKER]
)
def test_names_of_modules_that_share_a_block_stand_once(names):
    found = [name for module in names for name in top_names(module)]
    assert len({*names}) == len(names) and [name for name in found if found.count(name) > 1] == []


def test_the_texts_of_the_live_page_leave_those_of_the_viewer_as_they_are():
    assert {*CATALOGUES["live"]} & {*CATALOGUES["attention"]} == {"lang", "dir", "digits"}


@pytest.mark.parametrize("name", CATALOGUES)
def test_a_catalogue_holds_the_texts_of_its_page_and_no_others(name):
    folders = {"attention": [VIEWER], "live": [VIEWER, LIVE]}.get(name, [])
    own = [
        path
        for folder in folders
        for path in folder.iterdir()
        if path.suffix in (".js", ".html") or path.name in ("page.py", "live_page.py")
    ]
    own = own or [*ASSETS.glob(f"{name}.*")]
    shared = [ASSETS / "components.html", ASSETS.parent / f"{name.split('_')[0]}.py", ASSETS.parents[1] / "summary.py"]
    shared += [ASSETS.parents[2] / "labs/support/result.py"] if name == "lab" else []
    read = lambda paths: "".join(path.read_text(encoding="utf-8") for path in paths if path.suffix != ".json")  # noqa: E731
    text, keys = read([*own, *([] if folders else shared)]), {*CATALOGUES[name]} - {"lang", "dir", "digits"}
    is_used = lambda key: re.search(rf"[\"'`]({key}[\"'`]|{key.split('.')[0]}\.[\"'`{{$])", text)  # noqa: E731
    assert [key for key in keys if not is_used(key)] == []
    assert {*re.findall(r"say\(\s*[\"']([\w.]+)[\"'][,)]", read(own))} <= keys | (
        {*CATALOGUES["attention"]} if name == "live" else set()
    )


# === Language ===

ARABIC_DIGITS = "۰۱۲۳۴۵۶۷۸۹٫٬−"


def test_texts_and_numbers_are_those_of_the_language():
    strings = {"digits": ARABIC_DIGITS, "heads": {"one": "{count} head of {name}", "other": "{count} heads of {name}"}}
    words = templates.Language(strings)
    assert [words.say("heads", count=count, name="{count}") for count in (1, 1200)] == [
        "۱ head of {count}",
        "۱٬۲۰۰ heads of {count}",
    ]
    assert words.number(-0.25, ".2f") == "−۰٫۲۵"


# === In a browser ===


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    return {kind: write(folder) for kind, write in pages.KINDS.items()}


@pytest.fixture
def screen(driver):
    """A function that sets the width of the window and the scheme of colours until the test ends."""

    def show(width=1200, scheme="light"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        return driver

    yield show
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def views(driver, kind):
    """Shows each view of a page in turn, with all that can be opened open."""
    settle = (lambda: wait(driver, "return document.body.dataset.idle")) if kind.startswith("live") else lambda: None
    settle()
    driver.execute_script("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    yield ""
    if kind == "live_words":
        click(driver, "#compare")
        click(driver, ".word", 1)
        settle()
        yield "two sentences, a word is masked"
    if kind == "quiz":
        click(driver, "#all")
        yield "all questions"
    if kind in ("words", "image", "live_words", "live_image"):
        click(driver, "#heads button", 1)  # one head is off
        click(driver, ".tokens.query li" if kind.endswith("words") else "#cls", 0)
        yield "a token is chosen"
        for index, name in enumerate(("Matrix", "Model", *(["Patching"] if kind == "words" else [])), 1):
            click(driver, "#views button", index)
            wait(driver, f"return document.body.dataset.shown.startsWith('{name}')")
            driver.execute_script("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
            yield name
    if kind in ("words", "image"):
        click(driver, "#steps-open")
        wait(driver, "return document.getElementById('steps').open")
        yield "the steps of a weight"
    if kind in ("words", "image", "live_words", "live_image"):
        click(driver, "#tour-start")
        click(driver, "#tour-next")
        settle()
        yield "its tour"


@needs_browser
@needs_axe
@pytest.mark.parametrize("kind", pages.KINDS)
@pytest.mark.parametrize("width, scheme", [(1200, "light"), (320, "dark")])
def test_axe_finds_nothing(written, screen, kind, width, scheme):
    driver, found = screen(width, scheme), []
    driver.get(written[kind].as_uri())
    driver.execute_script(AXE.read_text(encoding="utf-8"))
    rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    check = (
        "const [rules, done] = arguments; axe.run(document, {runOnly: rules, iframes: false, resultTypes: ['violations']})"
        ".then(({violations}) => done(violations.flatMap(({id, nodes}) => nodes.map(({html}) => `${id}: ${html}`))))"
    )
    for view in views(driver, kind):
        found += [f"{view} {problem}" for problem in driver.execute_async_script(check, rules)]
        wide = driver.execute_script(
            "const panels = [...document.querySelectorAll('dialog[open]')].map((one) => one.scrollWidth - one.clientWidth);"
            "return Math.max(document.documentElement.scrollWidth - innerWidth, ...panels)"
        )
        found += [f"{view} {wide} pixels wider than the window"] if wide > 0 else []
    assert found == []


@needs_browser
@pytest.mark.parametrize("kind", pages.KINDS)
def test_tab_reaches_everything_in_order_and_shows_where_it_is(written, screen, kind):
    driver = screen()
    driver.get(written[kind].as_uri())
    for _ in views(driver, kind):
        expected, found = tab_through(driver)
        assert [name for name, _ in found] == expected
        assert all(is_seen for _, is_seen in found), found


def tab_through(driver):
    """What can be reached, in the order of the page, and what Tab reaches, each with whether an outline shows it."""
    count = driver.execute_script("""
        const name = (element) => `${element.tagName} ${element.id} ${[...document.querySelectorAll('*')].indexOf(element)}`;
        const dialog = document.querySelector('dialog[open]'); // nothing beside it can be reached
        document.activeElement.blur();
        window.reached = [];
        window.can = [...(dialog ?? document).querySelectorAll('a[href], button, select, input, textarea, summary, [tabindex]')]
          .filter((element) => element.tabIndex >= 0 && !element.disabled)
          .filter((element) => element.checkVisibility({ visibilityProperty: true }))
          .map(name);
        window.reach = ({ target }) => {
          const { outlineStyle, outlineWidth } = getComputedStyle(target);
          window.reached.push([name(target), outlineStyle !== 'none' && parseFloat(outlineWidth) >= 1]);
        };
        document.addEventListener('focusin', window.reach);
        getSelection().removeAllRanges();
        const start = dialog ?? document.body;
        start.tabIndex = -1; start.focus(); start.removeAttribute('tabindex'); window.reached = [];
        return window.can.length;""")
    ActionChains(driver).send_keys(*[Keys.TAB] * count).perform()
    return driver.execute_script("document.removeEventListener('focusin', window.reach); return [window.can, window.reached]")


def focused(driver, selector, *keys):
    driver.execute_script(f"document.querySelector({selector!r}).focus()")
    ActionChains(driver).send_keys(*keys).perform()


@needs_browser
def test_a_cell_of_the_confusion_matrix_is_opened_by_keys(written, driver):
    driver.get(written["run"].as_uri())
    focused(driver, "#matrix [tabindex='0']", Keys.ARROW_LEFT, Keys.ENTER)
    assert texts(driver, "#misclassified h3") == ["8 of class “cat” recognised"]
    focused(driver, "#matrix [tabindex='0']", Keys.ARROW_UP, Keys.ARROW_RIGHT, Keys.SPACE)  # the first leads nowhere
    assert texts(driver, "#misclassified h3") == ["12 of class “cat” classified as “</td><b>dog”"]


@needs_browser
def test_a_pixel_is_pointed_at_by_keys(written, driver):
    driver.get(written["scene"].as_uri())
    wait(driver, "return document.body.dataset.ready")
    focused(driver, "#map", Keys.ARROW_LEFT)
    middle = texts(driver, "#pointed")
    ActionChains(driver).send_keys(*[Keys.ARROW_RIGHT] * 40).perform()
    assert [*middle, *texts(driver, "#pointed")] == ["road, 60 % of the image", "</script><b>sky, 40 % of the image"]
    assert driver.execute_script("return document.querySelector('#legend .pointed').textContent").startswith("</script>")


@needs_browser
def test_a_question_is_reached_and_answered_by_keys_and_all_are_printed(written, screen):
    driver = screen()
    driver.get(written["quiz"].as_uri())
    seen = "return [...document.querySelectorAll('.question')].map((one) => one.checkVisibility())"
    is_open = "return [...document.querySelectorAll('details')].map((one) => one.open)"
    ActionChains(driver).send_keys(Keys.ARROW_LEFT, Keys.ARROW_RIGHT, Keys.PAGE_DOWN, Keys.ENTER).perform()
    assert driver.execute_script(seen) == driver.execute_script(is_open) == [False, False, True, False, False]
    [said] = texts(driver, "#said")
    assert said.startswith("Question 3 of 5: ") and driver.current_url.endswith("#3")
    assert texts(driver, ".question:not(.away) .checks b") == ["True", "False"]
    focused(driver, "#choice", Keys.END)  # its own keys stay its own
    focused(driver, "#answers", Keys.SPACE)
    assert driver.execute_script(seen) == [False] * 4 + [True] and all(driver.execute_script(is_open))
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert all(driver.execute_script(seen)) and not driver.find_element("id", "controls").is_displayed()
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    driver.get("about:blank")
    driver.get(f"{written['quiz'].as_uri()}#2")
    assert driver.execute_script(seen) == [False, True, False, False, False]


@needs_browser
@pytest.mark.parametrize("kind", ["words", "image"])
def test_numbers_of_a_matrix_or_an_image_are_a_table(written, driver, kind):
    driver.get(written[kind].as_uri())
    wait(driver, "return document.body.dataset.shown")
    if kind == "words":
        click(driver, "#views button", 1)
        wait(driver, "return document.body.dataset.shown.startsWith('Matrix')")
    focused(driver, "summary", Keys.ENTER)
    wait(driver, "return document.querySelector('details table')")
    rows = driver.execute_script("return [...document.querySelectorAll('details tbody tr')].map((row) => row.textContent)")
    assert len(rows) == {"words": 7, "image": 16}[kind] and all("0." in row for row in rows)


@needs_browser
def test_a_head_and_a_word_are_reached_by_arrows_and_space(written, driver):
    driver.get(written["words"].as_uri())
    focused(driver, "#what-if .words button", Keys.SPACE)
    assert texts(driver, "#said") == ["positive 0.4000 log-odds −0.41 without “a”"]
    click(driver, "#views button", 2)
    wait(driver, "return document.querySelectorAll('.grid button').length === 12")
    focused(driver, ".grid button", Keys.ARROW_DOWN, Keys.ARROW_RIGHT)
    name = driver.execute_script("return document.activeElement.getAttribute('aria-label')")
    assert re.match("Layer 1, head 1: without it .*−0.18, strongest: “.*” looks at “.*”: 0\\.", name)


@needs_browser
@pytest.mark.parametrize("kind", pages.KINDS)
def test_every_text_of_a_page_is_in_its_catalogue_and_turns_with_it(written, kind, tmp_path, monkeypatch, screen):
    original = templates.language

    def turned(environment, name):
        inside = lambda text: " ".join(["⟦", *re.findall(r"{\w+}", text), "⟧"])  # noqa: E731
        strings = original(environment, name).strings
        strings = {
            key: inside(text) if isinstance(text, str) else {"other": inside(text["other"]), "one": inside(text["one"])}
            for key, text in strings.items()
        }
        return templates.Language(strings | {"lang": "fa", "dir": "rtl", "digits": ARABIC_DIGITS})

    monkeypatch.setattr(templates, "language", turned)
    driver = screen()
    if kind in ("run", "segmenter"):  # whose figures are there
        page = run.write_page(shutil.copytree(written[kind].parent, tmp_path / kind))
    else:
        page = pages.KINDS[kind](tmp_path)
    driver.get(page.as_uri())
    for _ in views(driver, kind):
        shown = driver.execute_script("""
            const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
            const found = [];
            while (walker.nextNode())
              if (!walker.currentNode.parentNode.closest('script, code, .settings, .data')) found.push(walker.currentNode.data);
            for (const name of ['aria-label', 'title', 'alt', 'placeholder'])
              for (const element of document.querySelectorAll(`[${name}]`)) found.push(element.getAttribute(name));
            return [document.title, ...found];""")
        parts = re.sub("[⟦⟧\u2068\u2069]", " ", " ".join(shown)).split()
        assert {part for part in parts if re.search(r"[A-Za-z]{2}|[0-9]", part)} - {*pages.DATA[kind].split()} == set()
        assert driver.execute_script("return document.documentElement.scrollWidth <= innerWidth")
