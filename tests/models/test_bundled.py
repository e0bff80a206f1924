import pathlib
import runpy

import keras
import numpy as np
import pytest
import safetensors

from course_hw5 import (
    beit_backbone,
    beit_classifier,
    cnn_classifier,
    encode_sentence,
    explain,
    load_model,
    load_reviews,
    mlp_classifier,
    upernet_segmenter,
)
from course_hw5.data import reviews
from course_hw5.models.bert import bert_backbone
from course_hw5.models.bert_classifier import bert_classifier
from course_hw5.models.checkpoints import bundled, full
from course_hw5.models.mpnet import MPNetBackbone
from course_hw5.text.tokenizer import SPECIAL_TOKENS
from course_hw5.training import calibration
from tests.cli.running import failure


@pytest.fixture
def reloaded(tmp_path, monkeypatch):
    """A function that writes a whole preset and loads it."""

    def reload(model, class_names=None):
        assert full.save_full(model, path := tmp_path / "mine.safetensors", class_names) == path.stat().st_size
        monkeypatch.setitem(bundled.FULL, "mine", "mine.safetensors")
        monkeypatch.setattr(bundled, "ASSETS", tmp_path)
        return load_model("mine")

    return reload


def positive(model, text):
    return float(model(encode_sentence(text.lower())[None])[0, 0])


def test_the_sentence_of_the_report_is_positive(sentiment):
    assert positive(sentiment, "I liked this movie because of its genre") >= 0.95


def test_negation_turns_the_answer(sentiment):
    assert positive(sentiment, "It is good") > 0.9 and positive(sentiment, "It is not good") < 0.1
    assert positive(sentiment, "Not bad at all") > 0.5


def test_the_word_that_decides_is_found(sentiment):
    explained = explain(sentiment, "a truly awful film", maps=())
    changes = {word: log_odds - explained.log_odds for word, *_, log_odds in explained.what_if}
    assert max(changes, key=changes.get) == "awful"


@pytest.mark.parametrize(
    "name, most, class_name",
    [
        ("sentiment-minilm", 4e6, None),
        ("sentiment-small", 8e6, None),
        ("beit-cifar10", 6e6, "cat"),
        ("cnn-cifar10", 4e6, "cat"),
        ("segmenter-camvid", 8e6, "road"),
    ],
)
def test_presets_stay_small_and_know_their_classes(name, most, class_name):
    assert (bundled.ASSETS / bundled.PRESETS[name]).stat().st_size <= most
    assert class_name is None or load_model(name).class_names[3] == class_name


def small_backbone():
    return bert_backbone("tiny", vocabulary_size=50, num_layers=1, max_sequence_length=8)


@pytest.mark.parametrize("rank", [2, 5])
def test_a_change_of_low_rank_comes_back_to_half_precision(tmp_path, monkeypatch, rank):
    start, model, random = *(bundled.zero_head(small_backbone()) for _ in range(2)), np.random.default_rng(0)
    assert not any(weights.any() for weights in start.classifier.get_weights())
    model.set_weights(start.get_weights())
    for variable in model.trainable_variables:
        shape = bundled._kernel_shape(bundled._key(variable, model), variable.numpy())
        flat = np.reshape(variable.numpy(), shape).shape
        low = random.normal(size=(flat[0], 2)) @ random.normal(size=(2, flat[1]))
        variable.assign_add(0.02 * low.reshape(variable.shape) + 0.002 * random.normal(size=variable.shape))
    size = bundled.save_delta(model, start, path := tmp_path / "change.safetensors", rank)
    assert path.stat().st_size == size < 0.5 * model.count_params()
    monkeypatch.setitem(bundled.DELTAS, "mine", "change.safetensors")
    monkeypatch.setattr(bundled, "ASSETS", tmp_path)
    backbone = small_backbone()
    backbone.set_weights(start.backbone.get_weights())
    loaded = bundled.load_preset("mine", backbone)
    for expected, found in zip(model.get_weights(), loaded.get_weights()):
        assert np.abs(found - expected).mean() < 1e-3  # of a change of 0.02
    backbone = small_backbone()
    backbone.set_weights(start.backbone.get_weights())
    for expected, found in zip(loaded.get_weights(), bundled.load_delta(path, backbone).get_weights()):
        np.testing.assert_array_equal(found, expected)


def test_two_bits_a_weight_keep_seven_eighths_of_the_energy_of_a_normal_change():
    change = np.random.default_rng(0).normal(0, 0.02, (256, 384)).astype("float32")
    packed = bundled._packed("kernel", change, 1)
    assert packed["kernel:signs"].nbytes + packed["kernel:large"].nbytes == change.size / 4
    rest = change - bundled._unpacked("kernel", packed)
    assert (rest**2).sum() < (change**2).sum() / 8


