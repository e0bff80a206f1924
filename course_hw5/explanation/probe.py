"""One text or image, read by a model again and again: with heads silenced, and with tokens taken out."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from jaxtyping import Float, Float32

from course_hw5.explanation import ablation
from course_hw5.explanation.extract import extractor, of_first
from course_hw5.explanation.target import Target, logits_model, logits_of
from course_hw5.layers import intervention
from course_hw5.layers.layer import Tensor
from course_hw5.models.task import Task

WEIGHTS_AT_ONCE = 1 << 22  # weights of one head, over all that is read at once: twelve heads take 0.2 GB
STEPS = 32  # of integrated gradients, by the quadrature of Gauss and Legendre


class Probe:
    """A model and one of its inputs.

    A token is taken out where the first layer reads it: what it reads there becomes that of the baseline. Our networks embed
    each token by itself, so this is as if the word, or the patch, were another.

    Args:
        model: a classifier or a segmenter.
        inputs: array `(1, ...)` as the model takes it: token ids, or an image.
        baseline: array of the same shape: what is left where nothing is said or seen.
        tokens: how many tokens the backbone reads of it.
        shares: as `ablation.silenced` gives them: heads that are off throughout.
    """

    def __init__(self, model: Task, inputs: np.ndarray, baseline: np.ndarray, tokens: int, shares: ablation.Shares):
        self.model, self.inputs, self.baseline, self.tokens, self.shares = model, inputs, baseline, tokens, shares
        self.blocks = model.backbone.attention_blocks
        self.submodel = logits_model(model)

    def logits(self) -> Float32[np.ndarray, "..."]:
        """Logits `(classes,)`, or of a segmenter `(rows, columns, classes)`."""
        return keras.ops.convert_to_numpy(self._read(self.inputs, self.shares))[0]

    def attention(self, targets: Sequence[Target], tokens: int | None = None) -> tuple[np.ndarray, list[np.ndarray], dict]:
        """Attention `(layers, heads, tokens, tokens)`, its gradients for each target, and all that the `extractor` outputs.

        The gradients are those of the target's log-odds by each weight; all are of the first `tokens`.
        """
        import tensorflow as tf  # here, since models are otherwise neutral

        with tf.GradientTape(persistent=True) as tape, self._replaced(self.shares):
            outputs = extractor(self.model)(self.inputs)
            values = [target.log_odds(logits_of(self.model, outputs)) for target in targets]
        weights = outputs["attention_weights"]
        return of_first(weights, tokens), [of_first(tape.gradient(value, weights), tokens) for value in values], outputs

    def whole(self, targets: Sequence[Target]) -> list[float]:
        """Log-odds of each target with all heads, but for those that are off throughout, and with all tokens."""
        return self.log_odds(targets, self.shares)[:, 0].tolist()

    def changes(self, targets: Sequence[Target], how: str) -> list[tuple[np.ndarray, np.ndarray]]:
        """What is added to the log-odds without each head, `(layers, heads)`, and without each layer's heads, `(layers,)`.

        Args:
            targets: what is asked for.
            how: a name in `ablation.ABLATIONS`.

        Returns:
            A pair of arrays for each target.
        """
        _, layers, heads, _ = self.shares.shape
        every = np.concatenate([self.shares, ablation.each_head(self.shares, ablation.ABLATIONS[how])])
        without = [row[1:] - row[0] for row in self.log_odds(targets, every)]
        return [(row[: layers * heads].reshape(layers, heads), row[layers * heads :]) for row in without]

    def without_tokens(self, targets: Sequence[Target], groups: Sequence[Sequence[int]]) -> Float[np.ndarray, "targets groups"]:
        """Log-odds without each group of tokens, by their indices."""
        taken = np.zeros((len(groups), self.tokens), "float32")
        for row, group in zip(taken, groups):
            row[[*group]] = 1
        return self.log_odds(targets, np.repeat(self.shares, len(groups), axis=0), {0: taken}, self.baseline)

    def log_odds(
        self, targets: Sequence[Target], shares: ablation.Shares, positions: dict[int, Any] | None = None, first: Any = None
    ) -> Float[np.ndarray, "targets rows"]:
        """Log-odds of each target for each row of `shares`, a few rows at a time.

        Args:
            targets: what is asked for.
            shares: float `(rows, layers, heads, 3)`, as of `ablation.Replaced`.
            positions: as of `ablation.Replaced`, of as many rows.
            first: what is read as the first example of each batch, `(1, ...)`; None for none.
        """
        found = []
        for part in self._parts(len(shares)):
            some = {layer: values[part] for layer, values in (positions or {}).items()}
            logits = self._read(np.repeat(self.inputs, len(shares[part]), axis=0), shares[part], some, first)
            found.append([keras.ops.convert_to_numpy(target.log_odds(logits)) for target in targets])
        return np.concatenate(found, axis=1) if found else np.zeros((len(targets), 0), "float32")

    def head_parts(self, targets: Sequence[Target], how: str) -> list[dict[str, np.ndarray]]:
        """What `changes` gives, by the names that explanations have for it."""
        return [{"head_changes": heads, "layer_changes": layers} for heads, layers in self.changes(targets, how)]

    def integrated_gradients(self, targets: Sequence[Target]) -> Float[np.ndarray, "targets tokens"]:
        """The share of each token in what the log-odds gain from the baseline to the input (Sundararajan et al. 2017).

        Along the straight line from what the first layer reads of the one to what it reads of the other; for patches, which are
        embedded linearly, this is the line from one image to the other.
        """
        import tensorflow as tf

        nodes, weights = np.polynomial.legendre.leggauss(STEPS)
        total = np.zeros((len(targets), self.tokens))
        for part in self._parts(STEPS, smaller=2 * len(self.blocks)):
            count = len(nodes[part])
            of_baseline = tf.constant(np.repeat((1 - nodes[part, None]) / 2, self.tokens, axis=1), "float32")
            with tf.GradientTape(persistent=True) as tape:
                tape.watch(of_baseline)
                inputs, shares = np.repeat(self.inputs, count, axis=0), np.repeat(self.shares, count, axis=0)
                logits = self._read(inputs, shares, {0: of_baseline}, self.baseline)
                values = [target.log_odds(logits) for target in targets]
            for row, value in zip(total, values):
                row -= weights[part] / 2 @ keras.ops.convert_to_numpy(tape.gradient(value, of_baseline))
        return total

    def _parts(self, rows, smaller=1):
        size = max(1, WEIGHTS_AT_ONCE // (self.tokens**2 * smaller))
        return [slice(start, min(start + size, rows)) for start in range(0, rows, size)]

    def _replaced(self, shares, positions=None):
        return intervention.applied(ablation.Replaced(self.blocks, shares, positions or {}))

    def _read(self, inputs, shares, positions=None, first=None) -> Tensor:
        """Logits of some inputs; of `first`, which is read before them, none."""
        if first is not None:
            inputs, shares = np.concatenate([first, inputs]), np.concatenate([self.shares, shares])
            positions = {i: keras.ops.concatenate([keras.ops.zeros_like(x[:1]), x]) for i, x in (positions or {}).items()}
        # called and not predicted: a compiled model would compile anew for each length
        with self._replaced(shares, positions):
            logits = logits_of(self.model, self.submodel(inputs))
        return logits if first is None else logits[1:]
