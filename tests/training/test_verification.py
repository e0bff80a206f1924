"""A run that was handed in is trained again from its backup; what was changed in it is found."""

import dataclasses
import json
import shutil

import keras
import numpy as np
import pandas as pd
import pytest

import course_hw5
from course_hw5.recipes import mlp as mlp_recipe
from course_hw5.reports import submitted_run
from course_hw5.training import callbacks, verification
from tests.cli.running import command, failure, train

pytestmark = pytest.mark.slow

UNITS = (64, 32)
LAST = 3


@pytest.fixture(autouse=True, scope="module")
def small_perceptron():
    with pytest.MonkeyPatch.context() as patch:
        for options in mlp_recipe.MODELS.values():
            patch.setitem(options, "hidden_units", UNITS)
        yield


@pytest.fixture(scope="module")
def honest(small_perceptron, tmp_path_factory):
    """A run of three epochs, of which the last two have a backup."""
    out = tmp_path_factory.mktemp("honest") / "run"
    options = ("--dataset", "digits", "--epochs", LAST, "--learning-rate", 3e-3, "--seed", 1, "--keep-backups", 2)
    train("mlp", *options, "--out", out)
    return out


@pytest.fixture
def run(honest, tmp_path):
    """A copy, to be changed."""
    return shutil.copytree(honest, tmp_path / "run")


def new_verifier(run_dir, **settings):
    submitted = submitted_run.read_run(run_dir)
    config = course_hw5.TrainingConfig(**submitted.config["settings"] | settings)
    data = course_hw5.load_images("digits", 256, seed=1)
    return verification.Verifier(submitted, course_hw5.mlp_classifier(hidden_units=UNITS), data, config)


@pytest.fixture(scope="module")
def verifier(honest):
    return new_verifier(honest)


@pytest.fixture(scope="module")
def honest_model(honest):
    return course_hw5.load_model(honest)


def differing(verifier, run_dir, model):
    """The parts of a run folder that do not follow."""
    verifier.run = submitted_run.read_run(run_dir)
    return {check.part for check in verifier.checks(model, [LAST]) if check.verdict == "differs"}


