import html.parser
import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from course_hw5.reports import classification_metrics, plots, summary
from course_hw5.reports.pages import run
from tests.browser import needs_browser

pytestmark = pytest.mark.unit

NAMES = ["cat", "</script><b>dog", "fox & co"]
PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"


@pytest.fixture
def run_dir(tmp_path):
    labels, predicted = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 1, 1, 1, 1, 0])
    result = classification_metrics.classification_result(labels, predicted, NAMES)
    history = pd.DataFrame({"epoch": [1, 2], "accuracy": [0.4, 0.9], "val_accuracy": [0.5, 0.6], "loss": [2.0, 1.0]})
    config = {
        "settings": {"monitor": "val_accuracy"},
        "arguments": {"dataset": "digits"},
        "data": {"note": "a <small> set", "class_names": NAMES},
        "model": {"name": "mlp", "parameters": 1234567},
        "versions": {"keras": "3"},
        "command": "train --out 'a b'",
    }
    example = {"number": 1, "image": PIXEL, "probabilities": [0.2, 0.7, 0.1]}
    files = {
        "config.json": json.dumps(config),
        "metrics.json": json.dumps(result.metrics),
        "classification_report.json": json.dumps(result.report),
        "confusion_matrix.csv": pd.DataFrame(result.matrix, index=NAMES, columns=NAMES).to_csv(index_label="true"),
        "history.csv": history.to_csv(index=False),
        "misclassified.json": json.dumps([{"true": 0, "predicted": 1, "examples": [example]}]),
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    plots.history_plot(history, "accuracy").savefig(tmp_path / "accuracy.png")
    return tmp_path


def test_the_page_holds_the_figures_the_table_and_the_command(run_dir):
    text = run.write_page(run_dir).read_text()
    assert text.count('<img src="data:image/png;base64,') == 1
    assert "0.5000" in text and "1.23 M" in text and "train --out" in text
    assert f"tensorboard --logdir {run_dir}" in text
    assert "a &lt;small&gt; set" in text


def test_a_matrix_of_very_many_classes_is_a_figure_alone(run_dir, monkeypatch):
    (run_dir / "confusion_matrix.png").write_bytes((run_dir / "accuracy.png").read_bytes())
    monkeypatch.setattr(run, "MOST_CLASSES", 2)
    text = run.write_page(run_dir).read_text()
    assert "too many classes for a table" in text and 'id="matrix"' not in text and "<script>" not in text
    assert text.count('<img src="data:image/png;base64,') == 2


def test_nothing_on_the_page_is_fetched(run_dir):
    urls = []

    class Collect(html.parser.HTMLParser):
        def handle_starttag(self, tag, attributes):
            urls.extend(value for name, value in attributes if name in ("src", "href", "srcset", "data"))

    text = run.write_page(run_dir).read_text()
    Collect().feed(text)
    assert all(url.startswith("data:") or (run_dir / url).exists() for url in urls)
    assert not re.search(r"https?://|@import|fetch\(|XMLHttpRequest", text)


def test_names_are_data_and_cannot_end_the_script(run_dir):
    text = run.write_page(run_dir).read_text()
    assert "</script><b>dog" not in text
    facts = re.search(r'id="facts">(.*?)</script>', text, re.S).group(1)
    assert json.loads(facts)["classes"] == NAMES


def test_the_summary_names_what_the_figures_show(run_dir):
    text = run.write_page(run_dir).read_text()
    assert "Epoch 2 of 2 was the best by val_accuracy (0.6000)" in text
    assert "In that epoch the training accuracy was 0.300 above the validation accuracy: the model is overfitting." in text
    assert "hardest: fox &amp; co (F1 0.00)" in text
    assert "67 % of “cat” are classified as “" in text


@pytest.mark.parametrize(
    "accuracy, val_accuracy, said",
    [
        (0.5, 0.3, "0.200 above the validation accuracy: the model is overfitting"),
        (0.1, 0.0, "0.100 above the validation accuracy: no sign of overfitting"),  # more than 0.1 is a sign
        (0.4, 0.5, "0.100 below the validation accuracy: it is a mean over the epoch"),
    ],
)
def test_a_gap_of_more_than_a_tenth_is_overfitting(accuracy, val_accuracy, said):
    history = pd.DataFrame({"epoch": [1], "accuracy": [accuracy], "val_accuracy": [val_accuracy]})
    config = {"settings": {"monitor": "val_accuracy"}, "data": {"note": ""}}
    lines = summary.of_run(history, pd.DataFrame({"F1": [1.0]}, index=["cat"]), np.ones((1, 1), int), ["cat"], config)
    assert f"the training accuracy was {said}" in lines[1]


@pytest.mark.parametrize("name", ["config.json", "history.csv", "confusion_matrix.csv"])
def test_an_unfinished_run_is_refused_by_the_missing_file(run_dir, name):
    (run_dir / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"Received: no {name}"):
        run.write_page(run_dir)


@needs_browser
def test_a_browser_shows_the_most_frequent_error_and_a_clicked_cell(run_dir, driver):
    driver.get(run.write_page(run_dir).as_uri())
    buttons, panel = driver.find_elements("css selector", ".matrix button"), driver.find_element("id", "misclassified")
    assert "2 of class “cat” classified as “</script><b>dog”" in panel.text
    assert "no. 1" in panel.text and "70.0 %" in panel.text and "cat 20.0 %" in panel.text
    buttons[4].click()
    assert "2 of class" in panel.text and "recognised" in panel.text
    buttons[6].click()
    assert "No examples were kept" in panel.text


@needs_browser
def test_counts_of_pixels_are_shown_as_percent_and_in_full_by_a_click(run_dir, driver):
    matrix = pd.DataFrame([[3896674, 1731070, 0], [7, 1, 0], [0, 0, 0]], index=NAMES, columns=NAMES)
    (run_dir / "confusion_matrix.csv").write_text(matrix.to_csv(index_label="true"))
    scores = pd.DataFrame({"iou": [0.6, 0.1, 0.0], "accuracy": 0.5, "share": 0.3}, index=NAMES)
    (run_dir / "class_scores.csv").write_text(scores.to_csv(index_label="class"))
    driver.get(run.write_page(run_dir).as_uri())
    buttons = driver.find_elements("css selector", ".matrix button")
    assert [button.text for button in buttons] == ["69", "31", "0", "88", "13", "0", "0", "0", "0"]
    said = driver.find_element("id", "misclassified").text
    assert "1,731,070 pixels of class “cat” classified as" in said and "30.8 % of that class" in said
    buttons[0].click()
    assert "3,896,674 pixels of class “cat” recognised" in driver.find_element("id", "misclassified").text


def test_a_page_is_written_whatever_encoding_the_system_has(run_dir):
    code = "import sys; from course_hw5.reports.pages import run; run.write_page(sys.argv[1])"
    environment = os.environ | {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
    subprocess.run([sys.executable, "-c", code, str(run_dir)], check=True, env=environment)
    assert "✓" in (run_dir / "index.html").read_text(encoding="utf-8")


def test_attention_after_each_epoch_is_shown_as_text(run_dir):
    frame = {"name": "a <b>", "answer": "not <i>", "probability": 0.25, "tokens": ["[CLS]", "<b>"], "relevance": [1.0, 0.5]}
    frames = [frame | {"epoch": epoch, "page": f"attention/epoch-000{epoch}-0.html"} for epoch in (0, 1)]
    (run_dir / "attention.json").write_text(json.dumps(frames))
    text = run.write_page(run_dir).read_text()
    assert ">not &lt;i&gt;</th>" in text and "<bdi>&lt;b&gt;</bdi>" in text and "<bdi><b>" not in text
    assert text.count("<b>0.250</b>") == 2 and 'href="attention/epoch-0001-0.html"' in text


def test_attention_to_images_is_shown_epoch_by_epoch(run_dir):
    frame = {"answer": "cat", "probability": 0.25, "image": "data:image/png;base64,"}
    frames = [frame | {"epoch": e, "name": n, "page": f"attention/{e}-{n}.html"} for e in (0, 2) for n in ("0: cat", "1: <b>")]
    (run_dir / "attention.json").write_text(json.dumps(frames))
    text = run.write_page(run_dir).read_text()
    assert text.count('alt="0: cat, epoch') == 2 and ">2</th></tr></thead>" in text
    assert 'href="attention/2-1: &lt;b&gt;.html"' in text and "<bdi>1: &lt;b&gt;</bdi>" in text


def test_a_misclassified_text_is_kept_as_text(run_dir):
    example = {"number": 1, "text": "</script>dull", "probabilities": [0.2, 0.7, 0.1]}
    (run_dir / "misclassified.json").write_text(json.dumps([{"true": 0, "predicted": 1, "examples": [example]}]))
    assert "\\u003c/script\\u003edull" in run.write_page(run_dir).read_text()


def test_two_classes_of_one_name_are_two_on_the_page(run_dir):
    config = json.loads((run_dir / "config.json").read_text())
    config["data"]["class_names"] = ["crane", "dog", "crane"]
    result = classification_metrics.classification_result(
        [0, 1, 2], [0, 2, 2], classification_metrics.distinct_names(config["data"]["class_names"])
    )
    (run_dir / "config.json").write_text(json.dumps(config))
    (run_dir / "classification_report.json").write_text(json.dumps(result.report))
    text = run.write_page(run_dir).read_text()
    facts = json.loads(re.search(r'id="facts">(.*?)</script>', text, re.S).group(1))
    assert facts["classes"] == ["crane (0)", "dog", "crane (2)"]
    assert text.count("<bdi>crane (0)</bdi>") == text.count("<bdi>crane (2)</bdi>") == 1


def test_a_monitor_that_was_never_a_number_is_said_to_be_so(run_dir):
    history = pd.read_csv(run_dir / "history.csv").assign(val_accuracy=np.nan)
    (run_dir / "history.csv").write_text(history.to_csv(index=False))
    assert "val_accuracy was not a number in any epoch; the first was tested." in run.write_page(run_dir).read_text()


def test_a_run_with_several_labels_per_example_is_refused_by_its_reason(run_dir):
    result = classification_metrics.classification_result(np.eye(3) > 0, np.ones((3, 3)) > 0, NAMES)
    (run_dir / "classification_report.json").write_text(json.dumps(result.report))
    (run_dir / "confusion_matrix.csv").unlink()
    with pytest.raises(ValueError, match="runs whose examples have one label each. Received: .*, where they have several"):
        run.write_page(run_dir)


def test_a_run_in_the_home_folder_is_found(run_dir, monkeypatch):
    monkeypatch.setenv("HOME", str(run_dir.parent))
    assert run.write_page(f"~/{run_dir.name}") == run_dir / "index.html"


def test_a_page_of_pretraining_has_reconstructions_and_no_classes(run_dir):
    metrics = {"masked_accuracy": 0.231, "baseline_accuracy": 0.0419, "masked_loss": 4.5, "baseline_loss": 5.75}
    (run_dir / "metrics.json").write_text(json.dumps(metrics | {"examples": 10000, "tokens": 512}))
    for name in ("confusion_matrix.csv", "classification_report.json", "misclassified.json"):
        (run_dir / name).unlink()
    for name in ("masked_accuracy", "reconstructions"):
        shutil.copy(run_dir / "accuracy.png", run_dir / f"{name}.png")
    text = run.write_page(run_dir).read_text()
    assert "23.1 % get the right one of 512 visual tokens; always the most frequent token is right for 4.2 %" in text
    assert "Reconstructions" in text and "Accuracy of what was hidden, per epoch" in text and "a &lt;small&gt; set" in text
    assert "Confusion matrix" not in text and "Metrics of each class" not in text and "<script" not in text
