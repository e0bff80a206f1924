"""The hidden checks: what is asked of a submission, what is right, and what is said of mistakes that students make.

They run in the grader's process; a submission's process only gets the arguments of its functions.
"""

import attention_checks  # noqa: F401
import image_checks  # noqa: F401
import score_checks  # noqa: F401
import statement_checks  # noqa: F401
import text_checks  # noqa: F401
from telling import ALL

QUESTIONS = sorted(ALL, key=lambda one: (int(one.number.rstrip("abcd")), one.number))
