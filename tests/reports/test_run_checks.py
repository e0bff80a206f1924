"""Checks of run folders: faults planted in the files of healthy runs, each named; bad input; the command."""

import argparse
import json
import pathlib
import re
import runpy
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from course_hw5 import cli
from course_hw5.cli import train
from course_hw5.recipes import RECIPES
from course_hw5.recipes.recipe import choose_source, fill_defaults
from course_hw5.reports.checks import bands, diagnosis
from course_hw5.reports.checks.problem import CHECKS
from course_hw5.reports.checks.recorded_run import ModelFacts, read_run

pytestmark = pytest.mark.unit

# real runs of seeds that no band was made of
HEALTHY = json.loads(pathlib.Path(__file__).with_name("healthy_runs.json").read_text(encoding="utf-8"))
GUIDE = pathlib.Path(__file__).parents[2] / "docs" / "guides" / "run-check.md"


class Folder:
    """A run folder made of a healthy run's files, to be changed."""

    def __init__(self, path, name):
        self.path, self.name = path, name
        found = HEALTHY[name]
        self.history = pd.DataFrame(found["history"])
        self.matrix = np.array(found["matrix"])
        self.config, self.metrics, self.training, self.card = (
            found[part] for part in ("config", "metrics", "training", "card")
        )
        self.config, self.metrics, self.training, self.card = json.loads(
            json.dumps([self.config, self.metrics, self.training, self.card])
        )

    def write(self):
        names = self.config["data"]["class_names"]
        files = {"config": self.config, "metrics": self.metrics, "training": self.training, "data": self.card}
        for name, value in files.items():
            if value:
                (self.path / f"{name}.json").write_text(json.dumps(value))
        self.history.to_csv(self.path / "history.csv", index=False)
        pd.DataFrame(self.matrix, names, names).to_csv(self.path / "confusion_matrix.csv", index_label="true")
        return self.path

    def problems(self):
        return {found.name: found for found in diagnosis.check_run(self.write(), with_model=False).problems}


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path, "mlp-homework-digits-5")


@pytest.mark.parametrize("name", HEALTHY)
def test_nothing_is_found_in_a_healthy_run_of_a_seed_that_is_in_no_band(name, tmp_path):
    found = diagnosis.check_run(Folder(tmp_path, name).write(), with_model=False)
    assert not found.problems, str(found)
    assert found.run.band is not None and found.run.settings["seed"] not in found.run.band.seeds


def input_not_scaled(run):
    run.training["first_layer"] |= {"min": 0.0, "max": 255.0}


def input_scaled_twice(run):
    run.training["first_layer"] |= {"min": -1.0, "max": -0.992, "std": 0.003}


def channels_swapped(run):
    run.config["arguments"]["dataset"] = "cifar10"
    run.training["inputs"]["channel_means"] = [114.0, 123.0, 125.0]


def sorted_by_class(run):
    run.training["labels"] = sorted(run.training["labels"])


def not_shuffled(run):
    run.training["labels_of_second_pass"] = run.training["labels"]


def duplicates(run):
    run.card = {"examples": {"train": 1000, "test": 200}, "counts": {"train": [100] * 10}}
    run.card["duplicates"] = [{"first": "train", "second": "test", "exact": 30, "near": 4, "contradicting": 0, "pairs": []}]


def with_card(run, **facts):
    run.card = {"examples": {"train": 100, "validation": 50, "test": 50}, "counts": {"train": [10] * 10}} | facts


def contradicting_labels(run):
    repeats = {"first": "train", "second": "train", "exact": 40, "near": 0, "contradicting": 40, "pairs": []}
    with_card(run, duplicates=[], repeats=[repeats], alike_names=[])


def repeated_examples(run):
    repeats = {"first": "test", "second": "test", "exact": 5, "near": 20, "contradicting": 0, "pairs": []}
    with_card(run, duplicates=[], repeats=[repeats], alike_names=[])


def class_names_alike(run):
    with_card(run, duplicates=[], repeats=[], alike_names=[["Cat", "cat"], ["dog", " dog"]])


def leak(run):
    run.training["overlap"]["test"] = {"read": 359, "in_training": 200}


def frozen(run):
    run.training["trainable_parameters"] = 650


def history_mixed(run):
    run.history["epoch"] = [1, 2, 3, 4, 1, 2, 3, 4]


def learning_rate_zero(run):
    run.history.loc[4:, "learning_rate"] = 0.0


def other_schedule(run):
    run.history["learning_rate"] = 3e-4


def loss_is_nan(run):
    run.training["error"] = "FloatingPointError: The loss became nan in epoch 1. Try a smaller learning rate."


