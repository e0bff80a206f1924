import json
import re
import shutil

import keras
import numpy as np
import pytest
import safetensors.numpy

from course_hw5 import attention_model, beit_backbone, beit_classifier, explain, load_model, upernet_segmenter
from course_hw5.models import beit, beit_tasks, fine_tuning
from tests.golden import beit as golden

FOLDER = golden.GOLDEN
SMALL = {"patch_size": 4, "hidden_dim": 12, "num_layers": 2, "num_heads": 3}
random = np.random.default_rng(0)
IMAGES = random.integers(0, 256, (3, 16, 24, 3)).astype("uint8")


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(FOLDER, tmp_path / "model")


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    backbone = beit_backbone(image_shape=(16, 24, 3), **SMALL, initializer_range=0.3, convolution_like_initialization=True)
    return beit_classifier(backbone, num_classes=4, class_names=["a", "b", "c", "d"])


def test_logits_states_and_attention_equal_the_reference():
    found = golden.differences(FOLDER, dict(np.load(FOLDER / "expected.npz")))
    assert {*found} == {"attention", "states", "logits"}
    assert max(found.values()) < golden.TOLERANCE


@pytest.mark.parametrize("name", golden.OPTIONS)
def test_every_option_gives_the_numbers_of_the_reference(name):
    found = golden.differences(golden.GOLDENS[name], dict(np.load(golden.GOLDENS[name] / "expected.npz")))
    assert {"attention", "states"} < {*found} and max(found.values()) < golden.TOLERANCE


def test_a_new_backbone_knows_no_positions_unless_it_is_asked_to(model):
    backbones = beit_backbone(image_shape=(16, 24, 3), **SMALL), model.backbone
    tables = [[weight for weight in backbone.weights if weight.path.endswith("bias/table")] for backbone in backbones]
    assert [[bool(np.any(table)) for table in part] for part in tables] == [[False, False], [True, True]]


def test_images_of_uint8_become_probabilities(model):
    probabilities = model.predict(IMAGES, verbose=0)
    assert probabilities.shape == (3, 4) and probabilities.dtype == "float32"
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-6)


def test_a_saved_model_gives_the_same_numbers_and_class_names(model, tmp_path):
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(IMAGES), model(IMAGES))
    assert loaded.class_names == ("a", "b", "c", "d")
    np.testing.assert_array_equal(attention_model(loaded)(IMAGES), attention_model(model)(IMAGES))


def test_attention_of_all_layers_comes_with_its_two_terms(model):
    parts = {name: keras.ops.convert_to_numpy(value) for name, value in attention_model(model, parts=True)(IMAGES).items()}
    assert {name: value.shape for name, value in parts.items()} == dict.fromkeys(
        ("attention_weights", "content_logits", "position_logits"), (3, 2, 3, 25, 25)
    )
    np.testing.assert_allclose(parts["attention_weights"].sum(-1), 1, atol=1e-6)
    together = keras.ops.softmax(parts["content_logits"] + parts["position_logits"])
    np.testing.assert_allclose(parts["attention_weights"], together, atol=1e-6)


def test_submodel_shares_the_weights(model):
    submodel = attention_model(model)
    assert {id(weight) for weight in submodel.weights} <= {id(weight) for weight in model.weights}


@pytest.mark.parametrize("kind", ["encoder", "masked"])
def test_attention_of_models_without_a_classifier(kind):
    backbone = beit_backbone(image_shape=(16, 16, 3), **SMALL, use_mask_token=kind == "masked", final_norm=True)
    images = random.normal(size=(2, 16, 16, 3))
    if kind == "masked":
        model, inputs = beit_tasks.beit_masked_image_model(backbone, 7), {"images": images, "mask": np.ones((2, 16))}
        assert model(inputs).shape == (2, 16, 7)
    else:
        model, inputs = beit_tasks.beit_encoder(backbone, "cls"), images
        assert {name: value.shape[1:] for name, value in model(inputs).items()} == {
            "sequence_output": (17, 12),
            "pooled_output": (12,),
        }
    assert attention_model(model)(inputs).shape == attention_model(backbone)(inputs).shape == (2, 2, 3, 17, 17)


