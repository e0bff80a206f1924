"""The WordPiece tokenizer of keras-nlp, reading what BERT's own would read."""

import keras_nlp
import tensorflow as tf


class BertTokenizer(keras_nlp.tokenizers.BertTokenizer):
    """keras-nlp's `BertTokenizer`, but that texts are first cleaned as BERT's own tokenizer cleans them.

    Any white space is a space, and characters that cannot be seen are dropped; an uncased one makes letters small and strips
    their accents. keras-nlp's makes one unknown word of two with a no-break space between them, and, since it folds Unicode's
    compatibility forms, other word pieces of "½", "…" or "ß".

    Args:
        vocabulary: sequence of word pieces.
        uncased: whether they are without capitals and accents.
    """

    def __init__(self, vocabulary, uncased=True, **kwargs):
        super().__init__(vocabulary, strip_accents=uncased, **kwargs)
        self.uncased = uncased

    def tokenize(self, texts):
        texts = tf.strings.regex_replace(texts, r"[\t\n\r\p{Z}]+", " ")
        texts = tf.strings.regex_replace(texts, r"[\p{C}\x{FFFD}]+", "")
        return super().tokenize(tf.strings.lower(texts, encoding="utf-8") if self.uncased else texts)

    def get_config(self):
        config = super().get_config() | {"vocabulary": self.vocabulary, "uncased": self.uncased}
        del config["strip_accents"]  # which `uncased` says
        return config
