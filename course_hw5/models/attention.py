"""Attention as an output: submodels on the same inputs and weights, and what follows from them for a sentence or a picture."""

import weakref

import keras
import numpy as np

from course_hw5 import tokenization
from course_hw5.attention import analysis
from course_hw5.errors import require
from course_hw5.layers import kernels
from course_hw5.models import beit
from course_hw5.models.bert import BertInputs, backbone_of, check_embeddings, class_names_of

_RECORDERS = weakref.WeakKeyDictionary()
MASKED_SCORES = 1 << 22  # weights of one head, over the masked sentences that are read at once: twelve heads take 0.2 GB
MASKED_WORDS = 100  # of a long text those that counted most: each costs a reading of all of it


@keras.saving.register_keras_serializable("course_hw5")
class WithAttention(keras.layers.Layer):
    """Calls a `keras_nlp.layers.TransformerEncoder` for its output and its attention.

    The encoder itself cannot say on a symbolic input that it has two outputs; here they are declared.

    Args:
        encoder: a built `TransformerEncoder`, shared and not copied.
    """

    def __init__(self, encoder, **kwargs):
        super().__init__(**kwargs)
        self.encoder = encoder

    def call(self, x, padding_mask=None):
        return self.encoder(x, padding_mask=padding_mask, return_attention_scores=True, training=False)

    def compute_output_spec(self, x, padding_mask=None):
        batch, tokens, _ = x.shape
        scores = (batch, self.encoder.num_heads, tokens, tokens)
        return keras.KerasTensor(x.shape, self.compute_dtype), keras.KerasTensor(scores, self.compute_dtype)

    def get_config(self):
        return super().get_config() | {"encoder": keras.saving.serialize_keras_object(self.encoder)}

    @classmethod
    def from_config(cls, config):
        return cls(**config | {"encoder": keras.saving.deserialize_keras_object(config["encoder"])})


@keras.saving.register_keras_serializable("course_hw5")
class Stacked(keras.layers.Layer):
    """Arrays of the same shape, one per layer of a model, in one float32 array, along axis 1."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs | {"dtype": "float32", "autocast": False})
        self.supports_masking = True  # Keras warns of a mask that is dropped otherwise

    def call(self, arrays):
        return kernels.stack_layers(*arrays)

    def compute_mask(self, arrays, previous_mask):
        return None  # the attention holds it


def attention_model(model, parts=False):
    """Makes the submodel that outputs the attention of all layers, with the inputs and the weights of `model`.

    Args:
        model: BERT or BEiT, with or without a head.
        parts: for BEiT, whether the two terms of the scores are given too.

    Returns:
        Functional `keras.Model` with a float32 output `(batch, layers, heads, tokens, tokens)`: softmax probabilities, axis
        -2 the query, -1 the key; rows sum to 1 and padded keys get 0. With `parts` a dict of that, "attention", and of what it
        is the softmax of the sum of: "content", scaled products of query and key, and "position", the position bias.

    Raises:
        ValueError: if `model` has no attention that can be read.
    """
    recorder = _recorder(model)
    names = ("attention", "content", "position") if parts else ("attention",)
    if not {*names} <= {*recorder.output}:
        raise ValueError(f"`parts` must be False for a model without position bias. Received: {model.name}")
    outputs = {name: Stacked(name=f"stacked_{name}")(recorder.output[name]) for name in names}
    return keras.Model(recorder.input, outputs if parts else outputs["attention"], name=f"{model.name}_attention")


def _recorder(model):
    """The model that computes everything in one pass: each layer's attention and the output of `model`."""
    _check_model(model)
    if model not in _RECORDERS:
        _RECORDERS[model] = _make_recorder(model) if beit.backbone_of(model) is None else _make_beit_recorder(model)
    return _RECORDERS[model]


def _make_beit_recorder(model):
    """The same layers on the same inputs, but that the backbone is asked for its scores."""
    scores, logits = [], []

    def call(layer, *args, **kwargs):
        if isinstance(layer, beit.ClassScores):
            logits.append(args[0])
        if not isinstance(layer, beit.BeitBackbone):
            return layer(*args, **kwargs)
        sequence_output, recorded = layer.with_scores(*args)
        scores.extend(recorded)
        return sequence_output

    if isinstance(model, beit.BeitBackbone):
        output = call(model, model.input)
    else:
        output = keras.models.clone_model(model, model.input, clone_function=lambda layer: layer, call_function=call).output
    recorded = {name: [layer[name] for layer in scores] for name in ("attention", "content", "position")}
    return keras.Model(model.input, recorded | {"output": output, "logits": logits})


