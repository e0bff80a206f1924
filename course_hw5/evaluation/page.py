"""A run folder to one page, `index.html`, that opens offline: nothing in it is fetched."""

import html
import json

import numpy as np
import pandas as pd

from course_hw5.evaluation import elements, metrics, run_folder

FILES = ("config.json", "history.csv", "metrics.json", "confusion_matrix.csv")
MISTAKES_HINT = (
    "Rows are the true classes, columns the predicted ones. Click a cell (or reach it with Tab and press Enter) to see its "
    "mistakes, most confident first."
)
PIXELS_HINT = "Percent of the pixels of each true class (rows) by predicted class (columns). Click a cell for the count."
METRICS = {
    "accuracy": "accuracy",
    "precision": "weighted precision",
    "recall": "weighted recall",
    "f1": "weighted F1",
    "mean_iou": "mean IoU",
    "mean_accuracy": "mean class accuracy",
    "pixel_accuracy": "pixel accuracy",
}


def write_page(run_dir):
    """Writes `index.html` from the other files of a finished run folder.

    Args:
        run_dir: folder with `config.json`, `history.csv`, `metrics.json`, `classification_report.json` or, of a segmenter,
            `class_scores.csv`, `confusion_matrix.csv`, the figures and, where they are, `mistakes.json`, `attention.json` and
            `scenes.json`.

    Returns:
        Path of the page.

    Raises:
        FileNotFoundError: if one of the files is missing.
        ValueError: if one of the JSON files is damaged, or examples have several labels: there is no confusion matrix then.
    """
    run_dir = run_folder.local_path(run_dir)
    is_segmenter = (run_dir / "class_scores.csv").exists()
    if not is_segmenter and (run_dir / "classification_report.json").exists():
        metrics.check_single_label(run_folder.read_json(run_dir / "classification_report.json"), run_dir)
    run_folder.require_files(run_dir, FILES if is_segmenter else (*FILES, "classification_report.json"))
    config, tested = (run_folder.read_json(run_dir / name) for name in ("config.json", "metrics.json"))
    scores = _pixel_scores(run_dir) if is_segmenter else _class_scores(run_dir)
    history = run_folder.read_history(run_dir)
    matrix = pd.read_csv(run_dir / "confusion_matrix.csv", index_col="true").to_numpy()
    mistakes = run_dir / "mistakes.json"
    class_names = metrics.distinct_names(config["data"]["class_names"])
    facts = {
        "classes": class_names,
        "matrix": matrix.tolist(),
        "unit": "pixels" if is_segmenter else "",
        "mistakes": json.loads(mistakes.read_text(encoding="utf-8")) if mistakes.exists() else [],
    }
    page = elements.fill(
        "page.html",
        title=html.escape(" · ".join([config["model"]["name"], *_name_parts(config), run_dir.resolve().name])),
        javascript=(elements.ASSETS / "page.js").read_text(encoding="utf-8"),
        facts=json.dumps(facts).replace("<", "\\u003c"),  # no text can end the script element
        tiles=_tiles(tested, history, config),
        findings=elements.items(findings(history, scores, matrix, class_names, config)),
        figures="".join(_figure(run_dir / f"{metric}.png") for metric in run_folder.CURVES),
        matrix_hint=PIXELS_HINT if is_segmenter else MISTAKES_HINT,
        matrix_figure=_figure(run_dir / "confusion_matrix.png"),
        attention=_time_lapse(run_dir) + _scenes(run_dir),
        report=_report_table(scores, len(class_names)),
        settings=_settings_table(config),
        tensorboard=html.escape(f"tensorboard --logdir {run_dir}"),
        files="".join(
            f'<li><a href="{html.escape(path.name)}">{html.escape(path.name)}</a></li>'
            for path in sorted(run_dir.iterdir())
            if path.is_file() and path.name != "index.html" and not path.name.startswith(".")
        ),
    )
    run_folder.write_text(run_dir / "index.html", page)
    return run_dir / "index.html"


def _class_scores(run_dir):
    """scikit-learn's report as a table: classes, then averages, in rows."""
    report = run_folder.read_json(run_dir / "classification_report.json")
    rows = {name: scores for name, scores in report.items() if isinstance(scores, dict)}
    scores = pd.DataFrame(rows).T.astype({"support": int})
    return scores[["precision", "recall", "f1-score", "support"]].rename(columns={"f1-score": "F1"})


