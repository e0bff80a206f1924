import json
import shutil

import keras
import numpy as np
import pytest

from course_hw5 import attention_model, beit_backbone, load_model, upernet_segmenter
from course_hw5.models import beit_tasks, fine_tuning
from course_hw5.training import averaging
from tests.golden import beit as golden

FOLDER = golden.GOLDEN_SEGMENTER
SMALL = {"patch_size": 8, "hidden_dim": 12, "num_layers": 4, "num_heads": 3, "feature_layers": (0, 1, 2, 3)}
IMAGES = np.random.default_rng(0).integers(0, 256, (2, 32, 48, 3)).astype("uint8")


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(FOLDER, tmp_path / "model")


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    backbone = beit_backbone(image_shape=(32, 48, 3), **SMALL, initializer_range=0.3)
    return upernet_segmenter(backbone, 5, channels=8, auxiliary_channels=6, class_names="abcde")


def outputs_of(model):
    return [keras.ops.convert_to_numpy(output) for output in model(IMAGES)]


def test_main_and_auxiliary_logits_equal_the_reference():
    found = golden.differences(FOLDER, dict(np.load(FOLDER / "expected.npz")))
    assert {*found} == {"logits", "auxiliary"}
    assert max(found.values()) < golden.TOLERANCE


def test_images_become_logits_of_each_class_four_along_a_patch(model):
    main, auxiliary = outputs_of(model)
    assert main.shape == (2, 16, 24, 5) and auxiliary.shape == (2, 4, 6, 5)
    assert main.dtype == auxiliary.dtype == "float32"


def test_an_untrained_pyramid_has_no_checkerboard():
    backbone = beit_backbone(image_shape=(32, 48, 3), **SMALL)
    untrained = upernet_segmenter(backbone, 5, channels=8)
    enlarged = [untrained.get_layer(name).output for name in ("enlarge_0_second", "enlarge_1")]
    flat, noise = np.full((1, 32, 48, 3), 200, "uint8"), IMAGES[:1]
    for image, maps_of in ((flat, lambda maps: maps - maps[:, :1, :1]), (noise, lambda maps: maps)):
        for factor, maps in zip((4, 2), keras.Model(untrained.input, enlarged)(image)):
            maps = maps_of(keras.ops.convert_to_numpy(maps))
            nearest = maps[:, ::factor, ::factor].repeat(factor, axis=1).repeat(factor, axis=2)
            np.testing.assert_allclose(maps, nearest, atol=1e-6)
            assert (np.abs(maps).max() < 1e-5) == (image is flat)


@pytest.mark.parametrize("equal", [True, False])
def test_a_trained_pyramid_has_no_checkerboard_where_its_pixels_are_kept_equal(equal):
    segmenter = upernet_segmenter(beit_backbone(image_shape=(32, 48, 3), **SMALL), 5, channels=8, equal_subpixels=equal)
    segmenter.compile(
        keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.9),
        [keras.losses.SparseCategoricalCrossentropy(from_logits=True)] * 2,
    )
    labels = [np.random.default_rng(1).integers(0, 5, output.shape[:3]) for output in outputs_of(segmenter)]
    before = segmenter.get_layer("enlarge_1").get_weights()[0]
    for _ in range(2):
        segmenter.train_on_batch(IMAGES, labels)
    names = ("enlarge_0_first", "enlarge_0_second", "enlarge_1")
    with averaging.averaged_weights(segmenter):
        averages = [segmenter.get_layer(name).get_weights()[0] for name in names]
    for kernel in (*averages, *(segmenter.get_layer(name).get_weights()[0] for name in names)):
        assert (np.ptp(kernel, axis=(0, 1)).max() < 1e-7) == equal
    assert np.abs(kernel - before).max() > 0.005
    segmenter.equal_subpixels = True
    adapted = fine_tuning.adapted_segmenter(segmenter, 5).get_layer("enlarge_1").get_weights()[0]  # before any step
    np.testing.assert_allclose(adapted, np.broadcast_to(kernel.mean((0, 1)), kernel.shape), atol=1e-7)


def test_loading_keeps_the_weights_of_a_published_head_as_they_are_in_training_too():
    published = load_model(FOLDER)
    assert not published.equal_subpixels and published.get_layer("enlarge_1").kernel_constraint is None
    assert not fine_tuning.adapted_segmenter(published, 3).equal_subpixels


