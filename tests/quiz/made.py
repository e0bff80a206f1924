"""Made-up questions, one of each kind, whose images cost nothing."""

import io

from PIL import Image

from course_hw5.quiz.questions import Option, Question

HOSTILE = "</script><b>&]]>"
OPTIONS = {
    "single": (Option("alpha", "no"), Option(f"beta {HOSTILE}", "yes", True), Option("gamma", "no")),
    "multiple": (Option("alpha", "yes", True), Option("beta", "yes", True), Option("gamma", "no"), Option("delta", "no")),
    "true_false": (Option("true", "no"), Option("false", "yes", True)),
    "numerical": (Option("0.625", "yes", True, 0.625), Option("0.5", "no", value=0.5)),
    "matching": tuple(Option(name, "yes", True, match=f"{name} {name}") for name in ("alpha", "beta", "gamma")),
}


def png(side=40):
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), "navy").save(buffer, "PNG")
    return buffer.getvalue()


def questions(title="made up"):
    """One question of each kind."""
    return [
        Question(
            name=kind.replace("_", "-"),
            title=f"{title} {kind}",
            homework="1-1 (1)",
            kind=kind,
            text=f"text {HOSTILE}",
            options=options,
            reason="reason",
            image=png(),
            alt=f"navy {HOSTILE}",
            is_photo=kind == "single",
            tolerance=0.01 if kind == "numerical" else 0.0,
            shown="course-hw5 lab heads",
            shown_by="https://github.com/course-hw5/course_hw5/blob/main/docs/labs.md#heads",
        )
        for kind, options in OPTIONS.items()
    ]
