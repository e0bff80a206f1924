"""Under JAX and PyTorch models predict what they predict under TensorFlow, and attend alike."""

import importlib.util
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest

import course_hw5

ROOT = pathlib.Path(__file__).parents[1]
IDS = np.array([[101, 2023, 3185, 102, 0, 0], [101, 2307, 102, 3376, 2466, 102]], "int32")
IMAGES = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3)).astype("uint8")


def models():
    """Small models by name, each with an input."""
    text = course_hw5.bert_backbone("tiny", hidden_dim=16, mlp_dim=32)
    sizes = {"image_shape": (16, 16, 3), "patch_size": 4, "hidden_dim": 16, "num_layers": 4, "num_heads": 2}
    scenes = course_hw5.beit_backbone(**sizes, feature_layers=(0, 1, 2, 3))
    return {
        "bert": (course_hw5.bert_classifier(text, max_length=6), IDS),
        "beit": (course_hw5.beit_classifier(course_hw5.beit_backbone(**sizes), 3), IMAGES),
        "upernet": (course_hw5.upernet_segmenter(scenes, 5, auxiliary_head=False), IMAGES),
        "own": (own_model(), np.random.default_rng(0).normal(size=(2, 5, 8)).astype("float32")),
    }


def own_model():
    """A model of Keras's layers, whose attention is fused where the backend can."""
    x = inputs = keras.Input((5, 8))
    x = x + keras.layers.MultiHeadAttention(2, 4, name="all")(x, x)
    x = x + keras.layers.MultiHeadAttention(2, 4, name="causal")(x, x, use_causal_mask=True)
    x = x + keras.layers.GroupQueryAttention(4, 4, 2, name="grouped")(x, x)
    return keras.Model(inputs, keras.layers.Dense(3)(x))


def weights_of(model, random):
    """Weights that are neither 0 nor 1, so that none can be missed; variances are positive."""
    return [random.normal("variance" in weight.path, 0.2, weight.shape) for weight in model.weights]


def run_models():
    """Arrays by name: what each model predicts, and the attention of those that give it."""
    random, arrays = np.random.default_rng(0), {}
    for name, (model, data) in models().items():
        model.set_weights(weights_of(model, random))
        outputs = {"predictions": model.predict(data, verbose=0)}
        if name != "upernet":
            attention = course_hw5.attention_model(model).predict(data, verbose=0)
            outputs |= attention if isinstance(attention, dict) else {"attention": attention}
        arrays |= {f"{name} {kind}": keras.ops.convert_to_numpy(output) for kind, output in outputs.items()}
    return arrays


@pytest.fixture(scope="module")
def expected():
    return run_models()


@pytest.mark.parametrize(
    "backend",
    [
        "jax",
        pytest.param("torch", marks=pytest.mark.skipif(not importlib.util.find_spec("torch"), reason="needs torch")),
    ],
)
def test_a_backend_predicts_and_attends_as_tensorflow(backend, expected, tmp_path):
    environment = os.environ | {"KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-m", "tests.test_backends", tmp_path / "arrays.npz"], check=True, env=environment)
    with np.load(tmp_path / "arrays.npz") as found:
        assert set(found) == {"backend", *expected} and found["backend"] == backend
        for name, array in expected.items():
            assert array.std() > 1e-4, name
            scale = max(1, np.abs(array).max())
            np.testing.assert_allclose(found[name] / scale, array / scale, rtol=0, atol=1e-5, err_msg=name)


if __name__ == "__main__":
    np.savez(sys.argv[1], backend=keras.backend.backend(), **run_models())
