"""Links, commands and addresses in README.md, CONTRIBUTING.md, CHANGELOG.md and docs/ are right."""

import configparser
import pathlib
import re
import runpy
import shlex
import shutil
import subprocess
import textwrap

import numpy as np
import pytest
from PIL import Image

from course_hw5 import cli, labs
from course_hw5.cli import arguments as shared

pytestmark = pytest.mark.unit

ROOT = pathlib.Path(__file__).parents[1]
DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")), *DOCS]
SOURCES = [*PAGES, *(ROOT / name for name in ("CITATION.cff", "setup.cfg")), *sorted((ROOT / "notebooks").glob("*.*"))]
CONFIG = configparser.ConfigParser()
CONFIG.read(ROOT / "setup.cfg", encoding="utf-8")
ADDRESS = CONFIG["metadata"]["url"].removeprefix("https://github.com/")


def text_of(page):
    return page.read_text(encoding="utf-8")


def name_of(page):
    return str(page.relative_to(ROOT))


def prose_of(page):
    """The text without its blocks of code."""
    return re.sub(r"^( *)```.*?^\1```", "", text_of(page), flags=re.DOTALL | re.MULTILINE)


def blocks(page, language):
    found = re.finditer(rf"^( *)```{language}\n(.*?)^\1```", text_of(page), re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(block[2]) for block in found]


def anchors(page):
    """Ids that GitHub gives to headings."""
    headings = re.findall(r"^#+ (.+)$", prose_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(page):
    """Every command line of ours: lines of shell blocks, and code in the text; there a bare name stands for its help."""
    if page.name == "CHANGELOG.md":  # old versions have other commands
        return
    mentioned = re.findall(r"`((?:course-hw5|python (?:scripts|benchmarks|tests)/)[^`]*)`", prose_of(page))
    lines = [line for block in blocks(page, "sh") for line in block.replace("\\\n", "").splitlines()]
    lines += [f"{line} --help" if len(line.split()) <= 2 else line for line in mentioned]
    for line in lines:
        words = shlex.split(line.replace(".venv/bin/", ""), comments=True)
        if words[:1] == ["course-hw5"] or (words[:1] == ["python"] and words[1].endswith(".py")):
            yield words[words[0] == "python" :]


class ParsedError(Exception):
    """Raised where a command would start to work: its arguments have been read."""


def stop(*_, **__):
    raise ParsedError


def parse(command, monkeypatch):
    """Reads the command line as the program does, and stops before anything is run."""
    program, *arguments = command
    with monkeypatch.context() as patch:
        is_lab = arguments[:1] == ["lab"]
        patch.setattr(*(labs, "run_lab") if is_lab else (shared, "user_errors"), stop)
        main = cli.main if program == "course-hw5" else runpy.run_path(str(ROOT / program))["main"]
        try:
            main(arguments)
        except ParsedError:
            return True
        except SystemExit as end:
            return end.code in (0, None)  # --help
    return is_lab  # --list


def test_the_readme_is_a_front_page():
    readme = ROOT / "README.md"
    assert len(text_of(readme).split()) <= 600
    assert {"attend", "classify", "segment", "demo", "lab"} <= {command[1] for command in commands(readme)}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", prose_of(page)):
        if not link.startswith("http"):
            check_target(page.parent, page, link)


@pytest.mark.parametrize("page", DOCS, ids=name_of)
def test_a_page_links_by_path_to_what_the_site_has(page):
    """What else the repository has needs its whole address."""
    for link in re.findall(r"\]\(([^)\s#]+)", prose_of(page)):
        if not link.startswith("http"):
            path = name_of((page.parent / link).resolve())
            assert path.startswith(("docs/", "notebooks/", "CONTRIBUTING", "CHANGELOG")), link


def test_no_docstring_has_a_table_of_markdown():
    """`make docs` reads docstrings as reStructuredText."""
    sources = sorted((ROOT / "course_hw5").rglob("*.py"))
    assert sources and not [name_of(source) for source in sources if re.search(r"^ *\|-", text_of(source), re.MULTILINE)]


@pytest.mark.parametrize("page", SOURCES, ids=name_of)
def test_every_address_of_the_repository_is_a_file_of_it(page):
    """On GitHub, in Colab or as an image, which a package index shows only by its whole address."""
    hosts = r"raw\.githubusercontent\.com/{0}/main|(?:colab\.research\.google\.com/)?github(?:\.com)?/{0}/(?:blob|tree)/main"
    for link in re.findall(rf"https://(?:{hosts.format(ADDRESS)})/([^\s)\"\]>]*)", text_of(page)):
        check_target(ROOT, ROOT / "README.md", link)
    for anchor in re.findall(rf"https://github\.com/{ADDRESS}(#[^\s)]+)", text_of(page)):
        check_target(ROOT, ROOT / "README.md", anchor)


def check_target(folder, page, link):
    path, _, anchor = link.partition("#")
    target = (folder / path) if path else page
    assert target.exists(), link
    assert not anchor or target.suffix != ".md" or anchor in anchors(target), link


def test_the_readme_has_whole_addresses_alone():
    links = re.findall(r"\]\(([^)\s]+)\)", prose_of(ROOT / "README.md"))
    assert all(link.startswith("https://") for link in links), "a package index does not know the folders of the repository"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_lines_are_at_most_132_characters_long(page):
    """Tables and images, which cannot be broken, are not counted."""
    lines = [line for line in text_of(page).splitlines() if not line.lstrip().startswith(("|", "!["))]
    assert not [line for line in lines if len(line) > 132]


def test_the_list_of_pages_has_every_page_and_notebook():
    index = ROOT / "docs" / "index.md"
    listed = {(index.parent / link).resolve() for link in re.findall(r"\]\(([^)\s]+)\)", text_of(index)) if "://" not in link}
    assert {*DOCS, *(ROOT / "notebooks").glob("*.ipynb")} - {index} <= listed


def test_every_public_name_has_an_entry_among_the_functions():
    entries = re.findall(r"^\.\. (?:auto\w+|py:data):: course_hw5\.(\w+)$", "".join(map(text_of, DOCS)), re.MULTILINE)
    names = re.findall(r" as (\w+)$", text_of(ROOT / "course_hw5" / "__init__.pyi"), re.MULTILINE)
    assert sorted(set(names) - set(entries)) == [] and len(entries) == len({*entries})


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_is_understood(page, monkeypatch, capsys):
    for command in commands(page):
        program = ROOT / command[0]
        if program.parent.name in ("benchmarks", "golden"):  # they need PyTorch
            used = [word for word in command if word.startswith("--")]
            source = text_of(program) + text_of(ROOT / "benchmarks" / "sides.py")
            assert all(f'"{option}"' in source for option in used), command
        else:
            assert parse(command, monkeypatch), (command, capsys.readouterr().err)


@pytest.mark.parametrize("command", ["attend a --nothing", "nothing", "lab nothing", "lab heads --nothing 1", "classify"])
def test_a_command_with_a_mistake_is_noticed(command, monkeypatch, capsys):
    assert not parse(["course-hw5", *command.split()], monkeypatch)
    capsys.readouterr()


def prepare_homework(names):
    exec(blocks(ROOT / "docs" / "homework.md", "python")[-1], names)  # the page shows the homework's cell before its imports


def prepare_street(names):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 80, 3), "uint8")).save("STREET.jpg")


