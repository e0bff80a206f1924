"""A run folder to one page, `index.html`, that opens offline: nothing in it is fetched."""

import pathlib

import pandas as pd

from course_hw5.reports import classification_metrics, run_folder, summary
from course_hw5.reports.pages import components, data

FILES = ("config.json", "history.csv", "metrics.json", "confusion_matrix.csv")
MOST_CLASSES = 200  # whose matrix is a table: a button for each cell
CALIBRATION = ("expected_calibration_error", "temperature")
OF_CLASSES = ("accuracy", "precision", "recall", "f1", *CALIBRATION, "mean_iou", "mean_accuracy", "pixel_accuracy")
METRICS = (*OF_CLASSES, "masked_accuracy", "baseline_accuracy", "masked_loss", "baseline_loss", "perplexity")


def write_page(run_dir: run_folder.AnyPath) -> pathlib.Path:
    """Writes `index.html` from the other files of a finished run folder.

    Args:
        run_dir: folder with `config.json`, `history.csv`, `metrics.json`, `classification_report.json` or, of a segmenter,
            `class_scores.csv`, `confusion_matrix.csv`, the figures and, where they are, `data.json`, `misclassified.json`,
            `attention.json` and `scenes.json`. A run of pre-training has no classes, and none of their files.

    Returns:
        Path of the page.

    Raises:
        FileNotFoundError: if one of the files is missing.
        ValueError: if one of the JSON files is damaged, or examples have several labels: there is no confusion matrix then.
    """
    run_dir = run_folder.local_path(run_dir)
    is_pretraining = run_folder.is_pretraining(run_dir)
    run_folder.require_files(run_dir, FILES[:3] if is_pretraining else _class_files(run_dir))
    config, tested = (run_folder.read_json(run_dir / name) for name in ("config.json", "metrics.json"))
    history = run_folder.read_history(run_dir)
    parts = [str(config["arguments"][name]) for name in ("dataset", "recipe") if name in config["arguments"]]
    attention = run_folder.read_list(run_dir / "attention.json")
    page = components.render(
        "run.html",
        title=" · ".join([config["model"]["name"], *parts, run_dir.resolve().name]),
        folder=run_dir,
        config=config,
        data_card=_data_card(run_dir),
        cards=_cards(tested, history, config),
        **(_of_pretraining(history, tested, config) if is_pretraining else _of_classes(run_dir, history, config)),
        curves={name: png for name in run_folder.CURVES if (png := _figure(run_dir / f"{name}.png"))},
        matrix_figure=_figure(run_dir / "confusion_matrix.png"),
        gallery=_figure(run_dir / "gallery.png"),
        reconstructions=_figure(run_dir / "reconstructions.png"),
        masked_words=run_folder.read_list(run_dir / "masked_words.json"),
        attention=attention,
        texts=_texts(attention),
        scenes=run_folder.read_list(run_dir / "scenes.json"),
        files=sorted(path.name for path in run_dir.glob("[!.]*") if path.is_file() and path.name != "index.html"),
    )
    run_folder.write_text(run_dir / "index.html", page)
    return run_dir / "index.html"


def _class_files(run_dir):
    """The files of a run with classes; refuses one whose examples have several labels."""
    if (run_dir / "class_scores.csv").exists():
        return FILES
    if (run_dir / "classification_report.json").exists():
        classification_metrics.check_single_label(run_folder.read_json(run_dir / "classification_report.json"), run_dir)
    return (*FILES, "classification_report.json")


def _of_classes(run_dir, history, config):
    """What the page says of classes."""
    is_segmenter = (run_dir / "class_scores.csv").exists()
    classes = _pixel_metrics(run_dir) if is_segmenter else _class_metrics(run_dir)
    matrix = pd.read_csv(run_dir / "confusion_matrix.csv", index_col="true").to_numpy()
    names = classification_metrics.distinct_names(config["data"]["class_names"])
    facts = {"classes": names, "matrix": matrix.tolist() if len(names) <= MOST_CLASSES else [], "are_pixels": is_segmenter}
    facts["misclassified"] = run_folder.read_list(run_dir / "misclassified.json")
    return {"summary": summary.of_run(history, classes, matrix, names, config), "classes": classes, "facts": facts}


def _of_pretraining(history, tested, config):
    return {"summary": summary.of_pretraining(history, tested, config), "classes": None, "facts": {"matrix": []}}


def _class_metrics(run_dir):
    """scikit-learn's report as a table: classes, then averages, in rows."""
    report = run_folder.read_json(run_dir / "classification_report.json")
    rows = {name: values for name, values in report.items() if isinstance(values, dict)}
    table = pd.DataFrame(rows).T.astype({"support": int})
    return table[["precision", "recall", "f1-score", "support"]].rename(columns={"f1-score": "F1"})


def _pixel_metrics(run_dir):
    options = {"index_col": "class", "dtype": {"class": str}, "keep_default_na": False, "na_values": [""]}  # a class "None"
    table = pd.read_csv(run_dir / "class_scores.csv", **options).rename(columns={"iou": "IoU"})
    mean = table[["IoU", "accuracy"]].mean()
    return pd.concat([table, pd.DataFrame([mean], index=["mean"])])[["accuracy", "share", "IoU"]]


def _cards(tested, history, config):
    words = components.language("run")
    cards = {name: words.number(tested[name], ".4f") for name in METRICS if name in tested}
    cards |= {"examples": words.number(tested["examples"]), "epochs": words.number(len(history))}
    cards["parameters"] = components.short_number(config["model"]["parameters"], words)
    if "training_seconds" in tested:
        cards["training"] = words.say("minutes", value=words.number(tested["training_seconds"] / 60, ".1f"))
    return {words.say(f"metric.{name}"): text for name, text in cards.items()}


def _data_card(run_dir):
    path = run_dir / data.FILE
    return data.card_html(run_folder.read_json(path)) if path.exists() else ""


def _figure(path):
    return path.read_bytes() if path.exists() else None


def _texts(attention):
    """Frames of each text, and the highest relevance of its words; [CLS] had a 1 of its own in older files."""
    if not attention or "image" in attention[0]:
        return []
    names = dict.fromkeys(frame["name"] for frame in attention)
    each = [[frame for frame in attention if frame["name"] == name] for name in names]
    return [(frames, max(max(frame["relevance"][1:]) for frame in frames) or 1.0) for frames in each]