def test_features_are_the_patches_after_their_block():
    backbone = beit_backbone(image_shape=(16, 24, 3), **SMALL, feature_layers=(0, 1))
    outputs = backbone(IMAGES.astype("float32"))
    assert outputs["block_0"].shape == (3, 4, 6, 12)
    flat = np.reshape(outputs["block_1"], (3, 24, 12))
    np.testing.assert_array_equal(flat, keras.ops.convert_to_numpy(outputs["sequence_output"])[:, 1:])


def test_rebuilt_for_another_size_keeps_what_does_not_depend_on_it(model):
    old = model.backbone
    same = fine_tuning.rebuilt_backbone(old, drop_path_rate=0.1)
    np.testing.assert_array_equal(same(IMAGES.astype("float32")), old(IMAGES.astype("float32")))
    new = fine_tuning.rebuilt_backbone(old, image_shape=(32, 32, 3), feature_layers=(1,))
    assert new.output["block_1"].shape == (None, 8, 8, 12)
    kernels = [[w for w in m.get_weights() if w.ndim == 2 and w.shape[0] >= 12 and w.shape[1] >= 12] for m in (old, new)]
    for before, after in zip(*kernels):
        np.testing.assert_array_equal(after, before)


@pytest.mark.parametrize("precision", ["float16", "mixed_bfloat16"])
def test_lower_precision_runs_and_agrees_roughly(model, precision, tmp_path):
    old = model.backbone
    new = fine_tuning.rebuilt_backbone(old, dtype=precision)
    x = (IMAGES / 127.5 - 1).astype("float32")
    assert new.blocks[0].compute_dtype == precision.removeprefix("mixed_")
    expected = keras.ops.convert_to_numpy(old(x))
    found = keras.ops.convert_to_numpy(keras.ops.cast(new(x), "float32"))
    assert np.abs(found - expected).max() < 0.1 * np.abs(expected).max()