def prepare_run(names):
    run = pathlib.Path("runs", "demo")
    run.mkdir(parents=True)
    (run / "history.csv").write_text("epoch,loss,accuracy\n1,0.5,0.8\n")


PREPARED = {
    "docs/homework.md": prepare_homework,
    "docs/guides/run-check.md": prepare_run,
    "docs/guides/images.md": prepare_street,
    "docs/models/segmenter-camvid.md": prepare_street,
}


@pytest.mark.model
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=name_of)
def test_python_in_the_docs_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "docs" / "drawings", tmp_path / "docs" / "drawings")
    names = {"__name__": "docs"}
    PREPARED.get(name_of(page), lambda _: None)(names)
    for block in blocks(page, "python"):
        exec(compile(block.replace("epochs=10", "epochs=1"), page.name, "exec"), names)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_lines_for_a_shell_are_a_shell_s_and_targets_of_make_exist(page):
    targets = re.findall(r"^([\w-]+):", text_of(ROOT / "Makefile"), re.MULTILINE)
    for block in blocks(page, "sh"):
        subprocess.run(["bash", "-n"], input=block, text=True, check=True)
        assert {*re.findall(r"^make ([\w-]+)", block, re.MULTILINE)} <= {*targets}, block


def test_the_labs_of_the_docs_are_those_of_the_package():
    for page in (ROOT / "README.md", ROOT / "docs" / "labs.md"):
        rows = re.findall(r"^\| ?\[?`(\w+)`(?:\]\(#\w+\))? ?\|.*\| ?(?:confirmed|refuted) ?\|", text_of(page), re.MULTILINE)
        assert rows == list(labs.LABS), page


@pytest.mark.parametrize("page", SOURCES, ids=name_of)
def test_the_address_of_the_repository_is_that_of_setup_cfg(page):
    ours = r"(?:git\+https://github\.com|colab\.research\.google\.com/github)/([\w.-]+/[\w.-]+)"
    found = re.findall(ours, text_of(page)) + re.findall(r"github\.com/([\w.-]+/course_hw5)\b", text_of(page))
    assert set(found) <= {ADDRESS}
    if page.suffix in (".py", ".ipynb"):
        assert found, "a notebook opens in Colab and installs the package there"