def unfinished(run):
    run.history, run.metrics = run.history.iloc[:3], {}


def loss_grows(run):
    run.history["loss"] = run.history["loss"].to_numpy()[::-1]


def no_learning(run):
    run.history["accuracy"], run.history["loss"] = 0.1, np.log(10)


def validation_at_chance(run):
    run.history["val_accuracy"] = 0.1


def overfit(run):
    run.history["accuracy"], run.history["val_accuracy"] = 0.99, np.linspace(0.7, 0.65, 8)
    run.history["val_loss"] = np.linspace(1, 2, 8)


def validation_above_training(run):
    run.history["accuracy"], run.history["val_accuracy"] = 0.6, 0.95


def wrong_loss(run):
    run.history["val_accuracy"], run.history["val_loss"] = 0.6, 0.05


def double_softmax(run):
    run.history["accuracy"], run.history["loss"] = 0.95, 1.5


def one_class_predicted(run):
    run.matrix[:, 7], run.matrix[:, :7], run.matrix[:, 8:] = 36, 0, 0


def class_never_predicted(run):
    run.matrix[:, 8] += run.matrix[:, 3]
    run.matrix[:, 3] = 0


def labels_permuted(run):
    run.matrix = np.roll(run.matrix, 1, axis=1)


def test_differs(run):
    run.metrics["accuracy"] = 0.5


test_differs.__test__ = False


def examples_left_out(run):
    run.metrics["examples_left_out"] = 12


def learning_rate_too_high(run):
    run.config["settings"]["learning_rate"] = 0.03
    run.history[["accuracy", "val_accuracy"]] = 0.4
    run.history["learning_rate"] *= 100


def learning_rate_too_low(run):
    run.config["settings"]["learning_rate"] = 3e-6
    run.history[["accuracy", "val_accuracy"]] = 0.4
    run.history["learning_rate"] /= 100


def noisy_training_labels(run):
    run.history["accuracy"] = 0.7


def score_too_low(run):
    run.history["val_accuracy"] = 0.7


def better_than_usual(run):
    run.history["val_mean_iou"] = 0.6


PLANTED = [
    *(input_not_scaled, input_scaled_twice, channels_swapped, sorted_by_class, not_shuffled, duplicates, leak, frozen),
    *(contradicting_labels, repeated_examples, class_names_alike),
    *(history_mixed, learning_rate_zero, other_schedule, loss_is_nan, unfinished, loss_grows, no_learning),
    *(validation_at_chance, overfit, validation_above_training, wrong_loss, one_class_predicted, class_never_predicted),
    *(labels_permuted, test_differs, examples_left_out, learning_rate_too_high, learning_rate_too_low),
    *(noisy_training_labels, score_too_low, better_than_usual),
]


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_planted_fault_is_named_and_explained(plant, folder):
    if plant is better_than_usual:  # which no accuracy on digits can be: 1 is usual
        folder = Folder(folder.path, "segmenter-digits-5")
    plant(folder)
    found = folder.problems()
    assert plant.__name__ in found
    problem = found[plant.__name__]
    assert re.search(r"\d|nan", problem.seen), "what was seen has numbers"
    assert problem.means[0].isupper() and problem.advice[0].isupper()
    assert all(sentence.endswith(".") for sentence in (problem.seen, problem.means, problem.advice))


MODEL_FACTS = {
    "weights_not_finite": ModelFacts(["hidden_1/kernel"], not_run="weights of model.keras are NaN or infinite"),
    "same_answer": ModelFacts([], 1e-6),
    "dead_heads": ModelFacts([], 0.5, np.array([[0.3, 0.2], [0.001, 0.0]]), np.full((2, 2), 0.1)),
}


@pytest.mark.parametrize("name", MODEL_FACTS)
def test_a_broken_model_is_named(name, folder):
    run = read_run(folder.write())
    object.__setattr__(run, "model", MODEL_FACTS[name])
    found = [check.name for check in CHECKS if "model" in check.needs and {*check.needs} <= run.present and check.problem(run)]
    assert found == [name]
    object.__setattr__(run, "model", ModelFacts([], 0.5, np.full((2, 2), 0.3), np.full((2, 2), 0.1)))
    assert not [check.name for check in CHECKS if "model" in check.needs and check.problem(run)]


def test_a_fault_is_planted_for_each_check_and_the_guide_has_a_row_for_it():
    names = {check.name for check in CHECKS}
    assert names == {plant.__name__ for plant in PLANTED} | {*MODEL_FACTS}
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(re.findall(r"\w+", " ".join(rows))) == sorted(names)


