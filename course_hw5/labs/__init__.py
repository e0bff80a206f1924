"""The report's claims as experiments: each says what would refute it, runs in under two minutes, and gives a verdict."""

import ast
import importlib
import importlib.resources

LABS = (  # in the report's order
    "long_inputs",
    "weights_by_hand",
    "heads",
    "embeddings",
    "convolution_as_attention",
    "local_and_global",
    "anatomy",
    "order",
)


def describe(name):
    """Says what a lab is, without running or importing it.

    Args:
        name: one of `LABS`.

    Returns:
        Its docstring, whose first line is the claim, and a dict of its knobs and their defaults.

    Raises:
        ValueError: if there is no such lab.

    Example:
        >>> describe("weights_by_hand")[1]
        {'weights': 'softmax', 'samples': 2000}
    """
    if name not in LABS:
        raise ValueError(f"The lab must be one of {', '.join(LABS)}. Received: {name!r}")
    module = ast.parse((importlib.resources.files(__name__) / f"{name}.py").read_text(encoding="utf-8"))
    run = next(part for part in module.body if isinstance(part, ast.FunctionDef) and part.name == "run")
    defaults = zip(run.args.args, run.args.defaults)
    return ast.get_docstring(module), {knob.arg: ast.literal_eval(value) for knob, value in defaults if knob.arg != "seed"}


def run_lab(name, seed=0, **knobs):
    """Runs a lab.

    Args:
        name: one of `LABS`.
        seed: integer; makes the lab repeatable.
        **knobs: arguments of the lab, as `describe` lists them.

    Returns:
        `LabResult`.

    Raises:
        ValueError: if there is no such lab or knob, or a knob has no such value.
    """
    _, known = describe(name)
    if unknown := [knob for knob in knobs if knob not in known]:
        raise ValueError(f"The lab {name} must get {', '.join(['seed', *known])}. Received: {unknown[0]}")
    return importlib.import_module(f"{__name__}.{name}").run(seed, **knobs)
