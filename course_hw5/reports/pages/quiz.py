"""Questions for a lecture as one page that opens offline: one at a time or all, each with its answer on demand."""

import string
from collections.abc import Sequence
from typing import TYPE_CHECKING

from course_hw5.reports.pages import components

if TYPE_CHECKING:
    from course_hw5.quiz.questions import Question


def quiz_html(questions: "Sequence[Question]") -> str:
    """Shows questions as a page; everything is inside it.

    Args:
        questions: of `course_hw5.quiz.questions.make_questions`.
    """
    title = components.language("quiz").say("title")
    matches = [sorted(option.match for option in question.options) for question in questions]
    asked = list(zip(questions, matches))
    return components.render("quiz.html", title=title, questions=asked, letters=string.ascii_uppercase)
