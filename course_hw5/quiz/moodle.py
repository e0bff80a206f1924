"""Questions in Moodle XML (https://docs.moodle.org/en/Moodle_XML_format), with their images inside."""

import base64
import xml.etree.ElementTree as ET
from collections.abc import Sequence

from markupsafe import Markup

from course_hw5.quiz.questions import Question
from course_hw5.reports.pages import components

TYPES = {
    "single": "multichoice",
    "multiple": "multichoice",
    "true_false": "truefalse",
    "numerical": "numerical",
    "matching": "matching",
}


def moodle_xml(questions: Sequence[Question]) -> str:
    """The questions as the content of a file that Moodle imports, in a category of their own.

    Of several right options each counts its share, and each wrong one takes as much away, so that choosing all gives nothing.

    Args:
        questions: of `make_questions`.

    Returns:
        String, an XML document.
    """
    quiz = ET.Element("quiz")
    words = components.language("quiz")
    category = ET.SubElement(quiz, "question", type="category")
    _text(ET.SubElement(category, "category"), f"$course$/top/{words.say('title')}")
    for question in questions:
        _add(quiz, question, words)
    ET.indent(quiz, " ")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(quiz, "unicode")}\n'


def _add(quiz, question, words):
    one = ET.SubElement(quiz, "question", type=TYPES[question.kind])
    _text(ET.SubElement(one, "name"), question.title)
    image = Markup('<p>{}</p><p><img src="@@PLUGINFILE@@/{}.png" alt="{}"></p>')
    asked = _html(one, "questiontext", image.format(question.text, question.name, question.alt))
    file = ET.SubElement(asked, "file", name=f"{question.name}.png", path="/", encoding="base64")
    file.text = base64.b64encode(question.image).decode()
    reason = Markup('<p>{}</p><p>{} <a href="{}">{}</a></p>')
    _html(one, "generalfeedback", reason.format(question.reason, words.say("shown_by"), question.shown_by, question.shown))
    _value(one, "defaultgrade", "1")
    _value(one, "idnumber", f"course-hw5-{question.name}")
    if question.kind in ("single", "multiple"):
        _value(one, "single", str(question.kind == "single").lower())
        _value(one, "answernumbering", "ABCD")
    if question.kind in ("single", "multiple", "matching"):
        _value(one, "shuffleanswers", "true")
    for option, share in zip(question.options, fractions(question)):
        if question.kind == "matching":
            part = _html(one, "subquestion", Markup("<p>{}</p>").format(option.text))
            _text(ET.SubElement(part, "answer"), option.match)
            continue
        form = "html" if TYPES[question.kind] == "multichoice" else "moodle_auto_format"
        answer = ET.SubElement(one, "answer", fraction=f"{share:.7g}", format=form)
        shown = Markup("<p>{}</p>").format(option.text) if form == "html" else option.text
        _text(answer, repr(option.value) if option.value is not None else shown)
        _html(answer, "feedback", Markup("<p>{}</p>").format(option.feedback))
        if option.value is not None:
            _value(answer, "tolerance", repr(question.tolerance))


def fractions(question: Question) -> list[float]:
    """What each option adds to the grade, in percent."""
    count = sum(option.is_right for option in question.options)
    wrong = -100 / count if question.kind == "multiple" else 0
    return [round(100 / count, 5) if option.is_right else round(wrong, 5) for option in question.options]


def _text(parent, text):
    ET.SubElement(parent, "text").text = str(text)


def _value(parent, name, text):
    ET.SubElement(parent, name).text = text


def _html(parent, name, html):
    part = ET.SubElement(parent, name, format="html")
    _text(part, html)
    return part
