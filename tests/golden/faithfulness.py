"""Writes how faithful some maps are by Quantus, whose code shares nothing with ours, for a small BERT and a small BEiT.

    PYTHON tests/golden/faithfulness.py     # PYTHON has this package and `quantus`

`faithfulness.json` holds for each of `CASES`, in log-odds and probability: the curves of deletion and of insertion by Quantus's
`PixelFlipping`, one token at a time; Kendall's tau with what is lost without each token, by its `FaithfulnessEstimate`; and, as
Quantus has neither, comprehensiveness and sufficiency by the formulas of DeYoung et al. 2020, section 4.2, from predictions of
changed token ids and changed pixels.
"""

import json
import math
import pathlib
import sys

import keras
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))
from course_hw5 import beit_backbone, beit_classifier, bert_backbone, bert_classifier
from course_hw5.text.tokenizer import SPECIAL_TOKENS

GOLDEN = pathlib.Path(__file__).with_suffix(".json")
WORDS = tuple("abcdefghijkl")
SHARES = (0.01, 0.05, 0.1, 0.2, 0.5)


def with_weights(model, scale):
    """Weights that are the same with every version of every library."""
    for index, weight in enumerate(model.weights):
        if not weight.path.endswith("gamma"):
            weight.assign(scale * np.sin(12.9898 * np.arange(math.prod(weight.shape)) + index).reshape(weight.shape))
    return model


def text():
    """A BERT, the ids of nine words with [CLS] and [SEP], a map, and where the words are."""
    sizes = {"num_layers": 2, "num_heads": 2, "hidden_dim": 16, "mlp_dim": 16, "max_sequence_length": 16}
    model = with_weights(bert_classifier(bert_backbone("tiny", vocabulary=(*SPECIAL_TOKENS, *WORDS), **sizes)), 0.5)
    words = [model.tokenizer.token_to_id(word) for word in "bdafcegli"]
    ids = np.array([model.tokenizer.cls_token_id, *words, model.tokenizer.sep_token_id])
    return model, ids, np.sin(7.1 * np.arange(11)), slice(1, -1)


def image():
    """A BEiT, an image of 4 x 3 patches, and a map."""
    sizes = {"patch_size": 4, "hidden_dim": 16, "num_layers": 2, "num_heads": 2}
    model = with_weights(beit_classifier(beit_backbone(image_shape=(16, 12, 3), **sizes), 3, pooling="cls"), 0.3)
    pixels = np.uint8(127 + 120 * np.sin(12.9898 * np.arange(16 * 12 * 3))).reshape(16, 12, 3)
    return model, pixels, np.sin(7.1 * np.arange(12)), slice(None)


CASES = {"text": text, "image": image}


class Predictions:
    """What Quantus asks of a model: an array of probabilities, or of log-odds, one row per example."""

    def __init__(self, model, quantity, of_inputs):
        self.model, self.quantity, self.of_inputs = model, quantity, of_inputs

    def shape_input(self, x, shape, **options):
        return x.reshape(shape)

    def predict(self, x):
        outputs = np.float64(keras.ops.convert_to_numpy(self.model(self.of_inputs(x))))
        outputs = np.concatenate([1 - outputs, outputs], axis=1) if outputs.shape[1] == 1 else outputs
        return np.log(outputs / (1 - outputs)) if self.quantity == "log_odds" else outputs


def measured(case, quantity):
    """The numbers of one case."""
    from quantus.metrics.faithfulness import FaithfulnessEstimate, PixelFlipping
    from scipy.stats import kendalltau

    model, source, values, parts = CASES[case]()
    if case == "text":
        source, values, features = source[parts].astype("float64"), values[parts], 1
        nothing = np.full_like(source, model.tokenizer.mask_token_id)
        ends = np.array([[model.tokenizer.cls_token_id]]), np.array([[model.tokenizer.sep_token_id]])
        predictions = Predictions(model, quantity, lambda x: np.concatenate([ends[0], x, ends[1]], axis=1).astype("int32"))
        attribution = values
    else:
        source, features = source.astype("float64"), 4 * 4 * 3
        nothing = np.broadcast_to(source.mean(axis=(0, 1)), source.shape)
        predictions = Predictions(model, quantity, lambda x: x.astype("float32"))
        attribution = np.kron(values.reshape(4, 3, 1), np.ones((4, 4, 3)))
    label = np.array([int(predictions.predict(source[None])[0].argmax())])

    def replaced_by(other):
        def replace(arr, indices, **options):
            changed = arr.copy()
            changed[0, indices[0]] = other.ravel()[indices[0]]
            return changed

        return {"features_in_step": features, "normalise": False, "disable_warnings": True, "perturb_func": replace}

    def similarity(a, b, **options):
        return np.array([kendalltau(a[0], b[0]).statistic])

    def flipped(start, end):
        [curve] = PixelFlipping(**replaced_by(end)).evaluate_batch(predictions, start[None], label, attribution[None])
        return [float(predictions.predict(start[None])[0, label[0]]), *curve]

    estimate = FaithfulnessEstimate(similarity_func=similarity, **replaced_by(nothing))
    [tau] = estimate.evaluate_batch(predictions, source[None], label, attribution[None])
    whole = predictions.predict(source[None])[0, label[0]]
    without, alone = [], []
    for share in SHARES:
        first = np.argsort(-values)[: math.ceil(share * len(values))]
        is_first = np.isin(np.arange(len(values)), first)
        if case == "image":
            is_first = np.kron(is_first.reshape(4, 3, 1), np.ones((4, 4, 1))) > 0
        without.append(whole - predictions.predict(np.where(is_first, nothing, source)[None])[0, label[0]])
        alone.append(whole - predictions.predict(np.where(is_first, source, nothing)[None])[0, label[0]])
    curves = {"deletion": flipped(source, nothing), "insertion": flipped(nothing, source)}
    return curves | {
        "comprehensiveness": float(np.mean(without)),
        "sufficiency": float(np.mean(alone)),
        "leave_one_out": float(tau),
    }


if __name__ == "__main__":
    found = {case: {quantity: measured(case, quantity) for quantity in ("log_odds", "probability")} for case in CASES}
    GOLDEN.write_text(json.dumps(found, indent=1) + "\n")
