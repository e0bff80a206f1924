"""The run folder: opened for a new or a resumed run; each file written whole or not at all."""

import contextlib
import json
import os
import pathlib
import shutil


@contextlib.contextmanager
def replacing(path):
    """Yields a path beside `path`, with the same suffixes; what was written there replaces `path` when the block ends.

    A block that raises, or a process that is killed in it, leaves `path` as it was.
    """
    path = pathlib.Path(path)
    partial = path.with_name(f".partial-{os.getpid()}-{path.name}")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path, text):
    """Writes `text` (UTF-8) to `path` atomically."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path, value):
    """Writes `value` as indented JSON to `path` atomically."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_figure(path, figure):
    """Saves a matplotlib figure to `path` atomically; the suffix decides the format."""
    with replacing(path) as partial:
        figure.savefig(partial, dpi=144)


def open_run(run_dir, config, resume=False, overwrite=False):
    """Makes a run folder with `config.json`, or checks that a run with the same settings can go on in it.

    Raises:
        FileExistsError: if the folder holds files and neither `resume` nor `overwrite` is set.
        ValueError: if a run to be resumed was started with other settings, or the folder holds no run.
        OSError: if the folder cannot be written.
    """
    run_dir = pathlib.Path(run_dir)
    if run_dir.exists() and not run_dir.is_dir():
        raise FileExistsError(f"The run folder must be a folder. Received: the file {run_dir}")
    if run_dir.is_dir() and any(run_dir.iterdir()):
        if not (resume or overwrite):
            raise FileExistsError(f"The run folder {run_dir} holds files: add --resume to go on or --overwrite to start anew")
        if not (run_dir / "config.json").exists():
            verb = "resumed" if resume else "overwritten"
            raise ValueError(f"The run folder {run_dir} must hold config.json to be {verb}. Received: no such file")
        if resume:
            _check_same_settings(run_dir, config)
            return
        shutil.rmtree(run_dir)
    run_dir.mkdir(parents=True, exist_ok=True)
    write_json(run_dir / "config.json", config)


def _check_same_settings(run_dir, config):
    started = json.loads((run_dir / "config.json").read_text())
    for part in ("settings", "arguments", "model"):
        for name in started[part].keys() | config[part].keys():
            before, now = started[part].get(name), config[part].get(name)
            if before != now:
                raise ValueError(f"The run in {run_dir} was started with {name} = {before}. Received: {now}")
