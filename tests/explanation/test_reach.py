import keras
import numpy as np
import pytest

from course_hw5 import beit_backbone, beit_classifier, bert_backbone, cnn_classifier, mlp_classifier
from course_hw5.explanation.reach import reach, receptive_fields


def test_a_unit_depends_on_the_pixels_of_its_receptive_field_and_no_others(random):
    """With kernels of ones and without ReLU's zeros, each pixel of the field moves the unit in the middle."""
    model = cnn_classifier((48, 48, 3), widths=(2, 2))
    for layer in model.layers:
        for weights in layer.weights:
            if "kernel" in weights.path or "components" in weights.path:
                weights.assign(keras.ops.ones_like(weights))
    image = random.integers(140, 160, (48, 48, 3), dtype="uint8")
    for name, side in receptive_fields(model).items():
        maps = keras.Model(model.input, model.get_layer(name).output)
        middle = maps.output.shape[1] // 2
        brighter = np.repeat(image[None], 48, axis=0)
        brighter[np.arange(48), np.arange(48)] = 255  # in image i, pixel (i, i), which is the largest of its pool
        found = keras.ops.convert_to_numpy(maps(np.concatenate([image[None], brighter])))[:, middle, middle]
        assert (found[1:] != found[0]).any(axis=-1).sum() == side, name


def test_reach_of_each_kind_of_model(random):
    images = random.integers(0, 256, (2, 16, 16, 3), dtype="uint8")
    beit = beit_classifier(beit_backbone("tiny", (16, 16, 3)))
    rows = np.array(reach(beit, images)["attention"])
    assert rows.shape == (beit.backbone.num_layers, 3)
    assert (np.diff(rows) >= 0).all() and rows.min() > 0 and rows.max() < 16 * 2**0.5
    cnn = cnn_classifier((16, 16, 3), widths=(2, 2))
    assert reach(cnn, images) == {"receptive_fields": receptive_fields(cnn)}
    assert reach(mlp_classifier((16, 16, 3), hidden_units=(4,)), images) == {"receptive_fields": {}}


def test_a_model_that_reads_no_image_is_refused():
    with pytest.raises(ValueError, match="must be a BEiT, or made of convolutions or dense layers. Received: bert"):
        reach(bert_backbone("tiny"), None)


@pytest.mark.parametrize(
    "layer, reason",
    [
        (keras.layers.Conv2D(2, (3, 1)), r"look at squares. Received: odd, \(3, 1\) in steps of \(1, 1\)"),
        (keras.layers.DepthwiseConv2D(3), "treat each unit alone. Received: odd"),
    ],
)
def test_layers_whose_field_is_not_known_are_refused(layer, reason):
    layer.name = "odd"
    images = keras.Input((8, 8, 3))
    with pytest.raises(ValueError, match=reason):
        receptive_fields(keras.Model(images, layer(images)))


def test_dilated_convolutions_and_means_reach_as_far_as_they_look():
    x = images = keras.Input((32, 32, 3))
    for layer in (keras.layers.AveragePooling2D(2, name="mean"), keras.layers.Conv2D(2, 3, dilation_rate=2, name="dilated")):
        x = layer(x)
    assert receptive_fields(keras.Model(images, x)) == {"mean": 2, "dilated": 10}
