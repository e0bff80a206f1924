"""The thirty questions: complete, well-formed, and right by what their images are drawn from."""

import collections
import errno
import io
import re
import socket

import numpy as np
import pytest
from PIL import Image

from course_hw5 import cli, hub, labs
from course_hw5.quiz import questions
from course_hw5.reports.pages import quiz
from tests.cli.running import failure
from tests.quiz import made as made_up
from tests.quiz import test_moodle
from tests.test_docs import ROOT, check_target

ASKED = questions.read_questions()
NAMES = [asked["name"] for asked in ASKED]
COUNTS = {"single": {1}, "true_false": {1}, "multiple": {2, 3}, "numerical": {1}, "matching": {3, 4}}  # of right options
UNCOMPUTED = {"fixed-context": 1}  # options that no number decides


def options(kinds=questions.KINDS):
    return [(asked, option) for asked in ASKED if asked["kind"] in kinds for option in asked["options"]]


# === As they are written ===


@pytest.mark.unit
def test_there_are_thirty_and_each_has_its_own_name_title_text_and_figure():
    assert len(ASKED) == 30
    for key in ("name", "title", "text", "reason", "alt", "figure"):
        values = [asked[key].casefold() for asked in ASKED]
        assert len({*values}) == 30 and all(values), [value for value in values if values.count(value) > 1]
    feedback = [option["feedback"] for _, option in options()]
    assert len({*feedback}) == len(feedback), [one for one, count in collections.Counter(feedback).items() if count > 1]


@pytest.mark.unit
@pytest.mark.parametrize("asked", ASKED, ids=NAMES)
def test_a_question_is_whole_and_short(asked):
    assert re.fullmatch(r"[a-z-]+", asked["name"]) and asked["kind"] in questions.KINDS
    right = [option.get("right", False) for option in asked["options"]]
    assert sum(right) in COUNTS[asked["kind"]] and (sum(right) < len(right) or asked["kind"] == "matching")
    texts = [str(option.get("value", option.get("text"))) + option.get("match", "") for option in asked["options"]]
    assert len({*texts}) == len(texts) and len(texts) >= (2 if asked["kind"] == "true_false" else 3)
    assert all(len(asked[key]) <= 200 for key in ("text", "alt", "reason"))
    assert all(len(option["feedback"]) <= 160 for option in asked["options"])
    if asked["kind"] == "true_false":
        assert texts == ["true", "false"]
    if asked["kind"] == "numerical":
        assert right[0] and all("value" in option for option in asked["options"])
    else:
        assert "tolerance" not in asked
    without = sum("fact" not in option and "value" not in option for option in asked["options"])
    assert without == UNCOMPUTED.get(asked["name"], 0)


@pytest.mark.unit
@pytest.mark.parametrize("asked", ASKED, ids=NAMES)
def test_what_answers_a_question_is_there(asked):
    assert ("lab" in asked) != ("page" in asked) and asked.get("lab", labs.LABS[0]) in labs.LABS
    check_target(ROOT, ROOT / "README.md", questions.page_of(asked))


@pytest.mark.unit
def test_all_questions_of_the_homework_and_all_labs_have_questions():
    rows = re.findall(r"^\| \[([^\]]+)\]\(#.*\| `course-hw5", (ROOT / "docs/homework.md").read_text("utf-8"), re.MULTILINE)
    assert {*rows} == {asked["homework"] for asked in ASKED} and len({*rows}) == 9
    # of which one trains too long for an image, and answers a question that the homework did not ask
    assert {asked["lab"] for asked in ASKED if "lab" in asked} == {*labs.LABS} - {"learned_locality"}


@pytest.mark.unit
def test_the_right_option_stands_at_no_place_much_more_often_than_at_others():
    places = [
        [bool(option.get("right")) for option in asked["options"]].index(True) for asked in ASKED if asked["kind"] == "single"
    ]
    assert max(collections.Counter(places).values()) <= len(places) / 2