def test_a_change_is_refused_on_other_weights_than_its_own(tmp_path, monkeypatch):
    start = bundled.zero_head(small_backbone())
    bundled.save_delta(start, start, tmp_path / "change.safetensors")
    monkeypatch.setitem(bundled.DELTAS, "mine", "change.safetensors")
    monkeypatch.setattr(bundled, "ASSETS", tmp_path)
    backbone, other = small_backbone(), small_backbone()
    backbone.set_weights(start.backbone.get_weights())
    assert bundled.load_preset("mine", backbone)
    wanted, found = bundled.checksum(start.backbone)[:12], bundled.checksum(other)[:12]
    with pytest.raises(ValueError, match=f"^mine must start from the weights .*{wanted}. Received: {found}$"):
        bundled.load_preset("mine", other)


def test_a_higher_rank_takes_more_bytes_and_none_below_one(tmp_path):
    start, model = (bundled.zero_head(small_backbone()) for _ in range(2))
    sizes = [bundled.save_delta(model, start, tmp_path / "change.safetensors", rank) for rank in (1, 4, 16)]
    assert sizes == sorted(sizes) and sizes[0] < sizes[2]
    with pytest.raises(ValueError, match="`rank` must be a whole number, 1 or more. Received: 0"):
        bundled.save_delta(model, start, tmp_path / "change.safetensors", 0)


def test_a_changed_token_embedding_is_refused(tmp_path):
    start = bert_classifier(bert_backbone("tiny", vocabulary_size=40000, num_layers=1))
    model = bert_classifier(bert_backbone("tiny", vocabulary_size=40000, num_layers=1))
    with pytest.raises(ValueError, match="token_embedding/embeddings must not have changed: its change would be 1 MB"):
        bundled.save_delta(model, start, tmp_path / "change.safetensors")


def test_a_whole_preset_comes_back_to_half_precision_with_its_class_names(reloaded):
    backbone = beit_backbone(
        image_shape=(8, 8, 3), patch_size=4, hidden_dim=12, num_layers=2, num_heads=3, convolution_like_initialization=True
    )
    model = beit_classifier(backbone, 3, class_names=["a", "b", "c"])
    loaded = reloaded(model)
    assert loaded.class_names == ("a", "b", "c")
    for expected, found in zip(model.trainable_variables, loaded.trainable_variables):
        np.testing.assert_array_equal(found.numpy(), expected.numpy().astype("float16").astype("float32"))


def test_a_whole_preset_pools_and_answers_as_before(reloaded, tmp_path):
    backbone = beit_backbone(image_shape=(8, 8, 1), patch_size=4, hidden_dim=16, num_layers=1, num_heads=2, mlp_dim=16)
    model = beit_classifier(backbone, 2, pooling="cls", activation="linear", class_names=("a", "b"))
    grey = np.random.default_rng(0).normal(size=(3, 8, 8, 1)).astype("float32")
    np.testing.assert_allclose(reloaded(model)(grey), model(grey), atol=2e-3)
    with pytest.raises(ValueError, match="`model` must have `class_names`. Received: beit_classifier without"):
        full.save_full(beit_classifier(backbone, 2), tmp_path / "nameless.safetensors")


def small_bert(**options):
    """A classifier with a vocabulary of its own, and random weights."""
    vocabulary = [*SPECIAL_TOKENS, *"abcdefghijklmnopqrstuvwxyz", "##s", "\u03bb\u03cc\u03b3\u03bf\u03c2"]
    sizes = {"num_layers": 2, "num_heads": 2, "hidden_dim": 12, "mlp_dim": 20, "max_sequence_length": 16}
    backbone = bert_backbone("tiny", vocabulary=vocabulary, vocabulary_size=40, lowercase=False, **sizes)
    model, random = bert_classifier(backbone, **options), np.random.default_rng(0)
    model.set_weights([random.normal(size=weights.shape) for weights in model.get_weights()])
    return model


def rounded(variable):
    """A weight of a BERT as the nearest of 127 steps up and down of each channel, or in half precision."""
    array = variable.numpy()
    if variable.path.endswith("embeddings"):
        scale = np.abs(array).max(1, keepdims=True) / np.float32(127)
    elif variable.path.endswith("kernel"):
        scale = np.abs(array).max((0, 1) if "attention_output" in variable.path else 0, keepdims=True) / np.float32(127)
    else:
        return array.astype("float16").astype("float32")
    return np.rint(array / scale) * scale


