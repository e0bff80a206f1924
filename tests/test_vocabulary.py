"""One vocabulary: names that were given up for the field's own do not come back."""

import io
import pathlib
import re
import tokenize

import pytest

pytestmark = pytest.mark.unit
ROOT = pathlib.Path(__file__).parents[1]
SOURCES = sorted(path for folder in ("course_hw5", "scripts", "notebooks") for path in (ROOT / folder).rglob("*.py"))

# retired name -> the name in its place
RETIRED = {
    "CHANGES": "DELTAS",
    "ClassScores": "Predictions",
    "IGNORED": "IGNORE_INDEX",
    "LocalKernels": "ConvolutionLikeKernels",
    "NeighbourOffsets": "ConvolutionLikeBias",
    "Settings": "TrainingConfig",
    "StochasticDepth": "DropPath",
    "WHOLE": "FULL",
    "WithScores": "WithAttention",
    "check_out": "check_output_dir",
    "compiles_whole": "use_jit_compile",
    "crop_share": "crop_fraction",
    "epoch_share": "epoch_fraction",
    "holds_files": "ensure_empty",
    "in_pieces": "partial_jit",
    "local_initialization": "convolution_like_initialization",
    "plain_errors": "user_errors",
    "rate_factors": "lr_multipliers",
    "replacing": "atomic_write",
    "return_scores": "return_attention_scores",
    "save_change": "save_delta",
    "start_of_change": "zero_head",
    "with_scores": "with_attention",
}
# part of a name -> the word in its place
RETIRED_WORDS = {
    "catalogue": "tfds",
    "findings": "summary",
    "knob": "parameter",
    "knobs": "parameters",
    "annotation": "mask",
    "mistakes": "misclassified",
    "picture": "image",
    "pictures": "images",
    "taught": "pseudo_labels",
    "tiles": "metric_cards",
}
# the spellings of BEiT's and BERT's sizes, as arguments of functions and classes of layers and models
RETIRED_ARGUMENTS = {"classes": "num_classes", "depth": "num_layers", "dim": "hidden_dim", "heads": "num_heads"}


def names(path):
    """The names in a module, its own among them."""
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)
    return {path.stem, *(token.string for token in tokens if token.type == tokenize.NAME)}


def words(name):
    return {word.lower() for word in re.split(r"_+|(?<=[a-z])(?=[A-Z])", name)}


def test_no_retired_name_comes_back():
    found = {str(path.relative_to(ROOT)): names(path) & {*RETIRED} for path in SOURCES}
    assert {path: {name: RETIRED[name] for name in retired} for path, retired in found.items() if retired} == {}


def test_no_retired_word_comes_back_in_a_name():
    found = {str(path.relative_to(ROOT)): {word for name in names(path) for word in words(name)} for path in SOURCES}
    assert {path: sorted(retired) for path, every in found.items() if (retired := every & {*RETIRED_WORDS})} == {}


def test_layers_and_models_have_one_spelling_of_sizes():
    paths = [path for path in SOURCES if path.relative_to(ROOT).parts[1] in ("layers", "models")]
    found = {str(path.relative_to(ROOT)): names(path) & {*RETIRED_ARGUMENTS} for path in paths}
    assert {path: retired for path, retired in found.items() if retired} == {}
