"""Part 11: true or false, with reasons."""

from telling import asked

from course_hw5.grading.marking import value
from course_hw5.grading.statements import REASONS

TRUE = ("No layer", "An encoder layer", "A transformer", "Each decoder", "Multi-head attention is several", "Each head of")
TRUE = (*TRUE, "An encoder without", "In an encoder")
DECISIVE = {"a": REASONS[2], "b": REASONS[0], "c": REASONS[5], "d": REASONS[3]}


def add_statement(topic):
    """Adds the question about one statement."""

    @asked(f"11{topic}", 2, f"True or false, with a reason: {topic}")
    def check_statement(variant):
        found = yield value(f"answer_11{topic}")
        if not isinstance(found, list) or len(found) != 2:
            return "It must be a pair such as (True, 3)."
        verdict, reason = found
        if bool(verdict) != variant.statements[topic].startswith(TRUE):
            return f"The statement is {'false' if verdict else 'true'}."
        return (
            ""
            if int(reason) == variant.reasons.index(DECISIVE[topic])
            else "The statement is judged rightly, but not decided by this reason."
        )

    return check_statement


for name in "abcd":
    add_statement(name)