@pytest.mark.parametrize("class_names", [("negative", "positive"), ("a", "b", "c")])
def test_a_bert_comes_back_in_steps_of_its_channels_with_its_vocabulary(reloaded, class_names):
    model = small_bert(class_names=class_names, dropout=0.2)
    loaded = reloaded(model)
    assert loaded.tokenizer == model.tokenizer == loaded.backbone.tokenizer and not loaded.tokenizer.lowercase
    assert loaded.get_config()["class_names"] == class_names
    assert loaded.input_shape == (None, None) and loaded.dropout == 0.2 and loaded.compute_dtype == "float32"
    for before, after in zip(model.weights, loaded.weights, strict=True):
        assert before.dtype == after.dtype == "float32"
        np.testing.assert_allclose(after.numpy(), rounded(before), rtol=1e-6, atol=1e-7)
    model.set_weights([*map(rounded, model.weights)])
    ids = np.array(
        [encode_sentence(text, 9, tokenizer=model.tokenizer) for text in ("a b", "c ds e", "\u03bb\u03cc\u03b3\u03bf\u03c2 X")]
    )
    np.testing.assert_allclose(loaded(ids), model(ids), atol=1e-5)


def test_a_bert_of_one_length_keeps_it(reloaded):
    assert reloaded(small_bert(max_length=8)).input_shape == (None, 8)


def test_a_bert_takes_a_byte_per_weight(tmp_path):
    pieces = [*SPECIAL_TOKENS, *(f"piece{number}" for number in range(995))]
    model = bert_classifier(bert_backbone("tiny", vocabulary=pieces, vocabulary_size=1000, max_sequence_length=64))
    size = full.save_full(model, tmp_path / "mine.safetensors")
    assert model.count_params() < size < 1.1 * model.count_params()


def test_a_bert_without_a_tokenizer_or_of_another_kind_is_refused(tmp_path):
    with pytest.raises(ValueError, match="`model` must hold an embedding for each word piece. Received: 50 for 30522"):
        full.save_full(bert_classifier(small_backbone()), tmp_path / "mine.safetensors")
    sizes = {"num_layers": 1, "num_heads": 1, "hidden_dim": 4, "mlp_dim": 4}
    with pytest.raises(ValueError, match="`model` must be a bert_classifier on a BertBackbone. Received: .*PNetBackbone"):
        full.save_full(bert_classifier(MPNetBackbone(vocabulary_size=50, **sizes)), tmp_path / "mine.safetensors")
    assert not (tmp_path / "mine.safetensors").exists()


@pytest.fixture
def bundle(monkeypatch, tmp_path, capsys):
    """A function that runs scripts/bundle_preset.py on a model; returns what it prints and the path it writes."""
    main = runpy.run_path(str(pathlib.Path(__file__).parents[2] / "scripts" / "bundle_preset.py"))["main"]

    def run(model, *options, others=()):
        paths = [str(tmp_path / f"{number}.keras") for number in range(1 + len(others))]
        for one, at in zip((model, *others), paths):
            one.save(at)
        main([*paths, "--out", str(path := tmp_path / "mine.safetensors"), *map(str, options)])
        return capsys.readouterr().out, path

    return run


def test_the_script_averages_the_weights_of_several_models(bundle, capsys):
    first, second = small_bert(), small_bert()
    second.set_weights([weights + 0.5 for weights in first.get_weights()])
    _, path = bundle(first, others=(second, second))
    for expected, found in zip(first.get_weights(), bundled.load_file(path).get_weights()):
        np.testing.assert_allclose(found, expected + 1 / 3, atol=0.03)  # int8
    for classes in (("a", "b", "c"), ("positive", "negative")):
        with pytest.raises(SystemExit):
            bundle(first, others=(small_bert(class_names=classes),))
        told = "All models must have weights of the same shapes, the same classes and word pieces. Received: "
        assert told in capsys.readouterr().err


def test_the_script_calibrates_the_packed_weights_of_a_whole_bert(bundle, monkeypatch):
    model, random = small_bert(), np.random.default_rng(1)
    texts = [" ".join(random.choice([*"abcdefgh"], 5)) for _ in range(80)]
    answers = model(np.array([encode_sentence(text, 8, tokenizer=model.tokenizer) for text in texts]))[:, 0] > 0.5
    labels = np.asarray(answers) ^ (random.random(80) < 0.3)  # the model is too sure of itself
    texts = np.array([text.encode() for text in texts], object)
    parts = (texts, labels.astype("int64")), (texts[:2], np.arange(2))
    monkeypatch.setitem(reviews.SOURCES, "sst2", lambda: (*parts, "made up", reviews.split_indices))
    _, path = bundle(model)
    plain = bundled.load_file(path)
    options = ("--calibrate", "sst2", "--validation-split", 0.5, "--seed", 3)
    printed, _ = bundle(model, *options)
    found = bundled.load_file(path)
    data = load_reviews("sst2", max_length=16, validation_split=0.5, seed=3, tokenizer=model.tokenizer)
    temperature = calibration.fit_temperature(plain, data.validation)
    assert printed.startswith(f"temperature {temperature:.3f}, of the packed weights\n") and 1.1 < temperature < 19
    np.testing.assert_allclose(found.classifier.kernel, plain.classifier.kernel / temperature, rtol=1e-3)
    assert abs(calibration.fit_temperature(found, data.validation) - 1) < 1e-2


