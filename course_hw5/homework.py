"""The names that the homework's own notebook cells use: `from course_hw5.homework import *`."""

import numpy as np

from course_hw5.attention.viewer.page import call_html, head_view
from course_hw5.explanation.text import get_att_tok
from course_hw5.models.checkpoints.load import load_model
from course_hw5.text.encoding import MAXLEN, encode_sentence

__all__ = ["MAXLEN", "call_html", "encode_sentence", "get_att_tok", "head_view", "load_model", "np"]