def edit_json(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def edit_table(path, change, **options):
    table = pd.read_csv(path, float_precision="round_trip", **options)
    table = change(table)
    table.to_csv(path, index=bool(options), index_label=options.get("index_col"))


def test_an_honest_run_follows_and_says_what_was_not_checked(honest, tmp_path, capsys):
    command("verify", honest, "--out", tmp_path / "found" / "run.json")
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith(f"{honest} follows, as far as it was checked: ") and " 0 differs" in lines[-1]
    found = json.loads((tmp_path / "found" / "run.json").read_text())
    verdicts = {check["part"]: check["verdict"] for check in found["checks"]}
    assert found["follows"] and found["counts"]["follows"] == sum(one == "follows" for one in verdicts.values())
    assert {part for part, verdict in verdicts.items() if verdict == "not checked"} == {
        "history.csv, epoch 1, accuracy, loss, val_accuracy, val_loss",
        "history.csv, epoch 2, accuracy, loss",  # its validation was computed again
        "times of predictions, figures, pages, tensorboard",
    }
    for part in ("history.csv, epoch 3", "epoch-0003.npz, weights", "model.keras, scores", "confusion_matrix.csv"):
        assert verdicts[part] == "follows"


@pytest.mark.parametrize(
    "epoch, column, value",
    [(3, "loss", 1.02), (3, "accuracy", 0.98), (3, "val_loss", 1.02), (3, "val_accuracy", 0.97), (2, "val_loss", 0.98)],
)
def test_a_value_of_the_history_that_is_changed_is_found(epoch, column, value, run, verifier, honest_model):
    def change(table):
        table.loc[epoch - 1, column] *= value
        return table

    edit_table(run / "history.csv", change)
    assert f"history.csv, epoch {epoch}" in differing(verifier, run, honest_model)


def test_a_learning_rate_that_is_not_of_the_schedule_is_found_in_any_row(run, verifier, honest_model):
    edit_table(run / "history.csv", lambda table: table.assign(learning_rate=[0.1, *table["learning_rate"][1:]]))
    assert differing(verifier, run, honest_model) == {"history.csv, learning_rate"}


def test_a_made_up_accuracy_that_no_count_gives_is_found_in_any_row(run, verifier, honest_model):
    edit_table(run / "history.csv", lambda table: table.assign(val_accuracy=[0.9, *table["val_accuracy"][1:]]))
    assert differing(verifier, run, honest_model) == {"history.csv, val_accuracy"}


def test_rows_that_are_added_or_reordered_are_found(honest, run, verifier, honest_model):
    edit_table(run / "history.csv", lambda table: table.iloc[[1, 0, 2]])
    assert differing(verifier, run, honest_model) == {"history.csv, rows"}
    shutil.copy(honest / "history.csv", run)
    edit_table(run / "history.csv", lambda table: pd.concat([table, table.tail(1).assign(epoch=4)]))
    assert "history.csv, rows" in differing(verifier, run, honest_model)
    shutil.copy(honest / "history.csv", run)
    edit_table(run / "history.csv", lambda table: table.iloc[[0, 2, 1]].assign(epoch=[1, 2, 3]))
    assert {"history.csv, epoch 2", "history.csv, epoch 3"} <= differing(verifier, run, honest_model)
    shutil.copy(honest / "history.csv", run)
    edit_table(run / "history.csv", lambda table: table.assign(seconds=table["seconds"] / 2))
    assert differing(verifier, run, honest_model) == {"metrics.json, times"}


def test_scores_that_are_changed_are_found(honest, run, verifier, honest_model):
    def one_more_right(table):
        row, column = np.argwhere(table.to_numpy() * (1 - np.eye(10)))[0]
        table.iloc[row, column] -= 1
        table.iloc[row, row] += 1
        return table

    edit_table(run / "confusion_matrix.csv", one_more_right, index_col="true")
    derived = {"metrics.json, scores", "classification_report.json", "classification_report.txt"}
    assert differing(verifier, run, honest_model) == derived | {"confusion_matrix.csv"}
    shutil.copy(honest / "confusion_matrix.csv", run)
    edit_json(run / "metrics.json", lambda metrics: metrics.update(accuracy=metrics["accuracy"] + 0.01))
    edit_json(run / "classification_report.json", lambda report: report["3"].update(recall=1.0 - report["3"]["recall"]))
    edit_json(run / "misclassified.json", lambda cells: cells[0]["examples"][0].update(number=100000))
    expected = {"metrics.json, scores", "classification_report.json", "misclassified.json"}
    assert differing(verifier, run, honest_model) == expected
    edit_json(run / "metrics.json", lambda metrics: metrics.update(examples=360))
    (run / "misclassified.json").write_text('[{"true": 0}]')
    (run / "classification_report.txt").unlink()
    assert differing(verifier, run, honest_model) == expected | {"metrics.json, examples"}


def test_a_calibrated_run_follows_and_another_temperature_is_found(tmp_path, capsys):
    out = tmp_path / "run"
    options = ("--dataset", "digits", "--epochs", 1, "--learning-rate", 3e-3, "--keep-backups", 1, "--calibrate")
    train("mlp", *options, "--out", out)
    command("verify", out)
    said = capsys.readouterr().out
    assert " 0 differs" in said.splitlines()[-1] and "follows      model.keras, temperature: " in said
    edit_json(out / "metrics.json", lambda metrics: metrics.update(temperature=1.01, expected_calibration_error=0.5))
    with pytest.raises(SystemExit):
        command("verify", out)
    said = capsys.readouterr().out
    for part in ("metrics.json, calibration", "model.keras, temperature", "model.keras, weights"):
        assert f"differs      {part}: " in said


def test_the_model_of_another_run_is_found(run, verifier):
    other = course_hw5.mlp_classifier(hidden_units=UNITS)
    other.save(run / "model.keras")
    found = differing(verifier, run, course_hw5.load_model(run))
    assert {"model.keras, weights", "model.keras, scores", "confusion_matrix.csv"} <= found


def test_one_weight_that_is_changed_is_found(run, verifier):
    model = course_hw5.load_model(run)
    kernel = model.layers[-1].kernel.numpy()
    kernel[0, 0] = np.nextafter(kernel[0, 0], 1)
    model.layers[-1].kernel.assign(kernel)
    assert differing(verifier, run, model) == {"model.keras, weights"}


def test_the_weights_of_an_epoch_without_a_backup_are_not_called_true(run, verifier, honest_model):
    edit_table(run / "history.csv", lambda table: table.assign(val_accuracy=[1.0, *table["val_accuracy"][1:]]))
    verifier.run = submitted_run.read_run(run)
    checks = {check.part: check for check in verifier.checks(honest_model, [LAST])}
    assert checks["model.keras, weights"].verdict == "not checked"
    assert checks["model.keras, scores"].verdict == "differs"


def test_a_backup_that_does_not_follow_is_found(run, verifier, honest_model):
    path = run / "backup" / "epoch-0003.npz"
    with np.load(path) as saved:
        values = dict(saved)
    name = next(name for name in values if "kernel" in name)
    np.savez(path, **values | {name: values[name] * 1.01})
    assert {"epoch-0003.npz, weights", "model.keras, weights"} <= differing(verifier, run, honest_model)


def test_another_seed_learning_rate_or_number_of_epochs_is_found(honest, verifier, honest_model):
    config = verifier.config
    try:
        verifier.config = dataclasses.replace(config, seed=2)
        assert "epoch-0003.npz, weights" in differing(verifier, honest, honest_model)
    finally:
        verifier.config = config
    for settings in ({"learning_rate": 2.7e-3}, {"epochs": 4}):
        assert "epoch-0003.npz, weights" in differing(new_verifier(honest, **settings), honest, honest_model)


def test_a_config_that_is_changed_is_found(honest, run, capsys):
    def verdict_of(change):
        shutil.copy(honest / "config.json", run)
        edit_json(run / "config.json", change)
        with pytest.raises(SystemExit) as end:
            command("verify", run)
        assert end.value.code == 1
        lines = capsys.readouterr().out.splitlines()
        assert lines[-1].startswith(f"{run} does not follow: ")
        return [line for line in lines if line.startswith("differs")]

    (line,) = verdict_of(lambda config: config["settings"].update(seed=2))
    assert line.startswith(
        "differs      data: --data must name the run's data, and config.json have its seed. Received: checksum"
    )
    lines = verdict_of(lambda config: config["settings"].update(label_smoothing=0.1, optimizer="sgd"))
    assert "config.json, settings: optimizer must be 'adam'. Received: 'sgd'; label_smoothing must be 0.0" in lines[0]
    assert len(lines) > 1


def test_one_of_few_examples_may_be_rounded_otherwise_in_bfloat16_alone(honest, verifier, monkeypatch):
    monkeypatch.setattr(verifier, "run", submitted_run.read_run(honest))
    monkeypatch.setattr(verifier, "examples", {"val_accuracy": 20})
    given = float(verifier.run.history["val_accuracy"].iloc[-1])

    def verdict(examples, precision):
        monkeypatch.setattr(verifier, "tolerance", verification.TOLERANCES[precision])
        return verifier._check_row("", LAST, {"val_accuracy": given - examples / 20}, "").verdict

    assert verdict(1, "mixed_bfloat16") == "follows"
    assert verdict(2, "mixed_bfloat16") == verdict(1, "float32") == "differs"


@pytest.mark.parametrize("jit_compile", [True, False])
def test_an_epoch_is_compiled_as_in_the_run_since_xla_drops_out_other_numbers(jit_compile, run):
    assert json.loads((run / "config.json").read_text())["jit_compile"] in (True, False)
    edit_json(run / "config.json", lambda config: config.update(jit_compile=jit_compile))
    assert new_verifier(run).model.jit_compile is jit_compile


def test_a_backup_of_objects_is_not_opened(run, verifier, honest_model):
    np.savez(run / "backup" / "epoch-0002.npz", np.array([{}], object))
    assert differing(verifier, run, honest_model) == {"backup"}


def test_an_epoch_without_a_backup_before_it_is_refused(run, capsys, monkeypatch):
    monkeypatch.setattr(course_hw5, "load_images", None)  # before data are read
    assert "--epoch must be one of 3, whose backups are there. Received: 2" in failure(
        capsys, command, "verify", run, "--epoch", 2
    )


def test_code_in_a_model_is_not_run(run, capsys):
    code = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Lambda(lambda images: images)])
    code.save(run / "model.keras")
    assert "model.keras must be a whole .keras file. Received: " in failure(capsys, command, "verify", run)


def test_a_run_that_is_resumed_keeps_its_backups(honest, run, monkeypatch):
    names = [path.name for path in sorted((honest / "backup").iterdir())]
    assert names == ["epoch-0002.npz", "epoch-0003.npz"]
    assert json.loads((honest / "config.json").read_text())["keep_backups"] == 2
    options = ("--dataset", "digits", "--epochs", LAST, "--learning-rate", 3e-3, "--seed", 1, "--resume", "--out", run)
    monkeypatch.setattr(callbacks, "restore", None)  # nothing is trained
    train("mlp", *options)
    assert [path.name for path in sorted((run / "backup").iterdir())] == names
    assert json.loads((run / "config.json").read_text())["keep_backups"] == 2