def test_a_softmax_of_a_softmax_is_named(folder):
    double_softmax(folder)
    assert "softmax of a softmax" in folder.problems()["wrong_loss"].seen


def test_causes_come_before_what_follows_from_them(folder):
    sorted_by_class(folder)
    score_too_low(folder)
    found = [*folder.problems()]
    assert (found[0], found[-1]) == ("sorted_by_class", "score_too_low")


def test_a_wrong_setting_is_named_beside_the_usual_one(folder):
    learning_rate_too_high(folder)
    found = folder.problems()
    assert "0.03, 100 times the usual one" in found["learning_rate_too_high"].seen
    assert "learning_rate 0.03 (0.0003)" in found["score_too_low"].seen


def test_labels_counted_from_one_are_told_from_two_exchanged_classes(folder):
    labels_permuted(folder)
    assert "by the number 1 above its own" in folder.problems()["labels_permuted"].seen
    folder.matrix = np.diag([100] * 4)[[1, 0, 2, 3]]
    folder.config["data"]["class_names"] = ["cat", "dog", "ship", "truck"]
    assert "cat as dog, dog as cat" in folder.problems()["labels_permuted"].seen


def test_the_command_of_each_band_gives_runs_that_it_fits():
    commands = re.findall(r"^course-hw5 (train .*?--out runs/bands/\S+)$", GUIDE.read_text().replace("\\\n", ""), re.MULTILINE)
    keys = [facts["key"]["arguments"] for facts in bands.shipped()["bands"]]
    assert len(commands) == len(keys)
    for command in commands:
        parser = argparse.ArgumentParser()
        train.add_arguments(parser)
        args = parser.parse_args(command.split()[1:])
        choose_source(args, recipe := RECIPES[args.name])
        fill_defaults(args, recipe)
        args.recipe = recipe.choose(args)
        recorded = json.loads(json.dumps(recipe.recorded(args)))
        config = {"arguments": recorded, "model": {}, "settings": {"schedule": "constant"}}
        assert bands.key_of(config)["arguments"] in keys, command


def test_other_options_have_no_band_and_the_other_checks_are_made(folder):
    folder.config["arguments"]["dataset"] = "photos"
    folder.training["labels"] = [0] * 256
    found = diagnosis.check_run(folder.write(), with_model=False)
    assert [problem.name for problem in found.problems] == ["sorted_by_class"]
    assert "No band fits this run" in str(found) and "score_too_low" in found.not_checked["no band fits"]


def test_epochs_must_be_the_same_only_where_the_schedule_depends_on_them(folder):
    key = bands.key_of(folder.config)
    folder.config["settings"]["epochs"] = 9
    assert bands.key_of(folder.config) != key
    folder.config["settings"]["schedule"] = "constant"
    key = bands.key_of(folder.config)
    folder.config["settings"]["epochs"] = 4
    assert bands.key_of(folder.config) == key


def test_an_older_run_without_what_is_recorded_now_is_checked(folder):
    folder.training, folder.history = {}, folder.history.drop(columns="learning_rate")
    found = diagnosis.check_run(folder.write(), with_model=False)
    assert not found.problems
    lacking = {name for names in found.not_checked.values() for name in names}
    assert {"sorted_by_class", "leak", "other_schedule", "dead_heads"} <= lacking


def test_a_run_that_ended_before_its_first_epoch_is_checked(folder):
    loss_is_nan(folder)
    folder.metrics = {}
    folder.write()
    for name in ("history.csv", "confusion_matrix.csv"):
        (folder.path / name).unlink()
    found = diagnosis.check_run(folder.path, with_model=False).problems
    assert [problem.name for problem in found] == ["loss_is_nan", "unfinished"]
    assert found[0].seen == "Training ended: The loss became nan in epoch 1."


def test_a_fit_of_one_s_own_without_config_is_checked(folder):
    validation_at_chance(folder)
    folder.write()
    for name in ("config.json", "training.json"):
        (folder.path / name).unlink()
    found = diagnosis.check_run(folder.path, with_model=False)
    assert "validation_at_chance" in {problem.name for problem in found.problems}
    (names,) = [names for reason, names in found.not_checked.items() if "labels are mixed or not recorded" in reason]
    assert names == ["validation_above_training"]


def test_contradicting_labels_are_said_with_their_split(folder):
    contradicting_labels(folder)
    found = folder.problems()
    assert found["contradicting_labels"].seen == "40 of 100 examples of train are equal to earlier ones with another label."
    assert found["repeated_examples"].seen == "40 of 100 examples of train repeat earlier ones (40 exactly)."
    shared = {"first": "train", "second": "test", "exact": 1, "near": 0, "contradicting": 1, "pairs": []}
    with_card(folder, duplicates=[shared], repeats=[])
    assert folder.problems()["contradicting_labels"].seen.startswith("1 of 50 examples of test are equal to examples of train")