def test_a_saved_segmenter_gives_the_same_numbers_and_class_names(model, tmp_path):
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    for found, expected in zip(outputs_of(loaded), outputs_of(model)):
        np.testing.assert_array_equal(found, expected)
    assert loaded.class_names == tuple("abcde")


def test_attention_of_a_segmenter_can_be_read(model):
    found = attention_model(model, vectors=True)(IMAGES)
    attention = keras.ops.convert_to_numpy(found["attention_weights"])
    assert attention.shape == (2, 4, 3, 25, 25)
    assert {found[name].shape for name in ("query", "key", "value")} == {(2, 4, 3, 25, 4)}
    np.testing.assert_allclose(attention.sum(-1), 1, atol=1e-5)


def test_bfloat16_computes_and_scores_stay_float32(use_policy):
    use_policy("mixed_bfloat16")
    model = upernet_segmenter(beit_backbone(image_shape=(32, 48, 3), **SMALL), 5, channels=8)
    assert {output.dtype for output in outputs_of(model)} == {np.dtype("float32")}
    assert model.get_layer("fusion").compute_dtype == "bfloat16"


@pytest.mark.parametrize(
    "backbone, arguments, message",
    [
        ({"feature_layers": (0, 1)}, {}, r"`feature_layers` must be four blocks of the backbone. Received: \(0, 1\)"),
        ({"image_shape": (8, 48, 3)}, {}, "`image_shape` must be two patches or more along each side"),
        ({}, {"class_names": ["a"]}, r"`class_names` must be 5 names, or None. Received: \['a'\]"),
        ({}, {"detail_channels": (4, 0)}, r"`detail_channels` must be whole numbers, 1 or more. Received: \(4, 0\)"),
        (
            {"patch_size": 16},
            {"detail_channels": (4,)},
            r"`detail_channels` must be stages whose last map has the size \(8, 12\) or .*Received: \[\(16, 24\)\]",
        ),
    ],
)
def test_what_does_not_fit_is_refused(backbone, arguments, message):
    backbone = beit_backbone(**{"image_shape": (32, 48, 3)} | SMALL | backbone)
    with pytest.raises(ValueError, match=message):
        upernet_segmenter(backbone, 5, **arguments)


def test_what_is_thinner_than_a_patch_is_seen_by_convolutions_beside_the_backbone(model, tmp_path):
    def lines_at(column):
        image = np.full((1, 32, 48, 3), 128, "uint8")
        image[:, :, column] = 0
        return image

    def difference(segmenter):  # of logits, for a line at each of two pixels of the same patch
        columns = (lines_at(column) for column in (16, 20))
        return np.abs(np.subtract(*(keras.ops.convert_to_numpy(segmenter(image)[0]) for image in columns))).max()

    keras.utils.set_random_seed(0)
    arguments = {"channels": 8, "auxiliary_channels": 6, "class_names": "abcde"}
    backbone = beit_backbone(image_shape=(32, 48, 3), **SMALL, initializer_range=0.3)
    detailed = upernet_segmenter(backbone, 5, detail_channels=(3, 4, 5), **arguments)
    kernel = backbone.patch_embedding.kernel
    kernel.assign(np.tile(kernel.numpy().reshape(64, 3, 12).mean(0), (64, 1)))
    plain = upernet_segmenter(backbone, 5, **arguments)
    assert difference(plain) < 1e-5 < 1e-3 < difference(detailed)
    assert detailed.get_layer("lateral_0").convolution.kernel.shape[2] == 12 + 3
    assert detailed.get_layer("lateral_1").convolution.kernel.shape[2] == 12 + 4
    detailed.save(tmp_path / "model.keras")
    larger = fine_tuning.adapted_segmenter(load_model(tmp_path / "model.keras"), 5, "abcde", image_shape=(64, 64, 3))
    assert larger.detail_channels == (3, 4, 5)
    for before, after in zip(detailed.get_layer("stage_2").weights, larger.get_layer("stage_2").weights):
        np.testing.assert_array_equal(before, after)
    assert keras.ops.convert_to_numpy(attention_model(detailed)(IMAGES)).shape == (2, 4, 3, 25, 25)