def _make_recorder(model):
    backbone = backbone_of(model)
    source = model.input if model is backbone else model.inputs[0]  # a loaded model's `input` is a list
    inputs = source if model is backbone else model.get_layer("bert_inputs")(source)
    x, attention = _embedded(backbone, inputs)["sum"], []
    for encoder in backbone.transformer_layers:
        x, scores = WithAttention(encoder, dtype=encoder.dtype_policy)(x, padding_mask=inputs["padding_mask"])
        attention.append(scores)  # as computed: a gradient by a float32 copy would be none
    output = {"sequence_output": x, "pooled_output": (pooled := backbone.pooled_dense(x[:, 0]))}
    if model is not backbone:
        output = model.get_layer("positive")(pooled)
    return keras.Model(source, {"attention": attention, "output": output, "pooled_output": pooled})


def _embedded(backbone, inputs):
    """The three vectors of each token, and their sum after layer normalization, each `(batch, tokens, hidden_dim)`."""
    token = backbone.token_embedding(inputs["token_ids"])
    segment = backbone.segment_embedding(inputs["segment_ids"])
    parts = {"token": token, "position": backbone.position_embedding(token), "segment": segment}
    return parts | {"sum": backbone.embeddings_layer_norm(backbone.embeddings_add([*parts.values()]))}


def tokenizer_of(model):
    """The tokenizer by which a `bert_classifier`, or one on a `BertBackbone`, reads text.

    Raises:
        ValueError: if `model` is neither, or has fewer embeddings than its vocabulary has word pieces.
    """
    backbone = backbone_of(model)
    source = next((layer for layer in model.layers if isinstance(layer, BertInputs)), backbone)
    tokenizer = source.tokenizer or tokenization.bert_tokenizer()
    check_embeddings("`model`", backbone, tokenizer)
    return tokenizer


def get_att_tok(model, sentence, other=None, special_tokens=False):
    """The word pieces of a sentence and the attention between them, as the report uses them.

    Args:
        model: a `bert_classifier`.
        sentence: string; cut where it exceeds what the model reads.
        other: second string of a pair, or None.
        special_tokens: whether special tokens that are typed are read as such, as by `encode_sentence`.

    Returns:
        List of `tokens` strings, [CLS] and [SEP] included, and a float32 array `(layers, heads, tokens, tokens)` without
        padding.
    """
    ids, _ = _token_ids(model, sentence, other, special_tokens)
    scores = _recorder(model)(_padded(model, ids))["attention"]
    return _tokens(model, ids), _of_first(scores, len(ids))


def explain(model, source, other=None, special_tokens=False):
    """Everything that the viewer shows of one sentence or picture.

    `head_view(**explain(model, sentence))`, `patch_view(**explain(model, picture))`.

    Args:
        model: a `bert_classifier` or a `beit_classifier`.
        source: a string, cut where it exceeds what the model reads; or a picture `(height, width, channels)` of the size that
            the model reads, or of any size where the model resizes: uint8, or normalised floats for one without preprocessing.
        other: second string of a pair, or None.
        special_tokens: whether special tokens that are typed, such as "[MASK]", are read as such, as by `encode_sentence`.

    Returns:
        Dict of `attention` and `gradients`, of the predicted class's logit by each weight, both `(layers, heads, tokens,
        tokens)`.
        Of a sentence also `tokens`; `probability` of label 1, and its `class_name`; `what_if`, a list of `(word, first token,
        last token, probability with that word as [MASK])`, for the 100 words that counted most if there are more;
        `sentence_b_start`.
        Of a picture also `image`, the part that the model reads; `grid`, rows and columns of patches; `content` and
        `position_bias`, whose sum the softmax is taken of, as `attention`; `predictions`, all `(class name, probability)`,
        the best first, each of its own where the model gives several labels to a picture; `patch`, the token whose last
        attention counted most for the answer.

    Raises:
        ValueError: if the model is neither, or the picture has another shape or type than it reads.
        NotImplementedError: on another Keras backend than TensorFlow, whose gradient tape this needs.
    """
    if keras.backend.backend() != "tensorflow":
        raise NotImplementedError(f"`explain` needs the backend tensorflow. Received: {keras.backend.backend()}")
    _check_model(model)
    if beit.backbone_of(model) is None:
        return _explain_sentence(model, source, other, special_tokens)
    require("other", other, lambda other: other is None, "None for a picture")
    return _explain_picture(model, source)


