"""Recipes of `course-hw5 train`: values, options and small builders, one recipe per file. Loads no TensorFlow."""

from course_hw5.recipes import beit, bert, mlp, segmenter

RECIPES = {"mlp": mlp.Mlp(), "bert": bert.Bert(), "beit": beit.Beit(), "segmenter": segmenter.Segmenter()}
