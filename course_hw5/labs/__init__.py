"""The homework's claims as experiments: each says what would refute it, runs in under two minutes, and gives a verdict."""

import ast
import importlib
import importlib.resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from course_hw5.labs.support.result import LabResult

LABS = (  # in the homework's order, then what it leaves open
    *("long_inputs", "weights_by_hand", "heads", "embeddings"),
    *("convolution_as_attention", "local_and_global", "anatomy", "order", "which_map_to_believe"),
    "learned_locality",
)


def describe(name: str) -> tuple[str, dict[str, int | str]]:
    """Says what a lab is, without running or importing it.

    Args:
        name: one of `LABS`.

    Returns:
        Its docstring, whose first line is the claim, and a dict of its parameters and their defaults.

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
    parameters = {argument.arg: ast.literal_eval(value) for argument, value in defaults if argument.arg != "seed"}
    return ast.get_docstring(module) or "", parameters


def run_lab(name: str, seed: int = 0, **parameters: int | str) -> "LabResult":
    """Runs a lab.

    Args:
        name: one of `LABS`.
        seed: integer; makes the lab repeatable.
        **parameters: arguments of the lab, as `describe` lists them.

    Returns:
        `LabResult`.

    Raises:
        ValueError: if there is no such lab or parameter, or a parameter has no such value.
    """
    _, known = describe(name)
    if unknown := [parameter for parameter in parameters if parameter not in known]:
        raise ValueError(f"The lab {name} must get {', '.join(['seed', *known])}. Received: {unknown[0]}")
    import keras  # here, since listing the labs loads no heavy library

    lab = importlib.import_module(f"{__name__}.{name}")
    keras.utils.set_random_seed(seed)
    return lab.run(seed, **parameters)
