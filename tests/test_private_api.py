"""The private names of Keras, keras-nlp and TensorFlow that the package uses, all of them: name, why, since when."""

import ast
import pathlib

import pytest

pytestmark = pytest.mark.unit
PACKAGE = pathlib.Path(__file__).parents[1] / "course_hw5"

# Each entry: where, the names, why no public name does, since which version of the package, and the plain path without it.
PRIVATE = (
    (
        "layers/kernels/xla.py",
        {"tensorflow.python.ops.control_flow_util"},
        "whether XLA compiles the graph that is being traced; 0.1; without it all kernels are plain",
    ),
    (
        "training/runtime.py",
        {"tensorflow.python.framework.test_util"},
        "whether TensorFlow multiplies by oneDNN; 0.1; without it XLA compiles the step as a whole",
    ),
    (
        "training/optimizers.py",
        {"_backend_update_step", "_should_use_adamw"},
        "XLA compiles the update of all weights as one; 0.1; without it Keras updates them one by one. Muon is for kernels of "
        "convolutions, too; 0.3; without it AdamW trains them",
    ),
    (
        "training/optimizers.py",
        {"_trainable_variables", "_get_variable_index", "_use_weight_decay", "_apply_weight_decay"},
        "Keras has no learning rate per variable; 0.1; needed for layer-wise rates alone",
    ),
    (
        "training/runtime.py",
        {"_symbolic_build", "_maybe_symbolic_build", "_make_function"},
        "keras#20585: Keras cannot train with more than one worker; 0.1; called for no other strategy",
    ),
    (
        "layers/bert_encoder.py",
        {
            "_self_attention_layer",
            "_self_attention_layer_norm",
            "_self_attention_dropout",
            "_feedforward_layer_norm",
            "_feedforward_intermediate_dense",
            "_feedforward_output_dense",
            "_feedforward_dropout",
        },
        "`call` of keras-nlp's TransformerEncoder reads its layers by these names, and has no argument for them; 0.1",
    ),
    (
        "explanation/recording.py",
        {"setattr"},
        "public names, `Layer.__call__` and the backend's softmax, replaced while attention is recorded: keras-hub's layers "
        "do not return their weights, and Keras's do so each in its own way; 0.3",
    ),
    (
        "models/checkpoints/load.py",
        {"keras.layers.Layer.add_weight ="},
        "a public name, replaced while a model is loaded: Keras draws random weights for all a file then holds; 0.1",
    ),
)


def private_names(path):
    """Names that begin with one underscore and that neither this module nor a class of the package defines."""
    return {name for name in attributes(path) if name not in OWN}


def attributes(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = [*ast.walk(tree)]
    found = {node.attr for node in nodes if isinstance(node, ast.Attribute) and is_private(node.attr)}
    modules = [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    found |= {
        f"{node.module}.{alias.name}"
        for node in nodes
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith(("tensorflow.python", "keras.src", "keras_hub.src"))
        for alias in node.names
    }
    assert not any(module.startswith(("keras.src", "keras_hub.src")) for module in modules), path
    for node in nodes:
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "setattr" and ast.unparse(node.args[0]) != "self":
            found.add("setattr")
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).startswith(("keras.", "tf.", "keras_nlp.")):
            found.add(f"{ast.unparse(node.targets[0])} =")
    return found


def overridden(path):
    """Listed names that a class of the module gives a method of its own."""
    return {
        node.name for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.FunctionDef)
    } & LISTED


def is_private(name):
    return (
        name.startswith("_") and not name.startswith("__") and name not in ("_asdict", "_replace", "_fields", "_exit")
    )  # documented by Python


def defined(tree):
    """Private names that a module gives to something of its own: functions, methods, attributes of `self` set to a value."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


PATHS = sorted(PACKAGE.rglob("*.py"))
LISTED = set().union(*(names for _, names, _ in PRIVATE))
OWN = {name for path in PATHS for name in defined(ast.parse(path.read_text(encoding="utf-8")))} - LISTED


def test_private_names_of_other_packages_are_those_that_are_listed():
    listed = {place: set().union(*(names for other, names, _ in PRIVATE if other == place)) for place, *_ in PRIVATE}
    found = {
        str(path.relative_to(PACKAGE)): private_names(path) | (attributes(path) & LISTED) | overridden(path) for path in PATHS
    }
    assert {place: names for place, names in found.items() if names} == listed


def test_the_list_stays_short_and_every_entry_is_used():
    assert len(PRIVATE) <= 8
    for place, names, _ in PRIVATE:
        text = (PACKAGE / place).read_text(encoding="utf-8")
        assert [name for name in names if name.rsplit(".", 1)[-1].split(" ")[0] not in text] == []
