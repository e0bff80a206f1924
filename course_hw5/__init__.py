"""What attention does, in text and in images, learnt by running it.

Public names are loaded on first use: importing the package loads neither TensorFlow nor Keras.
"""

import importlib
import os

from course_hw5 import loading

loading.install()
# TensorFlow keeps memory from step to step; given back, it would be paged in anew.
os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "true")
# Not every processor gets oneDNN otherwise, which multiplies matrices faster. TensorFlow reads this as it is imported.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

__version__ = "0.2.0"

_HOMES = {
    "load_images": "course_hw5.data.images",
    "load_reviews": "course_hw5.data.reviews",
    "load_scenes": "course_hw5.data.scenes",
    "encode_sentence": "course_hw5.text.encoding",
    "MAXLEN": "course_hw5.text.encoding",
    "mlp_classifier": "course_hw5.models.mlp",
    "bert_backbone": "course_hw5.models.bert",
    "bert_classifier": "course_hw5.models.bert_classifier",
    "beit_backbone": "course_hw5.models.beit",
    "beit_classifier": "course_hw5.models.beit_tasks",
    "upernet_segmenter": "course_hw5.models.upernet",
    "SceneSegmenter": "course_hw5.segmentation.segmenter",
    "load_model": "course_hw5.models.checkpoints.load",
    "attention_model": "course_hw5.explanation.extract",
    "get_att_tok": "course_hw5.explanation.text",
    "explain": "course_hw5.explanation",
    "embedding_parts": "course_hw5.explanation.text",
    "embedding_plot": "course_hw5.reports.plots",
    "attention_distance": "course_hw5.attention.analysis",
    "attention_rollout": "course_hw5.attention.analysis",
    "head_view": "course_hw5.attention.viewer.page",
    "patch_view": "course_hw5.attention.viewer.page",
    "call_html": "course_hw5.attention.viewer.page",
    "HistoryPlots": "course_hw5.reports.keras_callbacks",
    "AttentionTimeLapse": "course_hw5.reports.time_lapse",
    "ClassificationReport": "course_hw5.reports.keras_callbacks",
    "RDrop": "course_hw5.training.tasks",
    "Segmentation": "course_hw5.training.tasks",
    "TrainingConfig": "course_hw5.training.config",
    "train": "course_hw5.training.train",
}

__all__ = [*_HOMES]


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module 'course_hw5' has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_HOMES[name]), name)
    return value


def __dir__():
    return sorted({*globals(), *_HOMES})
