"""BERT (Devlin et al. 2019, https://arxiv.org/abs/1810.04805) whose attention can be read.

The network is keras-nlp's `BertBackbone`, with the exact GELU of the published checkpoints where keras-nlp approximates it, and
with layers that are quick on a CPU: equal to the reference to float rounding.
"""

from collections.abc import Sequence

import keras
import keras_nlp

from course_hw5.errors import require
from course_hw5.layers.bert_encoder import BertEncoder
from course_hw5.layers.bert_inputs import PositionEmbedding
from course_hw5.layers.keras_layers import Dense, HashedDropout, LayerNormalization, exact_gelu
from course_hw5.layers.layer import Registered
from course_hw5.models.task import NOT_DECAYED, Backbone, WithAttention
from course_hw5.text.tokenizer import BertTokenizer, bert_tokenizer, checked_vocabulary

# === Model ===


class BertBackbone(Backbone, Registered, keras_nlp.models.Backbone):
    """BERT without a head.

    Inputs: dict of int `token_ids`, `segment_ids`, `padding_mask`, each `(batch, tokens)`.
    Outputs: dict of `sequence_output` `(batch, tokens, hidden_dim)` and `pooled_output` `(batch, hidden_dim)`.

    Args: those of keras-nlp's `BertBackbone`, all of which are attributes, too, and
        layer_norm_epsilon: of all layer normalizations.
        vocabulary: sequence of word pieces, by which a classifier on it reads text; None for the published uncased one.
        lowercase: whether the vocabulary is uncased.
        tokenizer: a `BertTokenizer` of `course_hw5.text.tokenizer`, or its config, in place of both.
    """

    def __init__(
        self,
        vocabulary_size: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float = 0.1,
        max_sequence_length: int = 512,
        num_segments: int = 2,
        layer_norm_epsilon: float = 1e-12,
        vocabulary: Sequence[str] | None = None,
        lowercase: bool = True,
        tokenizer: BertTokenizer | dict | None = None,
        dtype: str | keras.DTypePolicy | None = None,
        **kwargs,
    ):
        def init():
            return keras.initializers.TruncatedNormal(stddev=0.02)

        # === Layers ===
        self.token_embedding = keras_nlp.layers.ReversibleEmbedding(
            vocabulary_size, hidden_dim, embeddings_initializer=init(), dtype=dtype, name="token_embedding"
        )
        self.position_embedding = PositionEmbedding(max_sequence_length, init(), dtype=dtype, name="position_embedding")
        self.segment_embedding = keras.layers.Embedding(num_segments, hidden_dim, init(), dtype=dtype, name="segment_embedding")
        self.embeddings_add = keras.layers.Add(dtype=dtype, name="embeddings_add")
        self.embeddings_layer_norm = LayerNormalization(epsilon=layer_norm_epsilon, dtype=dtype, name="embeddings_layer_norm")
        self.embeddings_dropout = HashedDropout(dropout, dtype=dtype, name="embeddings_dropout")
        sizes = (mlp_dim, num_heads, dropout, exact_gelu, layer_norm_epsilon)
        self.transformer_layers = [
            self.make_encoder(*sizes, init(), dtype=dtype, name=f"transformer_layer_{index}") for index in range(num_layers)
        ]
        self.pooled_dense = Dense(hidden_dim, "tanh", kernel_initializer=init(), dtype=dtype, name="pooled_dense")

        # === Functional model ===
        inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in ("token_ids", "segment_ids", "padding_mask")}
        x = self.embeddings_dropout(self.embed(inputs)["sum"])
        for encoder in self.transformer_layers:
            x = encoder(x, padding_mask=inputs["padding_mask"])
        super().__init__(inputs, {"sequence_output": x, "pooled_output": self.pooled_dense(x[:, 0])}, dtype=dtype, **kwargs)

        # === Config ===
        self.vocabulary_size, self.max_sequence_length, self.num_segments = vocabulary_size, max_sequence_length, num_segments
        self.num_layers, self.num_heads, self.hidden_dim, self.mlp_dim = num_layers, num_heads, hidden_dim, mlp_dim
        self.dropout, self.layer_norm_epsilon = dropout, layer_norm_epsilon
        self.tokenizer = made_tokenizer(vocabulary, lowercase, tokenizer)

    def make_encoder(self, *args, **options) -> BertEncoder:
        """One encoder layer, by the arguments of `BertEncoder`; for subclasses to replace."""
        return BertEncoder(*args, **options)

    @property
    def attention_blocks(self) -> list[BertEncoder]:
        return self.transformer_layers

    @classmethod
    def from_preset(cls, preset: str, load_weights: bool = True, **kwargs) -> "BertBackbone":
        """Loads a BERT preset of keras-nlp; args are the same. `course_hw5.load_model` also brings vocabulary and head."""
        return exact(keras_nlp.models.BertBackbone.from_preset(preset, load_weights, **kwargs))

    def embed(self, inputs: dict) -> dict:
        """The three vectors of each token, and their sum after layer normalization, each `(batch, tokens, hidden_dim)`."""
        token = self.token_embedding(inputs["token_ids"])
        segment = self.segment_embedding(inputs["segment_ids"])
        parts = {"token": token, "position": self.position_embedding(token), "segment": segment}
        return parts | {"sum": self.embeddings_layer_norm(self.embeddings_add([*parts.values()]))}

    def call_with_attention(self, inputs: dict) -> tuple[dict, dict]:
        """Runs the same layers on symbolic inputs, without dropout.

        Returns:
            What the model outputs; and a dict of "pooled_output" and, of what `BertAttention` returns, a list with a tensor for
            each layer: "attention_weights", "query", "key", "value", "logit_bias".
        """
        x, recorded = self.embed(inputs)["sum"], {}
        for encoder in self.transformer_layers:
            x, parts = WithAttention(encoder)(x, inputs["padding_mask"])
            for name, tensor in parts.items():  # as computed: a gradient by a float32 copy would be none
                recorded.setdefault(name, []).append(tensor)
        outputs = {"sequence_output": x, "pooled_output": self.pooled_dense(x[:, 0])}
        return outputs, recorded | {"pooled_output": outputs["pooled_output"]}

    def no_weight_decay(self) -> tuple[str, ...]:
        """Names of variables, or parts of names, that weight decay leaves out, as `exclude_from_weight_decay` takes them."""
        return NOT_DECAYED

    def layer_groups(self) -> list[list[keras.Variable]]:
        """Trainable variables: those of the embeddings, of each encoder layer, and of the pooler."""
        embeddings = (self.token_embedding, self.position_embedding, self.segment_embedding, self.embeddings_layer_norm)
        first = [variable for layer in embeddings for variable in layer.trainable_variables]
        return [first, *(layer.trainable_variables for layer in self.transformer_layers), self.pooled_dense.trainable_variables]

    def get_config(self) -> dict:
        sizes = ("vocabulary_size", "num_layers", "num_heads", "hidden_dim", "mlp_dim", "max_sequence_length", "num_segments")
        config = {name: getattr(self, name) for name in (*sizes, "dropout", "layer_norm_epsilon")}
        return super().get_config() | config | {"tokenizer": self.tokenizer and self.tokenizer.get_config()}


