import html.parser
import json
import re

import numpy as np
import pandas as pd
import pytest

from course_hw5.reports import classification_metrics, summary
from course_hw5.reports.pages import comparison
from tests.browser import needs_browser, requests_of

NAMES = ["cat", "</td><b>dog", "fox $x$ & $y$"]
LABELS = np.repeat([0, 1, 2], 20)


def write_run(folder, right, epochs=3, names=NAMES, smoothing=0.0, width=4):
    """Writes a run folder whose model has `right` of each class's 20 examples right."""
    folder.mkdir(parents=True)
    predicted = np.concatenate([np.where(np.arange(20) < n, c, (c + 1) % 3) for c, n in enumerate(right)])
    result = classification_metrics.classification_result(LABELS, predicted, names)
    accuracy = np.linspace(0.3, result.metrics["accuracy"], epochs)
    columns = {"epoch": range(1, epochs + 1), "accuracy": accuracy + 0.05, "loss": 1 - accuracy}
    columns |= {"val_accuracy": accuracy, "val_loss": 1.1 - accuracy, "seconds": [9.0] + [2.0] * (epochs - 1)}
    config = {
        "settings": {"label_smoothing": smoothing},
        "arguments": {},
        "data": {"class_names": names, "note": "made up"},
        "model": {"name": "mlp", "parameters": 1234567},
        "prediction_flops": 26 * width,
    }
    timing = {"training_seconds": 60.0 * epochs, "training_examples_per_second": 1000.0 * width}
    for name, value in (("config", config), ("metrics", result.metrics | timing), ("classification_report", result.report)):
        (folder / f"{name}.json").write_text(json.dumps(value))
    (folder / "history.csv").write_text(pd.DataFrame(columns).to_csv(index=False))
    return folder


@pytest.fixture
def runs(tmp_path):
    return [write_run(tmp_path / "plain", (8, 10, 12)), write_run(tmp_path / "tuned", (8, 18, 13), epochs=7, width=8)]


@pytest.fixture
def page(runs, tmp_path):
    return comparison.write_comparison(runs, tmp_path / "pages" / "compare.html")


def test_the_page_holds_the_figures_of_each_run(page):
    text = page.read_text()
    assert page.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in page.parent.iterdir()) == ["compare.html", "compare.png"]
    assert text.count('<img src="data:image/png;base64,') == 3
    assert "<b>0.5000</b>" in text and '<div class="best"><b>0.6500</b>' in text
    for shown in ("<b>3</b>", "<b>7</b>", "<b>2.0</b>", "<b>8,000</b>", "<b>1.23 M</b>", "<b>104</b>", "<b>208</b>"):
        assert shown in text


def test_the_best_run_of_each_class_is_marked(page):
    rows = re.findall(r"<tbody>(.*?)</tbody>", page.read_text(), re.S)[-1].split("</tr>")
    marked = ["best" in cell for cell in re.findall(r"<td[^>]*>", rows[1])]
    assert marked == [False, True, False]  # plain, tuned, difference
    assert len(rows) == 3 + 1 + 1


def test_the_summary_says_what_differs(runs):
    read = dict(zip(("plain", "tuned"), map(comparison.read_run, runs)))
    lines = summary.of_comparison(read, comparison.class_scores(read))
    assert lines[0] == "tuned is the most accurate: 0.6500, 0.1500 above plain, which can be chance with 60 test examples."
    assert lines[1].startswith("tuned beats plain most on '</td><b>dog': +0.")
    assert lines[2] == (
        "tuned trained 7.0 min (7 epochs), plain 3.0 min (3 epochs); a prediction of tuned takes 2 times the arithmetic "
        "(208 and 104 FLOPs)."
    )
    assert lines[3] == "tuned passes plain's best validation accuracy (0.5000) in epoch 5."
    assert lines[4].endswith("+0.050 in plain, +0.050 in tuned; none is overfitting.")
    assert len(lines) == 5


def test_equal_runs_are_called_equal(tmp_path):
    runs = [write_run(tmp_path / name, (8, 10, 12), epochs=1) for name in "ab"]
    text = comparison.write_comparison(runs, tmp_path / "compare.html").read_text()
    assert "a and b are as accurate: 0.5000" in text and "No class has a higher F1 in a than in b." in text
    assert 'class="best"' not in text


def test_differences_that_spoil_a_comparison_are_said(tmp_path):
    runs = [write_run(tmp_path / "plain", (8, 10, 12)), write_run(tmp_path / "smooth", (9, 10, 12), smoothing=0.1)]
    text = comparison.write_comparison(runs, tmp_path / "compare.html").read_text()
    assert "losses cannot be compared with each other: label smoothing raises them (0.0 in plain, 0.1 in smooth)" in text
    assert "not tested on the same data" not in text
    config = json.loads((runs[0] / "config.json").read_text())
    for note, is_other in ((config["data"]["note"] + "; in training labels are mixed", False), ("other images", True)):
        config["data"]["note"] = note
        (runs[0] / "config.json").write_text(json.dumps(config))
        text = comparison.write_comparison(runs, tmp_path / "compare.html").read_text()
        assert ("not tested on the same data" in text) == is_other


def test_runs_of_one_name_are_told_apart_by_their_folders(tmp_path):
    runs = [write_run(tmp_path / parent / "run", (8, 10, 12)) for parent in "ab"]
    text = comparison.write_comparison(runs, tmp_path / "compare.html").read_text()
    assert "a/run" in text and "b/run" in text


def test_a_page_of_a_run_is_linked_where_it_is(runs, tmp_path):
    (runs[0] / "index.html").write_text("")
    text = comparison.write_comparison(runs, tmp_path / "pages" / "compare.html").read_text()
    assert re.findall(r'href="(.*?)"', text) == ["../plain/index.html"]


