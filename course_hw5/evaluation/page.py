"""A run folder to one page, `index.html`, that opens offline: nothing in it is fetched."""

import html
import json
import pathlib

import numpy as np
import pandas as pd

from course_hw5.evaluation import elements, run_folder

FILES = ("config.json", "history.csv", "metrics.json", "classification_report.json", "confusion_matrix.csv")
FIGURES = ("accuracy.png", "loss.png", "confusion_matrix.png")


def write_page(run_dir):
    """Writes `index.html` from the other files of a finished run folder.

    Args:
        run_dir: folder with `config.json`, `history.csv`, `metrics.json`, `classification_report.json`,
            `confusion_matrix.csv`, the figures and, where they are, `mistakes.json` and `attention.json`.

    Returns:
        Path of the page.

    Raises:
        FileNotFoundError: if one of the files is missing.
        ValueError: if one of the JSON files is damaged.
    """
    run_dir = pathlib.Path(run_dir)
    run_folder.require_files(run_dir, FILES)
    config, metrics, report = (
        run_folder.read_json(run_dir / name) for name in ("config.json", "metrics.json", "classification_report.json")
    )
    history = run_folder.read_history(run_dir)
    matrix = pd.read_csv(run_dir / "confusion_matrix.csv", index_col="true").to_numpy()
    mistakes = run_dir / "mistakes.json"
    class_names = config["data"]["class_names"]
    facts = {
        "classes": class_names,
        "matrix": matrix.tolist(),
        "mistakes": json.loads(mistakes.read_text()) if mistakes.exists() else [],
    }
    page = elements.fill(
        "page.html",
        title=html.escape(" · ".join([config["model"]["name"], *_name_parts(config), run_dir.resolve().name])),
        javascript=(elements.ASSETS / "page.js").read_text(),
        facts=json.dumps(facts).replace("<", "\\u003c"),  # no text can end the script element
        tiles=_tiles(metrics, history, config),
        findings=elements.items(findings(history, report, matrix, class_names, config)),
        figures="".join(_figure(run_dir / name) for name in FIGURES[:2]),
        matrix_figure=_figure(run_dir / FIGURES[2]),
        attention=_time_lapse(run_dir),
        report=_report_table(report, class_names),
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


def findings(history, report, matrix, class_names, config):
    """Says in a few sentences what a reader would find in the figures.

    Args:
        history: `pandas.DataFrame` of `history.csv`.
        report: dict of `classification_report.json`.
        matrix: integer array `(classes, classes)`, truth in rows.
        class_names: one name per class.
        config: dict of `config.json`.

    Returns:
        List of sentences.
    """
    monitor = config["settings"]["monitor"]
    values = history[monitor]
    best = history.loc[values.idxmin() if monitor.endswith("loss") else values.idxmax()]
    lines = [f"Epoch {int(best['epoch'])} of {len(history)} was the best by {monitor} ({best[monitor]:.4f}); it was tested."]
    if {"accuracy", "val_accuracy"} <= {*history}:
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
    scores = {name: report[name]["f1-score"] for name in class_names}
    easiest, hardest = max(scores, key=scores.get), min(scores, key=scores.get)
    lines.append(f"Easiest class: {easiest} (F1 {scores[easiest]:.2f}); hardest: {hardest} (F1 {scores[hardest]:.2f}).")
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
    tiles = {
        "accuracy": f"{metrics['accuracy']:.4f}",
        "weighted precision": f"{metrics['precision']:.4f}",
        "weighted recall": f"{metrics['recall']:.4f}",
        "weighted F1": f"{metrics['f1']:.4f}",
        "test examples": f"{metrics['examples']:,}",
        "parameters": f"{config['model']['parameters'] / 1e6:.1f} M",
        "epochs": str(len(history)),
    }
    if "training_seconds" in metrics:
        tiles["training"] = f"{metrics['training_seconds'] / 60:.1f} min"
    return elements.tiles(tiles)


def _figure(path):
    return elements.picture(path.read_bytes(), path.stem.replace("_", " ")) if path.exists() else ""


def _time_lapse(run_dir):
    """What the model made of the same few sentences or pictures after each epoch."""
    path = run_dir / "attention.json"
    if not path.exists():
        return ""
    frames = json.loads(path.read_text())
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
    highest = max(max(frame["relevance"][1:]) for frame in frames) or 1.0  # [CLS] holds its own start, 1, too
    head = "".join(f"<th><bdi>{html.escape(token)}</bdi></th>" for token in frames[0]["tokens"])
    rows = [
        f'<tr><th><a href="{html.escape(frame["page"])}">{frame["epoch"]}</a></th>'
        + f"<td><b>{frame['probability']:.3f}</b></td>"
        + "".join(f'<td style="--weight:{min(1, w / highest):.3f}">{w:.3f}</td>' for w in frame["relevance"])
        + "</tr>"
        for frame in frames
    ]
    return (
        f"<table class='lapse'><thead><tr><th>epoch</th><th>positive</th>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _picture_lapse(by_name):
    """A row per picture, a column per epoch: the picture under its relevance, the answer, its probability."""
    epochs = dict.fromkeys(frame["epoch"] for frames in by_name.values() for frame in frames)
    rows = [
        f"<tr><th>{html.escape(name)}</th>"
        + "".join(
            f'<td><a href="{html.escape(frame["page"])}"><img src="{frame["image"]}" alt="relevance of patches"></a><br>'
            f"{html.escape(frame['answer'])} <b>{frame['probability']:.2f}</b></td>"
            for frame in frames
        )
        + "</tr>"
        for name, frames in by_name.items()
    ]
    head = "".join(f"<th>{epoch}</th>" for epoch in epochs)
    return f"<table class='lapse'><thead><tr><th>epoch</th>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _report_table(report, class_names):
    columns = ("precision", "recall", "f1-score")
    rows = []
    for name in [*class_names, "macro avg", "weighted avg"]:
        cells = "".join(f'<td style="--share:{report[name][c]:.4f}">{report[name][c]:.2f}</td>' for c in columns)
        kind = ' class="average"' if name.endswith(" avg") else ""
        rows.append(f"<tr{kind}><th>{html.escape(name)}</th>{cells}<td>{report[name]['support']:.0f}</td></tr>")
    head = "".join(f"<th>{name}</th>" for name in ("", *columns, "support"))
    return f"<table class='report'><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _settings_table(config):
    rows = []
    for part in ("arguments", "settings", "model", "versions"):
        rows.append(f"<tr><th colspan=2>{part}</th></tr>")
        rows += [f"<tr><td>{html.escape(k)}</td><td>{html.escape(str(v))}</td></tr>" for k, v in config[part].items()]
    command = f"<tr><th colspan=2>command</th></tr><tr><td colspan=2><code>{html.escape(config['command'])}</code></td></tr>"
    return f"<table class='settings'>{''.join(rows)}{command}</table>"
