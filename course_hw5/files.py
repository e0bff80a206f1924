"""Files that are written whole or not at all, and JSON objects."""

import contextlib
import json
import os
import pathlib
from collections.abc import Iterator

AnyPath = str | os.PathLike


def local_path(path: AnyPath) -> pathlib.Path:
    """A `pathlib.Path`, its leading ~ the home folder, as pandas and shells read it."""
    return pathlib.Path(os.path.expanduser(path))


@contextlib.contextmanager
def atomic_write(path: AnyPath) -> Iterator[pathlib.Path]:
    """Yields a path beside `path`, with the same suffixes; what was written there replaces `path` when the block ends.

    A block that raises, or a process that is killed in it, leaves `path` as it was. An OSError, such as that of a full disk,
    names `path`.
    """
    path = local_path(path)
    partial = path.with_name(f".partial-{os.getpid()}-{path.name}")
    try:
        yield partial
        os.replace(partial, path)
    except OSError as error:
        if error.filename is None or error.filename2 is None:
            error.filename = str(path)
        raise
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: AnyPath, text: str) -> None:
    """Writes `text` (UTF-8) to `path` atomically; lone surrogates, which UTF-8 cannot hold, are escaped."""
    with atomic_write(path) as partial:
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")


def read_object(path: pathlib.Path) -> dict:
    """The content of a JSON file that holds an object; an empty one where there is no such file."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")).items()) if path.exists() else {}
    except (ValueError, AttributeError) as error:
        raise ValueError(f"{path} must be a JSON object. Received: {error}") from error
