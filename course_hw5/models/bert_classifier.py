"""BERT as a classifier of texts, and how it is trained in part."""

from collections.abc import Sequence

import keras

from course_hw5.errors import is_whole, require
from course_hw5.layers.bert_inputs import BertInputs
from course_hw5.layers.layer import Tensor
from course_hw5.models.bert import check_embeddings, exact, made_tokenizer
from course_hw5.models.task import Task
from course_hw5.text.tokenizer import BertTokenizer, bert_tokenizer

LABELS = ("negative", "positive")


class BertClassifier(Task):
    """The classifier that `bert_classifier` makes: [CLS] of the last layer, pooler, a logit and its sigmoid.

    Of three classes or more it has a logit for each, and their softmax.

    Args: those of `bert_classifier`, all of which are attributes, too; `backbone` is a `BertBackbone`.
    """

    class_names: tuple[str, ...]
    pooling = "cls"

    def __init__(self, backbone, max_length=None, dropout=0.1, tokenizer=None, class_names=LABELS, name="bert_classifier"):
        require("class_names", class_names, _are_names, "two names or more")
        tokenizer = made_tokenizer(tokenizer=tokenizer) or backbone.tokenizer
        separator_id = 102
        if tokenizer is not None:
            check_embeddings("`backbone`", backbone, tokenizer)
            separator_id = tokenizer.sep_token_id if tokenizer.segments else 0  # no token of a text is padding

        # === Layers ===
        self.backbone = backbone
        self.bert_inputs = BertInputs(separator_id, name="bert_inputs")
        self.classifier_dropout = keras.layers.Dropout(dropout, dtype=backbone.dtype_policy, name="classifier_dropout")
        self.classifier = _classifier(len(class_names))

        # === Functional model ===
        token_ids = keras.Input((max_length,), dtype="int32", name="token_ids")
        x = backbone(self.bert_inputs(token_ids))["pooled_output"]
        super().__init__(token_ids, self.classifier(self.classifier_dropout(x)), name=name)

        # === Config ===
        self.max_length, self.dropout = max_length, dropout
        self.class_names = tuple(map(str, class_names))
        self._tokenizer = tokenizer

    @property
    def tokenizer(self) -> BertTokenizer:
        """By which the model reads text: its own, or the published uncased one.

        Raises:
            ValueError: if the model has fewer embeddings than the vocabulary has word pieces.
        """
        tokenizer = self._tokenizer or bert_tokenizer()
        check_embeddings("`model`", self.backbone, tokenizer)
        return tokenizer

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    def class_logits(self, pooled_output: Tensor) -> Tensor:
        """Logits whose softmax is the probability of each class; of two classes the first is 0.

        Args:
            pooled_output: of the backbone, float `(batch, hidden_dim)`.

        Returns:
            float32 tensor `(batch, num_classes)`.
        """
        x = keras.ops.cast(pooled_output, "float32")
        logits = keras.ops.matmul(x, self.classifier.kernel) + self.classifier.bias
        is_binary = self.num_classes == 2
        return keras.ops.concatenate([keras.ops.zeros_like(logits), logits], axis=-1) if is_binary else logits

    def reset_classifier(self, class_names: Sequence[str]) -> "BertClassifier":
        """Makes the same model for other classes: it shares the backbone, and its last layer is new."""
        return BertClassifier.from_config(self.get_config() | {"backbone": self.backbone, "class_names": class_names})

    def get_config(self) -> dict:
        head = {"max_length": self.max_length, "dropout": self.dropout, "class_names": self.class_names}
        return super().get_config() | head | {"tokenizer": self._tokenizer and self._tokenizer.get_config()}


def _are_names(names):
    return not isinstance(names, str) and len(names) >= 2


def _classifier(num_classes):
    """The last layer: one sigmoid for two classes, else a softmax."""
    units, activation = (1, "sigmoid") if num_classes == 2 else (num_classes, "softmax")
    return keras.layers.Dense(units, activation=activation, dtype="float32", name="classifier")


def bert_classifier(
    backbone: keras.Model,
    max_length: int | None = None,
    dropout: float = 0.1,
    vocabulary: Sequence[str] | None = None,
    lowercase: bool = True,
    tokenizer: BertTokenizer | None = None,
    class_names: Sequence[str] | None = None,
    num_classes: int | None = None,
) -> BertClassifier:
    """Makes the sentiment classifier of question 2-1, or a classifier of texts with any number of classes.

    Args:
        backbone: a `BertBackbone`; of one of keras-nlp's own a copy, with exact GELU.
        max_length: tokens per text; None for any number up to the backbone's `max_sequence_length`.
        dropout: rate before the last layer.
        vocabulary: sequence of word pieces; None for the backbone's own, else the published uncased one.
        lowercase: whether the vocabulary is uncased; of the backbone's its own word counts.
        tokenizer: a `BertTokenizer` of `course_hw5.text.tokenizer`, in place of vocabulary and lowercase.
        class_names: one string per class, kept with the model; None for "negative" and "positive", or for "class 0", "class 1"
            ... where there are more.
        num_classes: number of classes, 2 or more; None for as many as there are names.

    Returns:
        `BertClassifier`: integer `(batch, max_length)` token ids, 0 where padded, to float32 probabilities: `(batch, 1)`, those
        of label 1, by a sigmoid; of three classes or more `(batch, num_classes)`, by a softmax.

    Raises:
        ValueError: if `backbone` is no BERT; if `max_length` leaves no room for a word piece, or exceeds what the backbone has
            positions for; if `vocabulary` is not one of BERT, or larger than the backbone's embedding; if there is not
            one name per class, or fewer than two classes. The published vocabulary is compared when text is read: a model of
            other token ids needs none.

    Example:
        >>> from course_hw5.models.bert import bert_backbone
        >>> model = bert_classifier(bert_backbone("tiny"), max_length=16)
        >>> model.input_shape, model.output_shape, f"{model.count_params():,}"
        ((None, 16), (None, 1), '4,386,049')
    """
    require("num_classes", num_classes, lambda count: count is None or is_whole(count, 2), "None, or a whole number, 2 or more")
    if class_names is None:
        class_names = LABELS if num_classes in (None, 2) else [f"class {number}" for number in range(num_classes)]
    require("class_names", class_names, lambda names: num_classes in (None, len(names)), f"{num_classes} names, or None")
    backbone = exact(backbone)
    longest = backbone.max_sequence_length
    expected = f"None or a whole number in [3, {longest}]"
    require("max_length", max_length, lambda size: size is None or (is_whole(size, 3) and size <= longest), expected)
    return BertClassifier(backbone, max_length, dropout, made_tokenizer(vocabulary, lowercase, tokenizer), class_names)


def enable_lora(model: BertClassifier, rank: int) -> None:
    """Freezes the backbone but for a change of low rank to each kernel of its encoder, the biases beside them, and the pooler.

    Hu et al. 2022, https://arxiv.org/abs/2106.09685, by the `enable_lora` of Keras's layers. A saved model is merged. MPNet's
    tables of distances are trained, as biases are.

    Args:
        model: a `bert_classifier`, changed in place.
        rank: of the change, 1 or more.
    """
    backbone = model.backbone
    for layer in {*backbone.layers} - {*backbone.transformer_layers, backbone.pooled_dense}:
        layer.trainable = False
    for encoder in backbone.transformer_layers:
        for layer in encoder.weighted_layers:
            if isinstance(layer, keras.layers.LayerNormalization):
                layer.trainable = False
            else:
                layer.enable_lora(rank)