def _explain_picture(model, image):
    import tensorflow as tf  # here, since models are otherwise neutral

    image, shape = np.asarray(image), model.inputs[0].shape[1:]
    fits = len(image.shape) == 3 and all(size in (None, found) for size, found in zip(shape, image.shape))
    if not fits or 0 in image.shape:
        raise ValueError(f"The picture must have shape {shape}. Received: {image.shape}")
    if image.dtype.kind not in "uif":
        raise ValueError(f"The picture must hold numbers. Received: {image.dtype}")
    if np.issubdtype(image.dtype, np.integer) and not beit.takes_raw_pictures(model):
        raise ValueError(f"A model without preprocessing takes pictures as normalised floats. Received: {image.dtype}")
    if not np.isfinite(image).all():
        raise ValueError("The picture must be finite. Received: NaN or infinite values")
    if beit.takes_raw_pictures(model) and (image.min() < 0 or image.max() > 255):
        raise ValueError(f"Pixels must lie in [0, 255]. Received: {image.min()} to {image.max()}")
    with tf.GradientTape() as tape:
        recorded = _recorder(model)(image[None])
        if not recorded["logits"]:
            raise ValueError(f"`model` must be a beit_classifier. Received: {model.name}")
        logits = recorded["logits"][0][0]
        logit = tf.reduce_max(logits)
    gradients = tape.gradient(logit, recorded["attention"])
    parts = recorded | {"gradients": gradients}
    names = {"attention": "attention", "gradients": "gradients", "content": "content", "position_bias": "position"}
    scores = model.get_layer("scores")
    probabilities = (tf.nn.sigmoid if scores.activation == "sigmoid" else tf.nn.softmax)(logits).numpy()
    class_names = scores.class_names or [f"class {i}" for i in range(len(probabilities))]
    arrays = {name: _of_first(parts[part]) for name, part in names.items()}
    spoke = np.maximum(arrays["attention"][-1] * arrays["gradients"][-1], 0)
    return arrays | {
        "image": _shown(_centre(image, beit.crop_share(model)), beit.takes_raw_pictures(model)),
        "patch": int(spoke.sum(axis=(0, 2)).argmax()),
        "grid": beit.backbone_of(model).grid,
        "predictions": [(class_names[i], float(probabilities[i])) for i in np.argsort(-probabilities)],
    }


def _of_first(layers, tokens=None):
    """Scores of a batch's first example, of its first `tokens`: float32 `(layers, heads, tokens, tokens)`."""
    return np.stack([np.float32(keras.ops.convert_to_numpy(layer)[0, :, :tokens, :tokens]) for layer in layers])


def _shown(image, is_raw):
    """A picture as a page can show it, uint8 RGB: normalised ones stretched to the visible range."""
    if not is_raw:
        image = (image - image.min()) / max(np.ptp(image), 1e-9) * 255
    image = np.uint8(np.clip(image, 0, 255))
    return np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image[..., :3]


def _centre(image, share):
    height, width = (round(share * size) for size in image.shape[:2])
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[top : top + height, left : left + width]