def test_every_weight_gets_a_gradient():
    model = beit_classifier(beit_backbone(image_shape=(8, 8, 3), **SMALL, initializer_range=0.3), num_classes=3)
    before = [weight.numpy() for weight in model.trainable_weights]
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(random.integers(0, 256, (8, 8, 8, 3)), random.integers(0, 3, 8), verbose=0)
    same = [w.path for w, old in zip(model.trainable_weights, before) if (w.numpy() == old).all()]
    assert same == []


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"size": "huge"}, "`size` must be one of tiny, mini, small, base, large. Received: 'huge'"),
        (
            {"hidden_dim": 12, "num_layers": 2},
            "Give `size`, or patch_size, hidden_dim, num_layers and num_heads. Received: no patch_size, num_heads",
        ),
        (SMALL | {"image_shape": (16, 18, 3)}, "`image_shape` must be divisible by the patch, 4 pixels. Received: (16, 18, 3)"),
        (SMALL | {"num_heads": 5}, "`num_heads` must be a divisor of hidden_dim 12. Received: 5"),
        (SMALL | {"relative_position_bias": "some"}, "`relative_position_bias` must be per_layer, shared, both, none"),
        (SMALL | {"feature_layers": (2,)}, "`feature_layers` must be in [-1, 1]. Received: (2,)"),
        (
            SMALL | {"image_shape": (16, 16)},
            "`image_shape` must be (height, width, channels), whole numbers. Received: (16, 16)",
        ),
        (SMALL | {"patch_size": 0}, "`patch_size` must be a whole number, 1 or more. Received: 0"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(arguments, message):
    with pytest.raises(ValueError) as error:
        beit_backbone(**arguments)
    assert message in str(error.value)


def test_a_misspelt_argument_is_refused():
    with pytest.raises(TypeError, match="unexpected keyword argument 'drop_path'"):
        beit_backbone(**SMALL, image_shape=(16, 24, 3), drop_path=0.3)


def test_what_a_classifier_cannot_use_is_refused(model):
    backbone = beit_backbone(**SMALL, image_shape=(16, 24, 3), feature_layers=(1,))
    with pytest.raises(ValueError, match="must have no mask, features or final normalization. Received: feature_layers"):
        beit_classifier(backbone)
    with pytest.raises(ValueError, match='`activation` must be "softmax", "sigmoid" or "linear". Received: \'sofmax\''):
        beit_classifier(beit_backbone(**SMALL, image_shape=(16, 24, 3)), activation="sofmax")


def test_a_frozen_backbone_stays_frozen_when_saved(tmp_path):
    model = beit_classifier(beit_backbone(**SMALL, image_shape=(16, 24, 3)))
    model.get_layer("beit_backbone").trainable = False
    model.save(tmp_path / "model.keras")
    assert len(load_model(tmp_path / "model.keras").trainable_variables) == len(model.trainable_variables) == 4


@pytest.mark.parametrize("size, weights", [("base", 85_760_448), ("large", 303_403_520)])
def test_published_sizes_have_as_many_weights_as_the_reference(size, weights):
    one, two = (
        beit_backbone(size, num_layers=depth).count_params() for depth in (1, 2)
    )  # blocks are alike; large takes 1.2 GB
    assert one + (beit.SIZES[size]["num_layers"] - 1) * (two - one) == weights


def test_preprocessing_of_the_folder_is_part_of_the_model(folder):
    config = {"do_resize": True, "size": 24, "resample": 2, "image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.25, 0.5]}
    (folder / "preprocessor_config.json").write_text(json.dumps(config | {"do_normalize": True}))
    raw, plain = load_model(folder), load_model(FOLDER)
    images = random.integers(0, 256, (2, 24, 24, 3)).astype("uint8")
    normalized = (images / 255 - [0.4, 0.5, 0.6]) / [0.2, 0.25, 0.5]
    np.testing.assert_allclose(raw(images), plain(normalized.astype("float32")), atol=1e-4)
    assert raw(np.zeros((1, 50, 70, 3), "uint8")).shape == (1, 5)


def test_a_crop_of_the_folder_is_part_of_the_model(folder):
    config = {"size": {"height": 30, "width": 30}, "do_center_crop": True, "crop_size": {"height": 24, "width": 24}}
    (folder / "preprocessor_config.json").write_text(json.dumps(config | {"do_normalize": False, "resample": 2}))
    images = random.integers(0, 256, (2, 30, 30, 3)).astype("uint8")
    expected = load_model(FOLDER)((images[:, 3:27, 3:27] / 255).astype("float32"))
    np.testing.assert_allclose(load_model(folder)(images), expected, atol=1e-4)
    explained = explain(load_model(folder), images[0])
    np.testing.assert_array_equal(explained.image, images[0, 3:27, 3:27])


def test_another_scale_of_the_folder_is_part_of_the_model(folder):
    config = {"size": 24, "image_mean": [0.5] * 3, "image_std": [2.0] * 3}
    images = random.integers(0, 256, (2, 24, 24, 3)).astype("uint8")
    for changes, scale in (({"do_rescale": False}, 1), ({"rescale_factor": 1 / 127.5}, 1 / 127.5)):
        (folder / "preprocessor_config.json").write_text(json.dumps(config | changes))
        expected = load_model(FOLDER)(((images * scale - 0.5) / 2).astype("float32"))
        np.testing.assert_allclose(load_model(folder)(images), expected, atol=1e-4)


@pytest.mark.parametrize(
    "content, message",
    [
        ([], "preprocessor_config.json must be a JSON object"),
        ({}, "`image_mean` in .* must be 3 numbers. Received: None"),
        ({"image_mean": 0.5, "image_std": [0, 1, 1]}, "`image_std` and `rescale_factor` in .* must be above 0"),
        ({"do_normalize": False, "do_flip_channel_order": True}, "`do_flip_channel_order` in .* must be false. Received: True"),
        ({"do_normalize": False, "resample": 4}, "`resample` in .* must be one of Pillow's numbers 0, 1, 2, 3. Received: 4"),
        ({"do_normalize": False, "do_center_crop": True, "size": None}, "`size` in .* must be a height"),
        (
            {"do_normalize": False, "do_center_crop": True, "size": 20, "crop_size": 32},
            "must be at most `size`, 20. Received: 32",
        ),
    ],
)
def test_damaged_preprocessing_is_named(folder, content, message):
    (folder / "preprocessor_config.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message):
        load_model(folder)


def change_config(folder, **changes):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))


def test_several_labels_at_once_have_a_probability_each(folder, tmp_path):
    change_config(folder, problem_type="multi_label_classification")
    expected, model = np.load(FOLDER / "expected.npz"), load_model(folder)
    probabilities = 1 / (1 + np.exp(-expected["logits"]))
    model.save(tmp_path / "model.keras")
    for each in (model, load_model(tmp_path / "model.keras")):
        np.testing.assert_allclose(each(expected["images"]), probabilities, atol=1e-4)
        found = dict(explain(each, expected["images"][0]).predictions)
        np.testing.assert_allclose([found[f"LABEL_{i}"] for i in range(5)], probabilities[0], atol=1e-4)


def test_one_label_is_by_itself(folder):
    tensors = safetensors.numpy.load_file(folder / "model.safetensors")
    tensors |= {f"classifier.{part}": tensors[f"classifier.{part}"][:1].copy() for part in ("weight", "bias")}
    safetensors.numpy.save_file(tensors, folder / "model.safetensors")
    change_config(folder, id2label={"0": "cat"})
    expected = np.load(FOLDER / "expected.npz")
    ((name, probability),) = explain(load_model(folder), expected["images"][0]).predictions
    assert name == "cat" and probability == pytest.approx(1 / (1 + np.exp(-expected["logits"][0, 0])), abs=1e-4)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"problem_type": "regression"}, "`problem_type` in .* must be one of classification. Received: 'regression'"),
        ({"architectures": ["BeitBackbone"]}, "`architectures` in .* must be one of BeitModel, .* Received: BeitBackbone"),
        ({"id2label": {"0": "a"}}, "5 labels, for which config.json has 1 names in `id2label`"),
        ({"patch_size": [8, 4]}, r"`patch_size` in .* must be one number, or twice the same. Received: \[8, 4\]"),
    ],
)
def test_a_checkpoint_that_would_be_misread_is_refused_by_name(folder, changes, message):
    change_config(folder, **changes)
    with pytest.raises(ValueError, match=message):
        load_model(folder)


