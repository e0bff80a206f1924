"""One page of each kind, with all that such a page can show."""

import base64
import json
import pathlib
import types

import numpy as np
import pandas as pd

from course_hw5.attention.live.live_page import live_page
from course_hw5.attention.viewer.answers import Answer, opposite
from course_hw5.attention.viewer.page import head_view, patch_view
from course_hw5.data.card import DataCard, Duplicates
from course_hw5.reports import classification_metrics, plots
from course_hw5.reports.pages import comparison, data, quiz, run, scene
from tests.attention import test_patches, test_viewer
from tests.quiz import made
from tests.reports import test_comparison, test_run_page, test_scene_page

SENTENCE = "این فیلم اصلاً بد نبود"  # "this film was not bad at all", from right to left
NAMES = test_comparison.NAMES


def write_words(folder):
    vectors = vectors_of(test_viewer.ATTENTION)
    tokens = ["[CLS]", *SENTENCE.split(), "[SEP]"]
    gradients, (layers, heads, *_) = np.ones_like(test_viewer.ATTENTION), test_viewer.ATTENTION.shape
    changes = np.linspace(-2, 2, layers * heads).reshape(layers, heads)
    words = [(*word, np.log(word[3] / (1 - word[3]))) for word in test_viewer.WHAT_IF]
    first = Answer("positive", 0.81, 1.45, gradients, words, changes, changes[:, 0], np.linspace(-1, 1, len(tokens)))
    second = [tokens[0], "این", *tokens[2:]]
    of_patching = {"log_odds": (0.81, -1.2), "class_name": "positive", "tokens": (tokens, second)}
    found = {"position": np.ones((layers, len(tokens))), "head": changes}
    patching = [types.SimpleNamespace(what=what, changes=array, **of_patching) for what, array in found.items()]
    more = {"answers": [first, opposite(first, "negative")], "patching": patching, "sentence_b_start": 4}
    more |= {"html_action": "return", "path": folder / "words.html"}
    head_view(test_viewer.ATTENTION, tokens, vectors=vectors, **more)
    return folder / "words.html"


def vectors_of(attention, bias=0):
    """Vectors that give this attention: each query and key of as many dimensions as there are tokens."""
    queries = np.log(np.maximum(attention, 1e-12)) - bias
    keys = np.broadcast_to(np.eye(attention.shape[-1], dtype="float32"), attention.shape)
    return {"query": queries, "key": keys, "value": keys, "scale": 1}


def write_image(folder):
    vectors = vectors_of(test_patches.ATTENTION, test_patches.BIAS)
    more = {"grid": test_patches.GRID, "html_action": "return", "path": folder / "image.html", "vectors": vectors}
    patch_view(test_patches.ATTENTION, test_patches.IMAGE, **more, **test_patches.EVERYTHING)
    return folder / "image.html"


def write_run(folder, name="run"):
    """A run of a classifier, with misclassified texts and attention during training."""
    folder = test_comparison.write_run(folder / name, (8, 10, 12))
    config = json.loads((folder / "config.json").read_text())
    config["settings"]["monitor"], config["versions"], config["command"] = "val_accuracy", {"keras": "3"}, "train"
    labels = test_comparison.LABELS
    predicted = np.concatenate([np.where(np.arange(20) < n, c, (c + 1) % 3) for c, n in enumerate((8, 10, 12))])
    matrix = classification_metrics.classification_result(labels, predicted, NAMES).matrix
    example = {"number": 1, "image": test_run_page.PIXEL, "text": SENTENCE, "probabilities": [0.2, 0.7, 0.1]}
    frame = {
        "name": SENTENCE,
        "answer": "positive",
        "tokens": ["[CLS]", *SENTENCE.split()],
        "relevance": [0, 1, 0.5, 0.9, 0.1, 0.2],
    }
    frames = [frame | {"epoch": epoch, "probability": 0.5, "page": f"attention/{epoch}.html"} for epoch in (0, 1)]
    kept = [{"true": 0, "predicted": 1, "examples": [example]}]
    for file, value in (("config", config), ("misclassified", kept), ("attention", frames)):
        (folder / f"{file}.json").write_text(json.dumps(value))
    (folder / "confusion_matrix.csv").write_text(pd.DataFrame(matrix, NAMES, NAMES).to_csv(index_label="true"))
    plots.confusion_matrix_plot(matrix, NAMES).savefig(folder / "confusion_matrix.png")
    history = pd.read_csv(folder / "history.csv")
    for metric in ("accuracy", "loss"):
        plots.history_plot(history, metric).savefig(folder / f"{metric}.png")
    return run.write_page(folder)


def write_segmenter(folder):
    """A run of a segmenter, with segmentation masks during training and a gallery."""
    folder = write_run(folder, "segmenter").parent
    frame = {"answer": "mean IoU", "probability": 0.25, "image": test_run_page.PIXEL, "name": "image 0"}
    scenes = [frame | {"epoch": epoch} for epoch in (0, 2)]
    attention = [frame | {"epoch": epoch, "page": f"attention/{epoch}.html"} for epoch in (0, 2)]
    (folder / "scenes.json").write_text(json.dumps(scenes))
    (folder / "attention.json").write_text(json.dumps(attention))
    scores = pd.DataFrame({"iou": [0.6, 0.1, np.nan], "accuracy": 0.5, "share": 0.3}, index=NAMES)
    (folder / "class_scores.csv").write_text(scores.to_csv(index_label="class"))
    (folder / "gallery.png").write_bytes((folder / "accuracy.png").read_bytes())
    return run.write_page(folder)


