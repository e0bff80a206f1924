"""Moodle XML, read again as Moodle's importer reads it."""

import base64
import io
import re
import xml.etree.ElementTree as ET

import pytest
from PIL import Image

from course_hw5.quiz import moodle
from course_hw5.quiz.questions import KINDS
from tests.quiz import made

pytestmark = pytest.mark.unit

# What Moodle's editor offers as grades of an answer; others are refused when a file is imported.
GRADES = {
    100,
    90,
    83.33333,
    80,
    75,
    70,
    66.66667,
    60,
    50,
    40,
    33.33333,
    30,
    25,
    20,
    16.66667,
    14.28571,
    12.5,
    11.11111,
    10,
    5,
    0,
}


def parsed(questions):
    """The category, and the questions by their type."""
    category, *rest = ET.fromstring(moodle.moodle_xml(questions).encode())
    return category, rest


def check(questions):
    """Asserts that Moodle would import what is written, with all images."""
    category, elements = parsed(questions)
    assert category.get("type") == "category"
    assert category.findtext("category/text").startswith("$course$/top/")
    for path in ("name/text", "idnumber"):
        names = [one.findtext(path) for one in elements]
        assert len({*names}) == len(questions) and all(names)
    for question, one in zip(questions, elements):
        assert one.get("type") in ("multichoice", "truefalse", "numerical", "matching")
        check_image(one.find("questiontext"), question)
        assert question.shown in one.findtext("generalfeedback/text") and question.shown_by in one.findtext(
            "generalfeedback/text"
        )
        fractions = [float(answer.get("fraction")) for answer in one.findall("answer")]
        assert all(abs(share) in GRADES for share in fractions)
        if question.kind == "matching":
            parts = one.findall("subquestion")
            assert len(parts) >= 3 and all(part.findtext("answer/text") and part.findtext("text") for part in parts)
            continue
        assert sum(share for share in fractions if share > 0) == pytest.approx(100, abs=1e-4)
        assert all(answer.findtext("feedback/text") for answer in one.findall("answer"))
        if question.kind == "true_false":
            assert [answer.findtext("text") for answer in one.findall("answer")] == ["true", "false"]
        if question.kind == "numerical":
            assert fractions[0] == 100 and not any(fractions[1:])
            assert [float(answer.findtext("text")) for answer in one.findall("answer")] == [
                option.value for option in question.options
            ]
            assert all(float(answer.findtext("tolerance")) == question.tolerance for answer in one.findall("answer"))
        if one.get("type") == "multichoice":
            assert one.findtext("single") == ("true" if question.kind == "single" else "false")
            assert fractions.count(100) == (1 if question.kind == "single" else 0)


def check_image(text, question):
    [source] = re.findall(r'src="@@PLUGINFILE@@/([^"]+)"', text.findtext("text"))
    [file] = text.findall("file")
    assert (file.get("name"), file.get("path"), file.get("encoding")) == (source, "/", "base64")
    data = base64.b64decode(file.text, validate=True)
    assert data == question.image and Image.open(io.BytesIO(data)).format == "PNG"
    assert re.search(r'alt="[^"]+"', text.findtext("text"))


def test_questions_of_all_kinds_are_written_as_moodle_reads_them():
    questions = made.questions()
    assert [question.kind for question in questions] == [*KINDS]
    check(questions)


def test_choosing_all_of_several_options_gives_nothing():
    question = next(question for question in made.questions() if question.kind == "multiple")
    assert moodle.fractions(question) == [50, 50, -50, -50]


def test_text_stays_text():
    _, elements = parsed(made.questions())
    shown = elements[0].findtext("questiontext/text")
    assert "&lt;/script&gt;&lt;b&gt;&amp;]]&gt;" in shown and made.HOSTILE not in shown
    assert elements[1].findtext("name/text") == "made up multiple"