def _pixel_scores(run_dir):
    options = {"index_col": "class", "dtype": {"class": str}, "keep_default_na": False, "na_values": [""]}  # a class "None"
    scores = pd.read_csv(run_dir / "class_scores.csv", **options).rename(columns={"iou": "IoU"})
    mean = scores[["IoU", "accuracy"]].mean()
    return pd.concat([scores, pd.DataFrame([mean], index=["mean"])])[["accuracy", "share", "IoU"]]


def findings(history, scores, matrix, class_names, config):
    """Says in a few sentences what a reader would find in the figures.

    Args:
        history: `pandas.DataFrame` of `history.csv`.
        scores: `pandas.DataFrame` with a row per class, whose score is in the column "F1" or "IoU".
        matrix: integer array `(classes, classes)`, truth in rows.
        class_names: one name per class.
        config: dict of `config.json`.

    Returns:
        List of sentences.
    """
    monitor = config["settings"]["monitor"]
    values = history[monitor]
    if values.isna().all():
        lines = [f"{monitor} was not a number in any epoch; the first was tested."]
    else:
        best = history.loc[values.idxmin() if monitor.endswith("loss") else values.idxmax()]
        lines = [
            f"Epoch {int(best['epoch'])} of {len(history)} was the best by {monitor} ({best[monitor]:.4f}); it was tested."
        ]
    if values.notna().any() and {"accuracy", "val_accuracy"} <= {*history}:
        gap = best["accuracy"] - best["val_accuracy"]
        lines.append(
            f"There the accuracy in training was {abs(gap):.3f} {'above' if gap > 0 else 'below'} that in validation: "
            + (
                "the model has begun to learn its training data by heart."
                if gap > 0.1
                else "no sign of learning by heart."
                if gap > 0
                else "training is the harder task here (augmentation or dropout act only there)."
            )
        )
    measure = "F1" if "F1" in scores else "IoU"
    values = scores[measure].iloc[: len(class_names)]  # averages follow
    if values.notna().any():
        easiest, hardest = values.idxmax(), values.idxmin()
        lines.append(
            f"Easiest class: {easiest} ({measure} {values[easiest]:.2f}); hardest: {hardest} ({measure} {values[hardest]:.2f})."
        )
    errors = matrix * (1 - np.eye(len(matrix), dtype=int))
    if errors.any():
        true, predicted = np.unravel_index(errors.argmax(), errors.shape)
        share = errors[true, predicted] / matrix[true].sum()
        lines.append(f"Most frequent mistake: {share:.0%} of {class_names[true]} are taken for {class_names[predicted]}.")
    if config["data"]["note"]:
        lines.append(f"Data: {config['data']['note']}.")
    return lines


def _name_parts(config):
    return [str(config["arguments"][name]) for name in ("dataset", "recipe") if name in config["arguments"]]


def _tiles(metrics, history, config):
    tiles = {label: f"{metrics[name]:.4f}" for name, label in METRICS.items() if name in metrics}
    tiles |= {
        "test examples": f"{metrics['examples']:,}",
        "parameters": elements.short_number(config["model"]["parameters"]),
        "epochs": str(len(history)),
    }
    if "training_seconds" in metrics:
        tiles["training"] = f"{metrics['training_seconds'] / 60:.1f} min"
    return elements.tiles(tiles)


def _figure(path, is_photo=False):
    return elements.picture(path.read_bytes(), path.stem.replace("_", " "), is_photo) if path.exists() else ""


def _time_lapse(run_dir):
    """What the model made of the same few sentences or pictures after each epoch."""
    path = run_dir / "attention.json"
    if not path.exists():
        return ""
    frames = json.loads(path.read_text(encoding="utf-8"))
    by_name = {name: [frame for frame in frames if frame["name"] == name] for name in dict.fromkeys(f["name"] for f in frames)}
    are_pictures = "image" in frames[0]
    tables = _picture_lapse(by_name) if are_pictures else "".join(map(_sentence_lapse, by_name.values()))
    return (
        "<section><h2>Attention as training went</h2>"
        f"<p class='hint'>How much each {'patch' if are_pictures else 'token'} spoke for the answer, which is read from "
        f"{'all patches' if are_pictures else '[CLS]'}: attention times gradient, through all layers (Chefer et al. 2021). "
        "Epoch 0 is before training; a click opens the heads.</p>"
        f"<div class='lapses'>{tables}</div></section>"
    )


