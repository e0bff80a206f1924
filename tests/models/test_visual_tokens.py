import json

import numpy as np
import pytest

import course_hw5
from course_hw5.models import beit_tasks, fine_tuning
from course_hw5.models.visual_tokens import VisualTokenizer

SIZES = {"patch_size": 4, "hidden_dim": 12, "num_layers": 2, "num_heads": 3}


@pytest.fixture(scope="module")
def images():
    """Smooth images: a coarse grid of random colours, enlarged."""
    coarse = np.random.default_rng(0).integers(0, 256, (40, 5, 7, 3))
    return coarse.repeat(3, axis=1).repeat(3, axis=2)[:, :12, :20].astype("uint8")


@pytest.fixture(scope="module")
def tokenizer(images):
    return VisualTokenizer.learn(images, 4, 16, seed=1)


def patches_of(images, side):
    """Patches row by row, cut out one after the other."""
    rows, columns = images.shape[1] // side, images.shape[2] // side
    return [
        image[side * row : side * row + side, side * column : side * column + side]
        for image in images
        for row in range(rows)
        for column in range(columns)
    ]


def test_the_token_of_a_patch_is_the_nearest_of_the_vocabulary(tokenizer, images):
    tokens = np.asarray(tokenizer.encode(images))
    assert tokens.shape == (40, 15) and tokens.dtype == "int32"
    for patch, token in zip(patches_of(images, 4), tokens.ravel()):
        distances = np.square(tokenizer.patches.astype(int) - patch).sum((1, 2, 3))
        assert distances[token] == distances.min()


def test_decoded_tokens_are_their_patches_in_place(tokenizer, images):
    tokens = np.asarray(tokenizer.encode(images)).reshape(-1, 3, 5)
    decoded = tokenizer.decode(tokens)
    assert decoded.shape == images.shape and decoded.dtype == "uint8"
    np.testing.assert_array_equal(np.stack(patches_of(decoded, 4)), tokenizer.patches[tokens.ravel()])
    np.testing.assert_array_equal(np.asarray(tokenizer.encode(decoded)).ravel(), tokens.ravel())


def test_a_learnt_vocabulary_is_nearer_than_patches_taken_at_random(tokenizer, images):
    def error(vocabulary):
        tokens = np.asarray(vocabulary.encode(images)).reshape(-1, 3, 5)
        return np.square(vocabulary.decode(tokens).astype(float) - images).mean()

    random = np.random.default_rng(0).permutation(np.stack(patches_of(images, 4)))[: tokenizer.vocabulary_size]
    assert error(tokenizer) < 0.9 * error(VisualTokenizer(random))


def test_the_same_images_and_seed_give_the_same_vocabulary(tokenizer, images):
    np.testing.assert_array_equal(VisualTokenizer.learn(images, 4, 16, seed=1).patches, tokenizer.patches)


def test_a_vocabulary_has_no_more_tokens_than_there_are_patches(recwarn):
    images = np.zeros((2, 8, 8, 3), "uint8")
    images[0, :4] = 200
    tokenizer = VisualTokenizer.learn(images, 4)
    assert tokenizer.vocabulary_size == 2 and not recwarn.list
    np.testing.assert_array_equal(tokenizer.decode(np.reshape(tokenizer.encode(images), (2, 2, 2))), images)


@pytest.mark.parametrize(
    "make, message",
    [
        (
            lambda images: VisualTokenizer(images[0]),
            r"`patches` must be an array \(2 or more, patch_size, patch_size, channels\)",
        ),
        (
            lambda images: VisualTokenizer.learn(images, 5),
            "`images` must be .*divisible by the patch, 5 pixels.* Received: .*12",
        ),
        (
            lambda images: VisualTokenizer.learn(images, 4, 1),
            "`vocabulary_size` must be a whole number, 2 or more. Received: 1",
        ),
        (lambda images: VisualTokenizer.learn(0 * images, 4), "patches that differ. Received: patches that are all equal"),
    ],
)
def test_images_without_a_vocabulary_are_refused(make, message, images):
    with pytest.raises(ValueError, match=message):
        make(images)


@pytest.fixture
def model(tokenizer):
    backbone = course_hw5.beit_backbone(image_shape=(12, 20, 3), **SIZES, use_mask_token=True)
    return beit_tasks.beit_masked_image_model(backbone, tokenizer=tokenizer, input_shape=(24, 40, 3))


def test_a_model_keeps_its_tokenizer_in_its_file_and_config(model, tmp_path, images):
    model.save(tmp_path / "model.keras")
    loaded = course_hw5.load_model(tmp_path / "model.keras")
    copy = type(model).from_config(json.loads(json.dumps(model.get_config())))
    larger = images.repeat(2, axis=1).repeat(2, axis=2)
    for other in (loaded, copy):
        assert other.vocabulary_size == other.output_shape[-1] == model.tokenizer.vocabulary_size
        np.testing.assert_array_equal(other.visual_tokens(larger), model.visual_tokens(larger))
    inputs = {"images": larger, "mask": np.ones((40, 15))}
    np.testing.assert_array_equal(loaded(inputs), model(inputs))


def test_a_pretrained_backbone_is_fine_tuned(model):
    classifier = fine_tuning.adapted_classifier(model, 4, input_shape=(24, 40, 3), drop_path_rate=0.1)
    weights = {weight.path: weight for weight in model.backbone.weights}
    assert not classifier.backbone.use_mask_token and classifier.output_shape == (None, 4)
    assert {*weights} - {weight.path for weight in classifier.backbone.weights} == {"patch_embedding/mask_token"}
    for weight in classifier.backbone.weights:
        np.testing.assert_array_equal(weight, weights[weight.path])


def test_a_tokenizer_that_does_not_fit_the_model_is_refused(tokenizer):
    def make(image_shape=(12, 20, 3), patch_size=4, use_mask_token=True, **options):
        sizes = SIZES | {"patch_size": patch_size}
        backbone = course_hw5.beit_backbone(image_shape=image_shape, **sizes, use_mask_token=use_mask_token)
        return beit_tasks.beit_masked_image_model(backbone, tokenizer=tokenizer, **options)

    for arguments, message in (
        ({"patch_size": 2}, r"`tokenizer` must be of patches \(2, 2, 3\). Received: \(4, 4, 3\)"),
        ({"use_mask_token": False}, "`backbone` must be a beit_backbone with use_mask_token. Received: False"),
        ({"mean": None}, "`mean` must be given where there is a tokenizer, which reads raw images. Received: None"),
    ):
        with pytest.raises(ValueError, match=message):
            make(**arguments)


def test_a_model_without_a_tokenizer_says_so(images):
    backbone = course_hw5.beit_backbone(image_shape=(12, 20, 3), **SIZES, use_mask_token=True)
    with pytest.raises(ValueError, match="The model must have a tokenizer, and read raw images. Received: beit_masked"):
        beit_tasks.beit_masked_image_model(backbone, 7).visual_tokens(images)