def test_a_few_repeats_are_no_problem(folder):
    repeats = {"first": "train", "second": "train", "exact": 6, "near": 4, "contradicting": 1, "pairs": []}
    with_card(folder, duplicates=[], repeats=[repeats], alike_names=[])
    assert not folder.problems()


def test_checks_of_accuracy_are_named_where_the_score_is_mean_iou(folder):
    found = diagnosis.check_run(Folder(folder.path, "segmenter-digits-5").write(), with_model=False)
    (names,) = [names for reason, names in found.not_checked.items() if "no accuracy of training" in reason]
    assert names == ["no_learning", "validation_at_chance", "wrong_loss"]
    assert "test_differs" in found.not_checked["metrics.json is missing or does not hold accuracy"]
    assert "Not checked, because history.csv holds no accuracy of training and validation: no_learning" in str(found)


def test_checks_that_need_the_classes_are_named_where_these_are_not_known(folder):
    folder.write()
    for name in ("config.json", "training.json", "confusion_matrix.csv"):
        (folder.path / name).unlink()
    found = diagnosis.check_run(folder.path, with_model=False).not_checked
    names = found["neither config.json nor confusion_matrix.csv holds the classes"]
    assert names == ["loss_grows", "no_learning", "validation_at_chance", "wrong_loss"]


def runs_of(folder, seeds):
    """Runs that differ a little, by seed."""
    for seed in seeds:
        path = folder.path / str(seed)
        path.mkdir()
        one = Folder(path, folder.name)
        one.config["settings"]["seed"] = seed
        one.history["accuracy"] += 0.001 * seed
        yield read_run(one.write())


def test_a_band_is_made_of_runs_of_several_seeds(folder):
    band = bands.Band(bands.make_band(runs_of(folder, (2, 1, 0))))
    assert band.seeds == [0, 1, 2]
    middle = folder.history["accuracy"].iloc[-1] + 0.001
    assert band.interval("accuracy", 8) == pytest.approx((middle - 0.03, min(1, middle + 0.03)), abs=1e-4)
    loss = folder.history["loss"].iloc[-1]
    assert band.interval("loss", 8) == pytest.approx((loss / np.exp(0.15), loss * np.exp(0.15)), rel=1e-3)
    assert band.interval("accuracy", 9) is None and band.interval("lead", 1) is None


@pytest.mark.parametrize("seeds, message", [((0, 1), "three seeds or more"), ((), "three seeds or more")])
def test_a_band_of_too_few_runs_is_refused(seeds, message, folder):
    with pytest.raises(ValueError, match=message):
        bands.make_band(runs_of(folder, seeds))


def test_a_band_of_different_runs_is_refused(folder):
    *runs, last = runs_of(folder, (0, 1, 2))
    last.config["arguments"]["batch_size"] = 7
    with pytest.raises(ValueError, match="the same options and epochs"):
        bands.make_band([*runs, last])


@pytest.mark.parametrize("name", ["history.csv", "config.json", "training.json", "confusion_matrix.csv"])
def test_a_damaged_file_is_bad_input(name, folder, capsys):
    (folder.write() / name).write_text('{"a": ' if name.endswith("json") else "true\nno, table")
    assert exit_code(folder.path) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert name in line and "Received: " in line


@pytest.mark.parametrize("name, text", [("config.json", '{"settings": "none"}'), ("training.json", '{"labels": "none"}')])
def test_a_file_of_another_program_is_bad_input(name, text, folder, capsys):
    (folder.write() / name).write_text(text)
    assert exit_code(folder.path) == 2
    assert "must be those of `train`. Received: " in capsys.readouterr().err