def write_comparison(folder):
    runs = [test_comparison.write_run(folder / name, right) for name, right in (("plain", (8, 10, 12)), ("tuned", (8, 18, 13)))]
    return comparison.write_comparison(runs, folder / "comparison.html")


def write_lab(folder):
    from course_hw5.labs.support.result import LabResult
    from course_hw5.reports.pages import lab

    result = LabResult("A claim.")
    result.check("a", "a statement", True)
    result.check("b", "another statement", False)
    result.measure("k", "a number", 0.5)
    history = pd.DataFrame({"epoch": [1, 2], "accuracy": [0.4, 0.9]})
    result.figures["Accuracy"] = plots.history_plot(history, "accuracy")
    result.figures["Matrix"] = plots.confusion_matrix_plot(np.eye(2, dtype=int), ["a", "b"])
    result.pages["Attention"] = head_view(test_viewer.ATTENTION, test_viewer.TOKENS, html_action="return")
    return lab.write_lab(result, "a_lab", "Claim.\n\nA paragraph.\n\nAnother.", folder / "lab")


def write_card(folder):
    """What is in a data set, with duplicates and broken files."""
    card = DataCard(
        name=SENTENCE,
        unit="images",
        class_names=NAMES,
        counts={"train": [4, 5, 6], "test": [1, 0, 2]},
        examples={"train": 15, "test": 3},
        sizes={"width": (8, 9, 10), "height": (8, 9, 10)},
        duplicates=[Duplicates("train", "test", 1, 1, 1, [(0, 1), (2, 0)])],
        repeats=[Duplicates("train", "train", 2, 0, 0, [(0, 3), (1, 4)])],
        name_of=lambda split, index: f"{split}/{index}.png",
        broken=["train/9.png must be a whole image. Received: nothing"],
        samples=lambda: {name: [np.zeros((8, 8, 3), "uint8")] for name in NAMES},
    )
    return data.write_card(card, folder / "card.html")


def write_quiz(folder):
    """A question of each kind."""
    (folder / "quiz.html").write_text(quiz.quiz_html(made.questions(SENTENCE)), encoding="utf-8")
    return folder / "quiz.html"


def write_scene(folder):
    return scene.write_scene(test_scene_page.IMAGE, test_scene_page.LABELS, test_scene_page.NAMES, folder / "scene", "Street")


def read_live(name):
    """A small model as a live page holds it: its config, and its weights."""
    found = json.loads((pathlib.Path(__file__).parent / "golden" / "live" / f"{name}.json").read_text(encoding="utf-8"))
    return found["config"], base64.b64decode(found["weights"])


def write_live_words(folder):
    tokens = ["[CLS]", "the", "film", "is", "not", "bad", "[SEP]"]
    page = live_page(*read_live("bert"), tokens, "the film is not bad", "mini")
    (folder / "live_words.html").write_text(page, encoding="utf-8")
    return folder / "live_words.html"


def write_live_image(folder):
    tokens = ["[CLS]", *(f"r{row}c{column}" for row in range(3) for column in range(4))]
    drawings = np.random.default_rng(0).integers(0, 256, (3, 12, 16, 3), dtype="uint8")
    page = live_page(*read_live("beit"), tokens, "", "mini", drawings)
    (folder / "live_image.html").write_text(page, encoding="utf-8")
    return folder / "live_image.html"


KINDS = {
    "words": write_words,
    "image": write_image,
    "live_words": write_live_words,
    "live_image": write_live_image,
    "run": write_run,
    "segmenter": write_segmenter,
    "comparison": write_comparison,
    "lab": write_lab,
    "card": write_card,
    "quiz": write_quiz,
    "scene": write_scene,
}

# The words of each page that are data: tokens, classes, files, names of runs, what a lab and its figures say.
FIGURES = "accuracy loss per epoch; epoch training validation"
DATA = {
    "words": "[CLS] [SEP] positive negative",
    "image": " ".join(
        ["[CLS]", *(f"r{row}c{column}" for row in range(3) for column in range(5)), "</script><b>cat dog owl elk ant"]
    ),
    "run": f"{' '.join(NAMES)} mlp run made up val_accuracy [CLS] positive accuracy.png attention.json "
    "classification_report.json config.json confusion_matrix.csv confusion_matrix.png "
    "history.csv loss.png metrics.json misclassified.json",
    "comparison": f"{' '.join(NAMES)} plain plain, tuned tuned, {FIGURES} best by",
    "lab": f"a claim. statement another number lab Accuracy Matrix Attention paragraph. Another. {FIGURES} "
    "confusion matrix true predicted",
    "quiz": f"{SENTENCE} single multiple true_false numerical matching text alpha beta gamma delta, no yes reason navy "
    "1-1 (1) </script><b>&]]> gamma, gamma. alpha. beta. delta",
    "scene": "Street road </script><b>sky",
}
DATA["card"] = (
    f"{SENTENCE} {' '.join(NAMES)} {' '.join(f'train/{index}.png test/{index}.png' for index in range(3))} train/9.png"
)
DATA["live_words"] = "[CLS] [SEP] [MASK] the film is not bad positive negative mini"
DATA["live_image"] = f"{DATA['image']} cat </script><b>owl mini"
DATA["segmenter"] = f"{DATA['run']} segmenter mean IoU image 0 class_scores.csv gallery.png scenes.json"
