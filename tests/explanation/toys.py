"""Models with weights set by hand, of which it is known what they use: one head, and what it reads."""

import numpy as np

from course_hw5 import beit_backbone, beit_classifier, bert_backbone, bert_classifier
from course_hw5.labs.support.evidence import set_numbers, zero_weights
from course_hw5.models.mpnet import MPNetBackbone
from course_hw5.text.tokenizer import SPECIAL_TOKENS

WORDS = (*SPECIAL_TOKENS, "good", "bad", "film", "the", "##s")
PLANTED = (0, 1)  # the one head that moves anything: it gives [CLS] the mean over tokens of their first feature
SENSITIVITY = 16.0  # of the answer to that


def planted_bert(kind="bert"):
    """Reads "good" and "bad" by head 1 of layer 0, says "negative" without it; head 0 looks at "film" alone, in vain."""
    sizes = {"vocabulary_size": 20, "num_layers": 2, "num_heads": 2, "hidden_dim": 8, "mlp_dim": 8, "max_sequence_length": 16}
    sizes |= {"vocabulary": WORDS}
    backbone = bert_backbone("tiny", **sizes) if kind == "bert" else MPNetBackbone(**sizes)
    model = bert_classifier(backbone)
    zero_weights(model)
    for word in range(len(WORDS)):
        first = {"good": 1, "bad": -1}.get(WORDS[word], 0)
        seen = 0.5 if WORDS[word] == "film" else 0
        # beside features that all words have, so that normalization changes little
        set_numbers(backbone.token_embedding.embeddings, word, [first, -first, 2, -2, seen, -seen, 0, 0])
    attention = backbone.transformer_layers[0].attention
    set_numbers(attention.query_dense.bias, (0, 0), 9)
    set_numbers(attention.key_dense.kernel, (4, 0, 0), 9)  # "film" has feature 4
    set_numbers(attention.value_dense.kernel, (0, 1, 0), 1)
    set_numbers(attention.output_dense.kernel, (1, 0), [1, -1, 0, 0, 0, 0, 0, 0])
    set_numbers(backbone.pooled_dense.kernel, (0, 0), 0.1)  # where tanh is nearly linear
    set_numbers(model.classifier.kernel, (0, 0), 10 * SENSITIVITY)
    set_numbers(model.classifier.bias, 0, -0.5)
    return model


def planted_beit():
    """Says "red" where a patch is red, "blue" where one is blue, by head 1 of layer 0; "none" without it."""
    sizes = {"patch_size": 4, "hidden_dim": 8, "num_layers": 2, "num_heads": 2, "layer_scale_init": 0.0}
    backbone = beit_backbone(image_shape=(8, 12, 3), **sizes)
    model = beit_classifier(backbone, 3, pooling="cls", class_names=("red", "blue", "none"))
    zero_weights(model)
    embedding, attention = backbone.patch_embedding, backbone.blocks[0].attention
    colours = np.tile([1 / 32, 0, -1 / 32], 16)  # red minus blue, mean over a patch
    embedding.kernel.assign(np.outer(colours, [1, -1, 0, 0, 0, 0, 0, 0]))
    embedding.bias.assign([0, 0, 2, -2, 0, 0, 0, 0])
    embedding.cls_token.assign(np.reshape([0, 0, 2, -2, 0, 0, 0, 0], (1, 1, 8)))
    set_numbers(attention.qkv_kernel, (0, 16 + 4), 1)  # value of head 1
    set_numbers(attention.output_kernel, 4, [1, -1, 0, 0, 0, 0, 0, 0])
    set_numbers(model.logits.kernel, (0, slice(None)), [SENSITIVITY, -SENSITIVITY, 0])
    set_numbers(model.logits.bias, 2, 0.5)
    return model


def red_patch(index=4):
    """A grey image of 2 x 3 patches, of which one is red."""
    image = np.full((8, 12, 3), 127, "uint8")
    row, column = divmod(index, 3)
    image[4 * row :][:4, 4 * column :][:, :4] = (255, 0, 0)
    return image
