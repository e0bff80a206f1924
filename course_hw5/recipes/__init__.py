"""Recipes of `course-hw5 train`: values, options and small builders, one recipe per file. Loads no TensorFlow."""

from course_hw5.recipes import beit, bert, cnn, mlp, segmenter

RECIPES = {
    "mlp": mlp.Mlp(),
    "cnn": cnn.Cnn(),
    "bert": bert.Bert(),
    "beit": beit.Beit(),
    "segmenter": segmenter.Segmenter(),
}