@pytest.mark.parametrize(
    "name, text, message",
    [
        ("history.csv", "epoch,loss,val_loss\ninf,nan,1\n", "Received: an epoch that is NaN or infinite"),
        ("history.csv", "epoch,loss,val_loss\n1,2,1\nnan,nan,1\n", "Received: an epoch that is NaN or infinite"),
        ("confusion_matrix.csv", "true,a,b\na,3,nan\nb,2,1\n", "must hold counts from 0 to 1e12"),
        ("confusion_matrix.csv", "true,a,b\na,3,inf\nb,2,1\n", "must hold counts from 0 to 1e12"),
        ("confusion_matrix.csv", "true,a,b\na,3,-1\nb,2,1\n", "must hold counts from 0 to 1e12"),
        ("confusion_matrix.csv", "true,a,b\na,3,1\n", "Received: 1 rows and 2 columns"),
        ("metrics.json", '{"accuracy": "x"}', "must hold accuracy as a number from 0 on. Received: 'x'"),
        ("metrics.json", '{"accuracy": NaN}', "must hold accuracy as a number from 0 on. Received: nan"),
        ("metrics.json", '{"accuracy": 0.5, "examples": null}', "must hold examples as a number from 0 on. Received: None"),
    ],
)
def test_a_file_with_impossible_numbers_is_bad_input(name, text, message, folder, capsys):
    (folder.write() / name).write_text(text)
    assert exit_code(folder.path) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert str(folder.path / name) in line and message in line


def exit_code(*arguments):
    with pytest.raises(SystemExit) as end:
        cli.main(["check", "--no-model", *map(str, arguments)])
    return end.value.code


def test_a_folder_without_a_training_is_bad_input(tmp_path, capsys):
    assert exit_code(tmp_path) == 2
    assert "RUN must be the folder of a training. Received: " in capsys.readouterr().err
    assert exit_code(tmp_path / "nothing") == 2


def test_out_must_be_json(folder, capsys):
    assert exit_code(folder.write(), "--out", "problems.txt") == 2
    assert "--out must name a file that ends in .json. Received: problems.txt" in capsys.readouterr().err


def test_the_command_ends_with_0_where_nothing_is_found_and_with_1_where_something_is(folder, capsys):
    out = folder.path / "grades" / "problems.json"
    cli.main(["check", str(folder.write()), "--no-model", "--out", str(out)])
    assert ": no problem found\nCompared with 5 runs of the same recipe, seeds 0, 1, 2, 3, 4." in capsys.readouterr().out
    assert json.loads(out.read_text())["is_healthy"] is True

    leak(folder)
    assert exit_code(folder.write(), "--out", out) == 1
    said = capsys.readouterr().out
    assert ": 1 problem\n" in said and "1. leak\n   200 of the first 359 examples of test" in said
    assert "   Usually: " in said and "   Try: " in said
    (problem,) = json.loads(out.read_text())["problems"]
    assert problem["name"] == "leak" and {*problem} == {"name", "seen", "means", "advice"}


def test_a_check_of_files_loads_no_keras(folder):
    loaded = "print(sorted({'keras', 'tensorflow'} & {*sys.modules}))"
    code = f"import sys; from course_hw5 import cli; cli.main(['check', '--no-model', sys.argv[1]]); {loaded}"
    ended = subprocess.run([sys.executable, "-c", code, folder.write()], capture_output=True, text=True, check=True)
    assert "no problem found" in ended.stdout and ended.stdout.splitlines()[-1] == "[]"


def test_a_run_that_is_longer_than_its_band_is_compared_in_the_last_epoch_of_the_band(folder, monkeypatch):
    facts = json.loads(json.dumps(bands.band_of(folder.config).facts))
    facts["history"] = {name: {kind: values[:3] for kind, values in one.items()} for name, one in facts["history"].items()}
    monkeypatch.setattr(bands, "shipped", lambda: {"channel_means": {}, "bands": [facts]})
    folder.history["val_accuracy"] = [0.1, 0.1, 0.1, 0.9, 0.9, 0.9, 0.9, 0.9]
    found = diagnosis.check_run(folder.write(), with_model=False)
    assert "Compared in epoch 3 with 5 runs" in str(found)
    (problem,) = [problem for problem in found.problems if problem.name == "score_too_low"]
    assert problem.seen.startswith("After epoch 3 val_accuracy is 0.100, where ")


def test_the_script_adds_the_band_of_new_runs_and_refuses_too_few(folder, capsys):
    main = runpy.run_path(str(GUIDE.parents[2] / "scripts" / "make_run_bands.py"))["main"]
    runs, out = [str(run.folder) for run in runs_of(folder, (0, 1, 2))], folder.path / "bands.json"
    out.write_text('{"channel_means": {}, "bands": [{"key": "another"}]}')
    main([*runs, "--out", str(out)])
    assert "mlp_classifier" in capsys.readouterr().out
    one, other = json.loads(out.read_text())["bands"]
    assert [one["key"], other["seeds"]] == ["another", [0, 1, 2]]
    with pytest.raises(SystemExit, match="2"):
        main([*runs[:2], "--out", str(out)])
    assert "A band needs runs of three seeds or more, each once. Received: seeds [0, 1] in " in capsys.readouterr().err
