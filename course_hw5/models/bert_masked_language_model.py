"""BERT with the head of its pre-training, which predicts hidden tokens."""

import keras
import keras_nlp

from course_hw5.errors import require
from course_hw5.layers.bert_inputs import BertInputs
from course_hw5.layers.keras_layers import exact_gelu
from course_hw5.models.bert import check_embeddings, exact, made_tokenizer
from course_hw5.models.task import Task
from course_hw5.text.tokenizer import BertTokenizer


class BertMaskedLanguageModel(Task):
    """The model that `bert_masked_language_model` makes; args are the same, and attributes, too.

    The pooler of the backbone is not used, and so not trained.
    """

    tokenizer: BertTokenizer

    def __init__(self, backbone, tokenizer, name="bert_masked_language_model"):
        tokenizer = made_tokenizer(tokenizer=tokenizer)
        check_embeddings("`backbone`", backbone, tokenizer)

        # === Layers ===
        self.backbone = backbone
        self.bert_inputs = BertInputs(tokenizer.sep_token_id if tokenizer.segments else 0, name="bert_inputs")
        self.masked_lm_head = keras_nlp.layers.MaskedLMHead(
            token_embedding=backbone.token_embedding,
            intermediate_activation=exact_gelu,
            layer_norm_epsilon=backbone.layer_norm_epsilon,
            kernel_initializer=keras.initializers.TruncatedNormal(stddev=0.02),
            dtype=backbone.dtype_policy,
            name="masked_lm_head",
        )
        self.logits = keras.layers.Activation("linear", dtype="float32", name="logits")

        # === Functional model ===
        inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in ("masked_positions", "token_ids")}
        x = backbone(self.bert_inputs(inputs["token_ids"]))["sequence_output"]  # (batch, tokens, hidden_dim)
        x = self.masked_lm_head(x, inputs["masked_positions"])  # (batch, positions, vocabulary_size)
        super().__init__(inputs, self.logits(x), name=name)

        # === Config ===
        self.tokenizer = tokenizer

    @property
    def trainable_weights(self) -> list[keras.Variable]:
        pooler = {id(variable) for variable in self.backbone.pooled_dense.variables}
        return [variable for variable in super().trainable_weights if id(variable) not in pooler]

    @property
    def trainable_variables(self) -> list[keras.Variable]:
        return self.trainable_weights

    def get_config(self) -> dict:
        return super().get_config() | {"tokenizer": self.tokenizer.get_config()}


def bert_masked_language_model(backbone: keras.Model, tokenizer: BertTokenizer | None = None) -> BertMaskedLanguageModel:
    """Makes BERT's pre-training model (Devlin et al. 2019, section 3.1), without the prediction of the next sentence.

    Hidden tokens are predicted by a dense layer, GELU, a layer normalization, the transposed token embedding and a bias, by
    keras-nlp's `MaskedLMHead`.

    Args:
        backbone: a `BertBackbone`; of one of keras-nlp's own a copy, with exact GELU.
        tokenizer: a `BertTokenizer`, kept with the model; None for the backbone's own.

    Returns:
        `BertMaskedLanguageModel`: dict of integers `token_ids` `(batch, tokens)`, 0 where padded, and `masked_positions`
        `(batch, positions)` to float32 logits `(batch, positions, vocabulary_size)`.

    Raises:
        ValueError: if `backbone` is no BERT or has fewer embeddings than the tokenizer tokens, or there is no tokenizer.
    """
    backbone = exact(backbone)
    tokenizer = tokenizer or backbone.tokenizer
    expected = "a BertTokenizer, as learn_vocabulary makes one, where the backbone has none"
    require("tokenizer", tokenizer, lambda tokenizer: isinstance(tokenizer, BertTokenizer), expected)
    return BertMaskedLanguageModel(backbone, tokenizer)