def test_a_patch_may_be_given_by_both_sides(folder):
    change_config(folder, patch_size=[8, 8])
    assert load_model(folder).count_params() == load_model(FOLDER).count_params()


def test_class_names_come_from_the_folder(folder):
    assert load_model(folder).class_names == tuple(f"LABEL_{i}" for i in range(5))


def test_a_missing_tensor_is_named(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 4}))
    with pytest.raises(ValueError, match=r"whole weights .* Received: encoder.layer.3"):
        load_model(folder)


@pytest.mark.parametrize(
    "changes, name",
    [
        ({"num_hidden_layers": 1}, "encoder.layer.1"),
        ({"use_relative_position_bias": False}, "relative_position_bias_table"),
        ({"layer_scale_init_value": 0}, "lambda_1"),
    ],
)
def test_a_tensor_that_the_config_does_not_use_is_named(folder, changes, name):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))
    with pytest.raises(ValueError, match=f"Received: .*{name}.*, of which config.json says nothing"):
        load_model(folder)


def test_weights_that_are_no_numbers_are_refused(folder):
    tensors = safetensors.numpy.load_file(folder / "model.safetensors")
    tensors["beit.encoder.layer.0.output.dense.bias"][0] = np.nan
    safetensors.numpy.save_file(tensors, folder / "model.safetensors")
    with pytest.raises(ValueError, match="Received: block_0/dense_2/bias: expected finite numbers, found NaN or infinity"):
        load_model(folder)


@pytest.mark.parametrize("config", [[], {"model_type": "beit", "image_size": "24"}, {"model_type": "beit", "id2label": ["a"]}])
def test_a_damaged_config_is_said_in_one_sentence(folder, config):
    whole = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(whole | config if config else config))
    with pytest.raises(ValueError, match="config.json|`image_shape`"):
        load_model(folder)


def test_a_tensor_of_another_shape_is_named(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"hidden_size": 48}))
    with pytest.raises(ValueError, match=r"Received: patch_embedding/kernel: expected shape \(192, 48\), found \(192, 24\)"):
        load_model(folder)


