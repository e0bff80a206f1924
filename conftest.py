"""The tiers of tests: each has exactly one of the marks unit, model, browser and slow."""

import pathlib
import random
import sys

import pytest

ROOT = pathlib.Path(__file__).parent
TIERS = ("unit", "model", "browser", "slow")
# The packages that load Keras: their doctests are tests of models.
WITH_KERAS = ("data", "explanation", "labs", "layers", "models", "recipes", "segmentation", "training")


def needs_keras(path):
    """Whether the doctests of a module load Keras."""
    inside = path.relative_to(ROOT / "course_hw5")
    return any(inside.is_relative_to(name) for name in WITH_KERAS)


def pytest_ignore_collect(collection_path, config):
    """Modules without a doctest are not imported; with `-m unit` or `-m browser`, neither are those without such a test."""
    if collection_path.suffix != ".py" or not collection_path.is_relative_to(ROOT):
        return None
    text, tier = collection_path.read_text(encoding="utf-8"), config.option.markexpr
    if collection_path.is_relative_to(ROOT / "course_hw5"):
        return ">>>" not in text or tier == "browser" or (tier == "unit" and needs_keras(collection_path)) or None
    word = {"unit": "mark.unit", "browser": "needs_browser"}.get(tier, "")
    return not collection_path.name.startswith("test_") or word not in text or None


def tier_of(item):
    """The tier of a test: its own mark, else browser if it opens one, else the mark of its module, else model."""
    if isinstance(item, pytest.DoctestItem):
        return "model" if needs_keras(item.path) else "unit"
    module = {mark.name for mark in item.parent.iter_markers() if mark.name in TIERS}
    own = {mark.name for mark in item.own_markers if mark.name in TIERS}
    opened = {"browser"} if "driver" in item.fixturenames and module != {"slow"} else set()
    found = own or opened or module or {"model"}
    if len(found) > 1:
        raise pytest.UsageError(f"{item.nodeid} must have one of the marks {', '.join(TIERS)}. Received: {', '.join(found)}")
    return found.pop()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Gives each test exactly one tier."""
    tiers = [tier_of(item) for item in items]
    for node in {node for item in items for node in item.listchain()}:
        node.own_markers = [mark for mark in node.own_markers if mark.name not in TIERS]
    for item, tier in zip(items, tiers):
        item.add_marker(tier)
    if config.option.markexpr == "unit" and "keras" in sys.modules:
        raise pytest.UsageError("A module with unit tests must not import Keras.")


@pytest.fixture(autouse=True)
def repeatable(request):
    """Random weights are the same in every run, whatever ran before; a unit test does not load Keras."""
    random.seed(0)  # Keras's seeds come from it, also if it is not loaded yet
    keras = sys.modules.get("keras")
    if keras:
        keras.utils.set_random_seed(0)
    yield
    if request.node.get_closest_marker("unit") and "keras" in sys.modules and not keras:
        pytest.fail("A unit test must not load Keras: mark it `model`.")
