"""The site of docs/: built without a warning, it loads nothing from another host and has all public names and pages."""

import html.parser
import os
import pathlib
import re
import subprocess
import sys

import pytest

pytest.importorskip("sphinx", reason="the site needs the extra `docs` of setup.cfg")
pytestmark = pytest.mark.slow
ROOT = pathlib.Path(__file__).parents[1]
LOADED = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src", "video": "src", "object": "data"}


class Loaded(html.parser.HTMLParser):
    """What a page loads by itself; links that a reader may follow are not among it."""

    def __init__(self):
        super().__init__()
        self.addresses, self.ids = [], set()

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.ids.add(found.get("id"))
        is_link = tag == "link" and found.get("rel") in ("index", "search", "next", "prev", "canonical", "author")
        if tag in LOADED and LOADED[tag] in found and not is_link:
            self.addresses.append(found[LOADED[tag]])


def read(page):
    parser = Loaded()
    parser.feed(page.read_text(encoding="utf-8"))
    return parser


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder in the variable SITE, or a new build."""
    if folder := os.environ.get("SITE"):
        return ROOT / folder
    out = tmp_path_factory.mktemp("site")
    command = (sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--conf-dir", "docs", ".", out)
    subprocess.run([*map(str, command)], check=True, cwd=ROOT)
    return out


def test_no_page_loads_anything_from_another_host(site):
    for page in site.rglob("*.html"):
        remote = [address for address in read(page).addresses if re.match(r"(https?:)?//", address or "")]
        assert not remote, page
    for style in site.rglob("*.css"):
        text = re.sub(r"/\*.*?\*/", "", style.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert not re.findall(r"@import|url\(\s*[\"']?(?:https?:)?//", text), style


def test_what_pages_load_is_there(site):
    for page in site.rglob("*.html"):
        for address in read(page).addresses:
            path = address.split("?")[0].split("#")[0]
            assert path.startswith("data:") or not path or (page.parent / path).exists(), (page, address)


def test_every_public_name_has_an_entry(site):
    ids = set().union(*(read(page).ids for page in (site / "docs" / "api").glob("*.html")))
    names = re.findall(r" as (\w+)$", (ROOT / "course_hw5" / "__init__.pyi").read_text(), re.MULTILINE)
    assert {f"course_hw5.{name}" for name in names} <= ids


def test_every_page_and_notebook_is_built(site):
    sources = [*(ROOT / "docs").rglob("*.md"), *(ROOT / "notebooks").glob("*.ipynb")]
    assert all((site / path.relative_to(ROOT)).with_suffix(".html").exists() for path in sources)
    assert (site / "index.html").exists()