@pytest.mark.unit
@pytest.mark.parametrize("out, form", [("quiz.xml", "page"), ("quiz.html", "moodle"), (".", "page")])
def test_a_file_of_another_kind_is_refused_before_anything_is_drawn(out, form, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(questions, "make_questions", pytest.fail)
    line = failure(capsys, cli.main, ["quiz", "--format", form, "--out", str(tmp_path / out)])
    assert re.search(rf"--out must name a \.(html|xml) file for --format {form}\. Received: ", line)
    assert not [*tmp_path.iterdir()]


@pytest.mark.unit
@pytest.mark.parametrize("form, name, begins", [("page", "quiz.html", "<!DOCTYPE html>"), ("moodle", "quiz.xml", "<?xml ")])
def test_the_command_writes_a_whole_file_or_leaves_the_old_one(form, name, begins, tmp_path, monkeypatch, capsys):
    out = tmp_path / "new" / name
    arguments = ["quiz", "--format", form, "--out", str(out)]
    monkeypatch.setattr(questions, "make_questions", made_up.questions)
    cli.main(arguments)
    assert re.match(rf"5 questions, 0\.\d MB in {re.escape(str(out))}\. (Open|In Moodle)", capsys.readouterr().out)
    text = out.read_text(encoding="utf-8")
    assert text.startswith(begins)
    monkeypatch.setattr(out.__class__, "write_text", fail)
    assert "No space left on device" in failure(capsys, cli.main, arguments)
    assert out.read_text(encoding="utf-8") == text and [*out.parent.iterdir()] == [out]


def fail(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


# === As they are computed ===


@pytest.fixture(scope="module")
def drawings():
    """All drawings, made without a network and without MiniLM, which another package brings."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hub, "minilm_folder", fail)
        patch.setattr(socket.socket, "connect", fail)
        return {asked["name"]: questions.draw(asked["figure"]) for asked in ASKED}


@pytest.fixture(scope="module")
def made(drawings):
    return [questions.filled(asked, drawings[asked["name"]]) for asked in ASKED]


def test_an_option_is_right_if_and_only_if_what_is_drawn_says_so(drawings):
    for asked, option in options():
        if "fact" in option:
            fact = drawings[asked["name"]].facts[option["fact"]]
            assert isinstance(fact, (bool, np.bool_)), (asked["name"], option)
            assert fact == option.get("right", False), (asked["name"], option["text"])


# Each computed anew, by other means than the image's.
NUMBERS = {
    "one-weight": np.exp(6 / 2) / (np.exp(6 / 2) + np.exp(2 / 2) + 1),
    "sum-of-heads": 4,
    "segments": len(("so", "did", "i", "[SEP]")),
    "rollout": np.linalg.matrix_power([[0.75, 0.25], [0.25, 0.75]], 2)[0, 0],
    "iou": len({(row, column) for row in range(1, 5) for column in range(2, 5)}) / (16 + 24 - 12),
    "recall": 90 / (6 + 90 + 12),
    "tokens": (32 // 4) ** 2 + 1,
    "heads-for-a-kernel": 5 * 5,
    "receptive-field": 1 + 2 * 5,
}


def test_numbers_are_those_of_another_computation_and_slips_are_told_apart(made):
    numerical = {question.name: question for question in made if question.kind == "numerical"}
    assert {*numerical} == {*NUMBERS}
    for name, question in numerical.items():
        right, *slips = question.options
        assert right.value == pytest.approx(NUMBERS[name], abs=1e-5), name
        values = [option.value for option in question.options]
        gaps = [abs(one - other) for index, one in enumerate(values) for other in values[:index]]
        assert slips and min(gaps) > 2 * question.tolerance, name
        assert abs(round(right.value, 2) - right.value) <= question.tolerance or float(right.value).is_integer(), name


def test_every_question_has_an_image_that_can_be_seen_and_all_texts_are_filled(made):
    for question in made:
        image = Image.open(io.BytesIO(question.image))
        assert image.format == "PNG" and min(image.size) >= 200 and len(np.unique(image.convert("RGB"))) > 3
        texts = [question.text, question.alt, question.reason, *(part for option in question.options for part in option[:2])]
        assert not re.search(r"[{}]|\bnan\b|\w+\(|np\.|array", " ".join(texts)), question.name
        shown = [option.text for option in question.options]
        assert len({*shown}) == len(shown), question.name


def test_the_page_is_small_and_the_file_for_moodle_can_be_imported(made):
    page = quiz.quiz_html(made)
    assert len(page) < 1_500_000 and page.count('<section class="question">') == 30
    assert not re.search(r'(src|href)="(?!data:|https://github\.com/course-hw5/course_hw5/blob/main/)', page)
    test_moodle.check(made)