def test_curves_of_training_alone_are_drawn(runs, tmp_path):
    history = pd.read_csv(runs[0] / "history.csv").drop(columns=["val_accuracy", "val_loss", "loss"])
    (runs[0] / "history.csv").write_text(history.to_csv(index=False))
    text = comparison.write_comparison(runs, tmp_path / "compare.html").read_text()
    assert text.count("<img ") == 3 and "passes" not in text and "less validation" not in text


def test_a_model_that_could_not_be_counted_is_said_to_be_so(runs, tmp_path):
    config = json.loads((runs[0] / "config.json").read_text()) | {"prediction_flops": None}
    (runs[0] / "config.json").write_text(json.dumps(config))
    text = comparison.write_comparison(runs, tmp_path / "compare.html").read_text()
    assert "<b>not counted</b>" in text and "arithmetic" not in text


@pytest.mark.parametrize("name", comparison.FILES)
def test_a_missing_file_is_named(runs, tmp_path, name):
    (runs[1] / name).unlink()
    with pytest.raises(FileNotFoundError, match=rf"tuned must hold a finished run. Received: no {name}"):
        comparison.write_comparison(runs, tmp_path / "compare.html")
    assert not [*tmp_path.glob("compare*")]


@pytest.mark.parametrize(
    "name, text, message",
    [
        ("config.json", "{", "config.json must hold JSON. Received: Expecting"),
        ("config.json", "[]", "config.json must hold a JSON object. Received: list"),
        ("config.json", "{}", "config.json must hold settings as dict. Received: nothing"),
        ("metrics.json", '{"accuracy": "high"}', "metrics.json must hold accuracy as number. Received: 'high'"),
        ("classification_report.json", '{"cat": {}}', "must hold cat.f1-score as number. Received: nothing"),
        ("history.csv", "", "history.csv must hold a table. Received: No columns"),
        ("history.csv", "epoch,accuracy\n1,0.5\n", "with numbers for epoch, accuracy, seconds. Received: no seconds"),
        ("history.csv", "epoch,accuracy,seconds\n", "must hold a row per epoch"),
        ("history.csv", "epoch,accuracy,seconds\n1,high,2\n", "Received: no accuracy"),
    ],
)
def test_a_damaged_file_is_one_error_before_anything_is_written(runs, tmp_path, name, text, message):
    (runs[1] / name).write_text(text)
    with pytest.raises(ValueError, match=re.escape(message)):
        comparison.write_comparison(runs, tmp_path / "compare.html")
    assert not [*tmp_path.glob("*compare*")]


def test_what_cannot_be_compared_is_refused(runs, tmp_path):
    out = tmp_path / "compare.html"
    other = write_run(tmp_path / "other", (8, 10, 12), names=["cat", "cow", "pig"])
    for arguments, message in (
        ((runs[:1], out), "needs two or more run folders. Received: .*plain"),
        (([*runs, runs[0]], out), "must be given once. Received twice: .*plain"),
        (([runs[0], other], out), "same classes to be compared. Received: 3 in plain, 3 in other, and not in both '</td>"),
        ((runs, tmp_path / "compare.png"), "ends in .html. Received: .*compare.png"),
        ((runs, runs[0] / "index.html"), "outside the run folders. Received: .*index.html"),
    ):
        with pytest.raises(ValueError, match=message):
            comparison.write_comparison(*arguments)
    assert not [*tmp_path.glob("compare*")]


def test_names_are_text(page):
    tags = []

    class Collect(html.parser.HTMLParser):
        def handle_starttag(self, tag, attributes):
            tags.append((tag, dict(attributes)))

    text = page.read_text()
    Collect().feed(text)
    assert "</td><b>dog" not in text and "fox $x$ &amp; $y$" in text
    assert all(attributes["src"].startswith("data:") for tag, attributes in tags if tag == "img")
    assert not {"script", "link", "iframe"} & {tag for tag, _ in tags}


@needs_browser
def test_a_browser_fetches_nothing_and_has_nothing_to_say(page, driver):
    driver.get_log("performance"), driver.get_log("browser")  # of other pages
    driver.get(page.as_uri())
    assert requests_of(driver) == [page.as_uri()]
    assert driver.get_log("browser") == []
    assert driver.execute_script("return document.documentElement.scrollWidth <= innerWidth")


def test_two_classes_of_one_name_are_two_in_the_comparison(tmp_path):
    runs = [
        write_run(tmp_path / name, right, names=["crane", "dog", "crane"])
        for name, right in (("a", (1, 2, 3)), ("b", (9, 9, 9)))
    ]
    for run in runs:
        result = classification_metrics.classification_result(
            LABELS, LABELS, classification_metrics.distinct_names(["crane", "dog", "crane"])
        )
        (run / "classification_report.json").write_text(json.dumps(result.report))
    text = comparison.write_comparison(runs, tmp_path / "compare.html").read_text()
    assert text.count("<bdi>crane (0)</bdi>") == text.count("<bdi>crane (2)</bdi>") == 1


def test_a_run_with_several_labels_per_example_is_refused_by_its_reason(runs, tmp_path):
    result = classification_metrics.classification_result(np.eye(3) > 0, np.eye(3) > 0, NAMES)
    (runs[1] / "classification_report.json").write_text(json.dumps(result.report))
    with pytest.raises(ValueError, match="runs whose examples have one label each. Received: .*tuned"):
        comparison.write_comparison(runs, tmp_path / "compare.html")


def test_runs_in_the_home_folder_are_found(runs, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert comparison.write_comparison(["~/plain", "~/tuned"], "~/compare.html") == tmp_path / "compare.html"