def bert_backbone(size: str = "tiny", **overrides) -> BertBackbone:
    """Makes a `BertBackbone` with random weights.

    Args:
        size: a name in `SIZES`.
        **overrides: arguments of `BertBackbone` that differ from those of the size.
    """
    require("size", size, lambda size: size in SIZES, f"one of {', '.join(SIZES)}")
    return BertBackbone(**{"vocabulary_size": 30522} | SIZES[size] | overrides)


def exact(backbone: keras.Model) -> BertBackbone:
    """A `BertBackbone` itself; of one of keras-nlp's own a copy with exact GELU, of the same name and precision.

    Raises:
        ValueError: if it is no BERT.
    """
    if isinstance(backbone, BertBackbone):
        return backbone
    expected = "a BertBackbone, as bert_backbone makes one"
    require("backbone", backbone, lambda backbone: isinstance(backbone, keras_nlp.models.BertBackbone), expected)
    config = backbone.get_config()
    config["mlp_dim"] = config.pop("intermediate_dim")
    copy = BertBackbone.from_config(config)
    copy.set_weights(backbone.get_weights())
    return copy


def made_tokenizer(vocabulary=None, lowercase=True, tokenizer: BertTokenizer | dict | None = None) -> BertTokenizer | None:
    """The `BertTokenizer` that is given, or the one of a config or a vocabulary; None for the published uncased one."""
    if isinstance(tokenizer, dict):
        tokenizer = (bert_tokenizer if "vocabulary" in tokenizer else BertTokenizer)(**tokenizer)
    if tokenizer is None and vocabulary is not None:
        tokenizer = bert_tokenizer(checked_vocabulary("`vocabulary`", vocabulary), lowercase)
    return tokenizer


def check_embeddings(owner: object, backbone: BertBackbone, tokenizer: BertTokenizer) -> None:
    """Raises ValueError, which names the `owner` of both, if there are more word pieces than embeddings."""
    if (pieces := tokenizer.vocabulary_size()) > (rows := backbone.vocabulary_size):
        raise ValueError(f"{owner} must hold an embedding for each word piece. Received: {rows} for {pieces}")


# === Sizes ===

# Layers, width and heads: Turc et al. 2019, https://arxiv.org/abs/1908.08962; Wang et al. 2020, https://arxiv.org/abs/2002.10957
BERTS = {"tiny": (2, 128, 2), "mini": (4, 256, 4), "small": (4, 512, 8), "medium": (8, 512, 8), "base": (12, 768, 12)}
SIZES = {
    name: {"num_layers": layers, "hidden_dim": width, "num_heads": num_heads, "mlp_dim": 4 * width}
    for name, (layers, width, num_heads) in (BERTS | {"minilm-l6": (6, 384, 12)}).items()
}
