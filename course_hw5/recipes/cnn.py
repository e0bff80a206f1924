"""Trains a small residual network on CIFAR-10 from scratch: the convolutions between the perceptron and BEiT.

    course-hw5 train cnn --precision mixed_bfloat16 --out runs/cnn
    course-hw5 train cnn --dataset digits --epochs 5 --out runs/cnn-digits   # no download
    course-hw5 train cnn --data photos/ --image-size 48 --out runs/photos    # a folder of class folders

An epoch of CIFAR-10 took a minute and three quarters on two cores with bfloat16 instructions.
"""

import course_hw5
from course_hw5.recipes.recipe import IMAGE_SIZE, Recipe

CONFIGS = {
    "scratch": {
        "epochs": 24,
        "optimizer": "muon",
        "learning_rate": 5e-3,
        "warmup_epochs": 1,
        "weight_decay": 0.1,
        "label_smoothing": 0.2,
    }
}
AUGMENTATIONS = {"scratch": "flip,shift"}


class Cnn(Recipe):
    description = __doc__
    batch_size = 256
    configs = CONFIGS
    augmentations = AUGMENTATIONS
    options = (IMAGE_SIZE,)

    def build_model(self, args, start, data):
        shape = tuple(data.train.element_spec[0].shape[1:])
        return course_hw5.cnn_classifier(shape, num_classes=len(data.class_names))