def _explain_sentence(model, sentence, other, special_tokens):
    import tensorflow as tf  # here, since models are otherwise neutral

    ids, other_start = _token_ids(model, sentence, other, special_tokens)
    tokenizer, head = tokenizer_of(model), model.get_layer("positive")
    with tf.GradientTape() as tape:
        recorded = _recorder(model)(_padded(model, ids))
        # not by way of the probability, which has no gradient where it is 0 or 1 to float32
        logit = tf.abs(tf.matmul(tf.cast(recorded["pooled_output"], "float32"), head.kernel) + head.bias)
    gradients = tape.gradient(logit, recorded["attention"])
    attention, gradients = (_of_first(part, len(ids)) for part in (recorded["attention"], gradients))
    tokens = _tokens(model, ids)
    words = _words(tokens, ids, tokenizer)
    if len(words) > MASKED_WORDS:
        counted = analysis.token_relevance(attention, gradients)[0]
        words = sorted(sorted(words, key=lambda word: -counted[word[0] : word[1] + 1].sum())[:MASKED_WORDS])
    masked = np.repeat(_padded(model, ids), len(words) + 1, axis=0)
    for row, (first, last) in zip(masked[1:], words):
        row[first : last + 1] = tokenizer.mask_token_id
    rows = max(1, MASKED_SCORES // masked.shape[1] ** 2)
    # called and not predicted: a compiled model would compile anew for each length
    batches = [masked[i : i + rows] for i in range(0, len(masked), rows)]
    # in the structure of the model's inputs: of a loaded one they are a list
    answers = [model(keras.tree.map_structure(lambda _, batch=batch: batch, model.input)) for batch in batches]
    probability, *without = np.concatenate([keras.ops.convert_to_numpy(answer)[:, 0] for answer in answers]).tolist()
    names = ["".join(map(tokenizer.without_marks, tokens[first : last + 1])) for first, last in words]
    return {
        "tokens": tokens,
        "attention": attention,
        "gradients": gradients,
        "probability": probability,
        "class_name": class_names_of(model)[1],
        "what_if": [(name, *word, value) for name, word, value in zip(names, words, without)],
        "sentence_b_start": other_start,
    }


def _check_model(model):
    require("model", model, lambda model: isinstance(model, keras.Model), "a Keras model")


def _token_ids(model, sentence, other=None, special_tokens=False):
    """Token ids `(tokens,)` as `BertInputs` reads them, a typed [SEP] negative, and where the second text starts, or None."""
    _check_model(model)
    if not any(isinstance(layer, BertInputs) for layer in model.layers):
        raise ValueError(f"`model` must be a bert_classifier, as bert_classifier(backbone) makes one. Received: {model.name}")
    longest = model.inputs[0].shape[-1] or backbone_of(model).max_sequence_length
    tokenizer = tokenizer_of(model)
    ids, framing, other_start = tokenization.encode(sentence, longest, other, tokenizer, special_tokens)
    is_typed = (ids == tokenizer.sep_token_id) & ~np.isin(np.arange(len(ids)), framing)
    return np.where(is_typed, -ids, ids), other_start


def _tokens(model, ids):
    return tokenization.tokens_of(np.abs(ids), tokenizer_of(model))


def _padded(model, ids):
    return np.pad(ids, (0, max(0, (model.inputs[0].shape[-1] or 0) - len(ids))))[None]


def _words(tokens, ids, tokenizer):
    """First and last token of each word; special tokens are none."""
    special = (tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id, tokenizer.mask_token_id)
    words = []
    for index, token in enumerate(tokens):
        if abs(ids[index]) in special:
            continue
        if tokenizer.is_continuation(token) and words and words[-1][1] == index - 1:
            words[-1][1] = index
        else:
            words.append([index, index])
    return words


def embedding_parts(model, sentence, other=None, special_tokens=False):
    """The vectors that BERT's input is the sum of (figures 4 and 5 of the report).

    Args:
        model: a `bert_classifier`.
        sentence: string.
        other: second string of a pair, or None.
        special_tokens: whether special tokens that are typed are read as such, as by `encode_sentence`.

    Returns:
        List of `tokens` strings, and a dict of float32 arrays `(tokens, hidden_dim)`: "token", "position", "segment", and
        "sum", their sum after layer normalization, which is what the first encoder layer reads.
    """
    backbone, (ids, _) = backbone_of(model), _token_ids(model, sentence, other, special_tokens)
    parts = _embedded(backbone, model.get_layer("bert_inputs")(ids[None].astype("int32")))
    arrays = {name: keras.ops.convert_to_numpy(keras.ops.cast(part, "float32"))[0] for name, part in parts.items()}
    return _tokens(model, ids), arrays