def test_variables_are_grouped_from_the_pixels_to_the_head(model):
    groups = [[variable.path for variable in group] for group in model.layer_groups()]
    assert sorted(path for group in groups for path in group) == sorted(variable.path for variable in model.trainable_variables)
    pixels, first, second, head = groups
    assert "patch_embedding/kernel" in pixels and {"logits/kernel", "pooled_norm/gamma"} <= {*head}
    assert "block_0/relative_position_bias/table" in first and "block_1/dense_1/kernel" in second


@pytest.mark.parametrize("classes, is_kept", [(4, True), (3, False)])
def test_an_adapted_classifier_keeps_its_head_where_classes_agree(model, classes, is_kept):
    adapted = fine_tuning.adapted_classifier(model, classes, image_shape=(16, 24, 3), drop_path_rate=0.1)
    assert (adapted.count_params() == model.count_params()) == is_kept
    if is_kept:
        np.testing.assert_allclose(adapted(IMAGES), model(IMAGES), atol=1e-6)


def test_an_adapted_classifier_pools_as_before():
    classifier = beit_classifier(beit_backbone(image_shape=(16, 24, 3), **SMALL), num_classes=4, pooling="cls")
    np.testing.assert_allclose(fine_tuning.adapted_classifier(classifier, 4)(IMAGES), classifier(IMAGES), atol=1e-6)
    encoder = beit_tasks.beit_encoder(beit_backbone(image_shape=(16, 24, 3), **SMALL))
    adapted = fine_tuning.adapted_classifier(encoder, 4)
    assert [type(op).__name__ for op in adapted.operations].count("Mean") == 1


def test_an_adapted_encoder_keeps_the_normalization_of_its_tokens():
    encoder = beit_tasks.beit_encoder(beit_backbone(image_shape=(16, 24, 3), **SMALL, final_norm=True), pooling="cls")
    gamma, beta = encoder.backbone.get_layer("norm").weights
    gamma.assign(random.normal(size=12)), beta.assign(random.normal(size=12))
    adapted = fine_tuning.adapted_classifier(encoder, 4)
    head = keras.Model(adapted.input, adapted.get_layer("pooled_norm").output)
    np.testing.assert_allclose(head(IMAGES), encoder(IMAGES)["pooled_output"], atol=1e-5)


def test_a_segmenter_becomes_the_start_of_a_classifier():
    backbone = beit_backbone(image_shape=(16, 24, 3), **SMALL, feature_layers=(0, 0, 1, 1))
    segmenter = upernet_segmenter(backbone, 3, channels=8)
    adapted = fine_tuning.adapted_classifier(segmenter, 4)
    assert adapted(IMAGES).shape == (3, 4)
    before, after = (each.backbone.get_weights() for each in (segmenter, adapted))
    np.testing.assert_array_equal(before[0], after[0])


