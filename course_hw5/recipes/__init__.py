"""Recipes of `course-hw5 train`: values, options and small builders, one recipe per file. Loads no TensorFlow."""

import importlib

from course_hw5.recipes.recipe import Recipe

NAMES = ("mlp", "bert", "beit", "segmenter")


def load_recipe(name: str) -> Recipe:
    """The recipe of one of `NAMES`."""
    return importlib.import_module(f"course_hw5.recipes.{name}").RECIPE