def test_the_script_refuses_options_of_another_form(bundle, capsys):
    line = failure(capsys, bundle, small_bert(), "--rank", 3)
    assert line.endswith("--rank is for a BERT that started from `minilm`. Received: 3, for bert_classifier")
    line = failure(capsys, bundle, mlp_classifier(hidden_units=(4,)), "--whole")
    assert line.endswith("--whole is for a BERT. Received: True, for mlp_classifier")


def test_a_cnn_comes_back_with_the_class_names_that_it_does_not_keep_itself(reloaded, tmp_path, random):
    images = random.integers(0, 256, (8, 9, 9, 3), dtype="uint8")
    model = cnn_classifier((9, 9, 3), widths=(4, 6), num_classes=2, images=images)
    model(images, training=True)  # batch normalisation measures
    loaded = reloaded(model, ("a", "b"))
    assert loaded.class_names == ("a", "b")
    np.testing.assert_allclose(loaded(images), model(images), atol=2e-3)
    with pytest.raises(ValueError, match="`model` must have `class_names`. Received: cnn_classifier without"):
        full.save_full(model, tmp_path / "nameless.safetensors")
    with pytest.raises(ValueError, match="`model` must be a bert_classifier, .* Received: 'mlp_classifier'"):
        full.save_full(mlp_classifier(hidden_units=(4,)), tmp_path / "mlp.safetensors", [*"abcdefghij"])


def test_the_bundled_segmenter_enlarges_each_pixel_to_equal_ones():
    segmenter = load_model("segmenter-camvid")
    kernels = [segmenter.get_layer(name).kernel for name in ("enlarge_0_first", "enlarge_0_second", "enlarge_1")]
    assert segmenter.equal_subpixels and all(np.ptp(kernel.numpy(), axis=(0, 1)).max() == 0 for kernel in kernels)


@pytest.mark.parametrize("name", ["beit-cifar10", "cnn-cifar10"])
def test_presets_answer_in_float32_where_layers_compute_in_half_precision(name, use_policy, random):
    images = random.integers(0, 256, (4, 32, 32, 3), dtype="uint8")
    expected = load_model(name)(images)
    use_policy("mixed_bfloat16")
    found = load_model(name)(images)
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    np.testing.assert_allclose(found, expected, atol=0.05)


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_a_segmenter_comes_back_in_float32_and_without_its_auxiliary_head(reloaded, precision, tmp_path):
    backbone = beit_backbone(
        image_shape=(16, 24, 3),
        patch_size=8,
        hidden_dim=12,
        num_layers=4,
        num_heads=3,
        feature_layers=(0, 1, 2, 3),
        convolution_like_initialization=True,
        dtype=precision,
    )
    options = {"channels": 8, "auxiliary_channels": 6, "detail_channels": (3, 4), "class_names": "abc"}
    model = upernet_segmenter(backbone, 3, **options)
    images = np.random.default_rng(0).integers(0, 256, (2, 16, 24, 3)).astype("uint8")
    model(images, training=True)  # batch normalisation measures
    loaded = reloaded(model)
    assert loaded.class_names == ("a", "b", "c") and loaded.output.shape == (None, 8, 12, 3)
    with safetensors.safe_open(tmp_path / "mine.safetensors", framework="numpy") as file:
        assert file.get_slice("enlarge_1/kernel").get_shape() == [1, 1, 12, 12]  # of four equal pixels one
    assert loaded.get_layer("enlarge_1").kernel.shape == (2, 2, 12, 12)
    kernel = model.get_layer("enlarge_1").kernel  # unequal, as in files from before there were equal pixels
    kernel.assign(np.random.default_rng(1).normal(size=kernel.shape) / 10)
    np.testing.assert_allclose(reloaded(model).get_layer("enlarge_1").kernel, kernel, atol=1e-3)
    kernel.assign(loaded.get_layer("enlarge_1").kernel)
    assert {layer.dtype_policy.name for layer in loaded.layers} == {"float32"}
    np.testing.assert_allclose(loaded(images), model(images)[0], atol=5e-3 if precision == "float32" else 0.1)