def test_a_segmenter_adapted_to_larger_images_keeps_its_weights(model):
    larger = fine_tuning.adapted_segmenter(model, 5, "abcde", image_shape=(64, 64, 3))
    assert larger.output_shape[0] == (None, 32, 32, 5)
    same = fine_tuning.adapted_segmenter(model, 5, "abcde")
    for found, expected in zip(outputs_of(same), outputs_of(model)):
        np.testing.assert_array_equal(found, expected)


def test_a_classifier_of_small_patches_becomes_the_start_of_a_segmenter():
    backbone = beit_backbone(image_shape=(16, 24, 3), **SMALL | {"patch_size": 4, "feature_layers": ()}, initializer_range=0.3)
    start = beit_tasks.beit_classifier(backbone, 3)
    model = fine_tuning.adapted_segmenter(start, 5, channels=8, image_shape=(32, 48, 3), patch_size=8)
    small = np.random.default_rng(1).normal(size=(1, 16, 24, 3)).astype("float32")
    found = model.backbone(small.repeat(2, axis=1).repeat(2, axis=2))["sequence_output"]
    np.testing.assert_allclose(found, backbone(small), atol=1e-4)


def test_preprocessing_and_class_names_come_with_the_folder(folder):
    raw = {"do_normalize": True, "image_mean": [0.5] * 3, "image_std": [0.25] * 3, "do_resize": True, "size": 640}
    (folder / "preprocessor_config.json").write_text(json.dumps(raw))
    model = load_model(folder)
    assert model.input_shape == (None, 32, 32, 3)
    assert model.class_names[0] == "LABEL_0"
    expected = load_model(FOLDER)((IMAGES[:, :, :32] / 255 - 0.5) / 0.25)
    np.testing.assert_allclose(model(IMAGES[:, :, :32])[0], expected[0], atol=1e-5)


@pytest.mark.parametrize("name", ["out_indices", "segmentation_indices"])
def test_the_patches_before_the_first_block_may_feed_the_head(folder, name, tmp_path):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"out_indices": None, name: [1, 2, 4, 5]}))
    found = golden.differences(folder, dict(np.load(golden.GOLDEN_EMBEDDINGS)))
    assert {*found} == {"logits", "auxiliary"} and max(found.values()) < golden.TOLERANCE
    model, images = load_model(folder), np.load(golden.GOLDEN_EMBEDDINGS)["images"]
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(load_model(tmp_path / "model.keras")(images)[0], model(images)[0])
    recorded = keras.ops.convert_to_numpy(attention_model(model)(images))
    assert recorded.shape[1] == 5


def test_a_folder_that_does_not_name_its_blocks_is_refused(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"out_indices": [3, 5, 7, 11]}))
    with pytest.raises(ValueError, match=r"`out_indices` in .* must be four numbers in \[1, 6\]. Received: \[3, 5, 7, 11\]"):
        load_model(folder)


def test_a_folder_without_the_head_it_promises_is_refused(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"auxiliary_num_convs": 2}))
    with pytest.raises(ValueError, match="must hold whole weights of the model in its config.json. .*auxiliary_head.convs.1"):
        load_model(folder)


def test_a_segmenter_is_rebuilt_from_its_config(model):
    head = {"auxiliary_convolutions": 2, "auxiliary_concat_input": True, "pool_scales": (1, 2)}
    segmenter = upernet_segmenter(model.backbone, 5, channels=8, auxiliary_channels=6, **head, mean=0.2, std=(0.1, 0.2, 0.3))
    copy = type(segmenter).from_config(json.loads(json.dumps(segmenter.get_config())))
    copy.set_weights(segmenter.get_weights())
    assert copy.head_config() == segmenter.head_config() and copy.preprocessing == segmenter.preprocessing
    for found, expected in zip(outputs_of(copy), outputs_of(segmenter)):
        np.testing.assert_array_equal(found, expected)


def test_variables_of_both_heads_are_in_the_last_group(model):
    embedding, *blocks, head = ([v.path for v in group] for group in model.layer_groups())
    assert embedding[0] == "patch_embedding/kernel" and len(blocks) == 4
    assert {"logits/kernel", "auxiliary_logits/kernel", "fusion/convolution/kernel"} <= {*head}


def test_a_segmenter_for_other_classes_keeps_its_pyramid(model):
    other = model.reset_classifier(3)
    assert other.backbone is model.backbone and [output.shape[-1] for output in other.output] == [3, 3]
    for before, after in zip(model.get_layer("fusion").weights, other.get_layer("fusion").weights):
        np.testing.assert_array_equal(before, after)