def test_an_adapted_checkpoint_keeps_its_normalization(folder):
    config = {"image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.25, 0.5], "size": 24}
    (folder / "preprocessor_config.json").write_text(json.dumps(config))
    rescaling = fine_tuning.adapted_classifier(load_model(folder), 3, input_shape=(32, 32, 3)).get_layer("rescaling")
    np.testing.assert_allclose(rescaling.scale, 1 / (255 * np.array(config["image_std"])), rtol=1e-6)
    np.testing.assert_allclose(rescaling.offset, [-2, -2, -1.2], rtol=1e-6)


EXPLAINED = ("attention", "gradients", "content_logits", "position_logits")


def test_an_image_is_explained_for_the_viewer(model):
    explained = explain(model, IMAGES[0])
    shapes = {name: np.shape(getattr(explained, name)) for name in EXPLAINED}
    assert {*shapes.values()} == {(2, 3, 25, 25)} and explained.grid == (4, 6)
    assert explained.predictions[0][1] == pytest.approx(float(np.max(model(IMAGES[:1]))), abs=1e-6)
    assert np.abs(explained.gradients).max() > 0
    assert (explained.gradients[-1, :, 0] == 0).all() and explained.patch > 0  # the mean is of patches, without [CLS]
    page = explained.view(html_action="return")
    assert '"name": "position_logits"' in page and '"name": "relevance"' in page


def test_grey_and_normalised_images_are_explained_too():
    backbone = beit_backbone(**SMALL, image_shape=(16, 24, 1))
    for raw, image in (({}, IMAGES[0, :, :, :1]), ({"mean": None}, np.linspace(-1, 1, 16 * 24).reshape(16, 24, 1))):
        explained = explain(beit_classifier(backbone, num_classes=4, **raw), image)
        expected = image if image.dtype == np.uint8 else (image + 1) / 2 * 255
        np.testing.assert_array_equal(explained.image, np.repeat(np.uint8(expected), 3, axis=2))
        assert explained.view(html_action="return")


def test_an_image_of_another_size_is_refused(model):
    with pytest.raises(ValueError, match=r"The image must have shape \(16, 24, 3\). Received: \(8, 8, 3\)"):
        explain(model, np.zeros((8, 8, 3), "uint8"))


def test_weights_that_are_not_matrices_are_not_decayed(model):
    names = model.no_weight_decay()
    decayed = {v.path.split("/")[-1] for v in model.trainable_variables if not any(re.search(n, v.name) for n in names)}
    assert decayed == {"kernel", "qkv_kernel", "output_kernel"}


@pytest.mark.parametrize("kind", ["classifier", "encoder", "masked"])
def test_a_model_is_rebuilt_from_its_config(kind):
    backbone = beit_backbone(image_shape=(16, 16, 3), **SMALL, use_mask_token=kind == "masked", dtype="mixed_bfloat16")
    model = {
        "classifier": lambda: beit_tasks.beit_classifier(
            backbone, 3, "cls", 0.2, "sigmoid", "abc", input_shape=(None, None, 3)
        ),
        "encoder": lambda: beit_tasks.beit_encoder(backbone, "cls", mean=(0.1, 0.2, 0.3), std=2.0),
        "masked": lambda: beit_tasks.beit_masked_image_model(backbone, 7, mean=None),
    }[kind]()
    copy = type(model).from_config(json.loads(json.dumps(model.get_config())))
    copy.set_weights(model.get_weights())
    assert copy.preprocessing == model.preprocessing and copy.class_names == model.class_names
    images = random.integers(0, 256, (2, 16, 16, 3)).astype("float32")
    inputs = {"images": images, "mask": np.ones((2, 16))} if kind == "masked" else images
    for found, expected in zip(keras.tree.flatten(copy(inputs)), keras.tree.flatten(model(inputs))):
        np.testing.assert_array_equal(found, expected)


def test_a_clone_and_weights_by_path_give_the_same_numbers(model, tmp_path):
    clone = keras.models.clone_model(model)
    model.save_weights(tmp_path / "model.weights.h5")
    fresh = type(model).from_config(model.get_config())
    fresh.load_weights(tmp_path / "model.weights.h5")
    clone.set_weights(model.get_weights())
    for other in (clone, fresh):
        assert [w.path for w in other.weights] == [w.path for w in model.weights]
        np.testing.assert_array_equal(other(IMAGES), model(IMAGES))
        np.testing.assert_array_equal(attention_model(other)(IMAGES), attention_model(model)(IMAGES))


def test_a_model_for_other_classes_shares_the_backbone(model):
    other = model.reset_classifier(2, ["x", "y"])
    assert other.backbone is model.backbone and other(IMAGES).shape == (3, 2) and other.class_names == ("x", "y")
    np.testing.assert_array_equal(other.pooled_norm.gamma, model.pooled_norm.gamma)


def test_attention_comes_with_the_logits_and_the_output(model):
    recorded = model.with_attention()(IMAGES)
    vectors = {"query", "key", "value"}
    assert {*recorded} == {"attention_weights", "content_logits", "position_logits", "logits", "output"} | vectors
    assert len(recorded["attention_weights"]) == 2
    np.testing.assert_allclose(recorded["output"], model(IMAGES), atol=1e-6)
    np.testing.assert_allclose(keras.ops.softmax(recorded["logits"]), model(IMAGES), atol=1e-6)