def _sentence_lapse(frames):
    """A row per epoch, a cell per token coloured by its relevance, the probability."""
    highest = max(max(frame["relevance"][1:]) for frame in frames) or 1.0  # of words; [CLS] had a 1 of its own in older files
    head = "".join(f"<th><bdi>{html.escape(token)}</bdi></th>" for token in frames[0]["tokens"])
    rows = [
        f'<tr><th><a href="{html.escape(frame["page"])}">{frame["epoch"]}</a></th>'
        + f"<td><b>{frame['probability']:.3f}</b></td>"
        + "".join(f'<td style="--weight:{min(1, w / highest):.3f}">{w:.3f}</td>' for w in frame["relevance"])
        + "</tr>"
        for frame in frames
    ]
    return (
        f"<table class='lapse'><thead><tr><th>epoch</th><th>{html.escape(frames[0]['answer'])}</th>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _picture_lapse(by_name):
    """A row per picture, a column per epoch: the picture under its relevance, the answer, its probability."""
    epochs = dict.fromkeys(frame["epoch"] for frames in by_name.values() for frame in frames)
    rows = [
        f"<tr><th>{html.escape(name)}</th>"
        + "".join(
            f"<td>{_linked(frame)}<br>{html.escape(frame['answer'])} <b>{frame['probability']:.2f}</b></td>" for frame in frames
        )
        + "</tr>"
        for name, frames in by_name.items()
    ]
    head = "".join(f"<th>{epoch}</th>" for epoch in epochs)
    return f"<table class='lapse'><thead><tr><th>epoch</th>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _linked(frame):
    picture = f'<img src="{frame["image"]}" alt="{html.escape(frame["name"])}, epoch {frame["epoch"]}">'
    return f'<a href="{html.escape(frame["page"])}">{picture}</a>' if "page" in frame else picture


def _report_table(scores, classes):
    """A row per class, then averages; shares as bars, counts as numbers."""
    rows = []
    for number, (name, row) in enumerate(scores.iterrows()):
        cells = "".join(_cell(value, scores[column].dtype.kind == "i") for column, value in row.items())
        kind = ' class="average"' if number >= classes else ""
        rows.append(f"<tr{kind}><th>{html.escape(str(name))}</th>{cells}</tr>")
    head = "".join(f"<th>{name}</th>" for name in ("", *scores.columns))
    return f"<table class='report'><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _cell(value, is_count):
    if is_count or value != value:  # NaN: nothing to tell
        return f"<td>{value:.0f}</td>" if is_count else "<td></td>"
    return f'<td style="--share:{value:.4f}">{value:.2f}</td>'


def _scenes(run_dir):
    """What a segmenter made of the same few pictures after each few epochs, and of test pictures at the end."""
    path, gallery = run_dir / "scenes.json", _figure(run_dir / "gallery.png", is_photo=True)
    lapse = ""
    if path.exists():
        frames = json.loads(path.read_text(encoding="utf-8"))
        lapse = _picture_lapse({name: [f for f in frames if f["name"] == name] for name in {f["name"]: 0 for f in frames}})
        lapse = (
            "<section><h2>Label maps as training went</h2><p class='hint'>The same pictures after each few epochs; epoch 0 is "
            f"before training.</p><div class='lapses'>{lapse}</div></section>"
        )
    return lapse + (f"<section><h2>Test pictures</h2><div class='figures'>{gallery}</div></section>" if gallery else "")


def _settings_table(config):
    rows = []
    for part in ("arguments", "settings", "model", "versions"):
        rows.append(f"<tr><th colspan=2>{part}</th></tr>")
        rows += [f"<tr><td>{html.escape(k)}</td><td>{html.escape(str(v))}</td></tr>" for k, v in config[part].items()]
    command = f"<tr><th colspan=2>command</th></tr><tr><td colspan=2><code>{html.escape(config['command'])}</code></td></tr>"
    return f"<table class='settings'>{''.join(rows)}{command}</table>"
