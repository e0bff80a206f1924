"""How TensorFlow is loaded: without its log on the terminal, and, by a command, without what the command does not need.

TensorFlow writes its first lines while its libraries are loaded, before it has read `TF_CPP_MIN_LOG_LEVEL`. So they are
filtered by a second process, which still passes on the last words of an import that crashes this one. Commands
are filtered as a whole: TensorFlow 2.20 also logs when XLA compiles, whatever the level.
"""

import contextlib
import gc
import importlib.machinery
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator, Sequence

# "I0000 00:00:1795885007.942673    6295 port.cc:153] oneDNN custom operations are on."
FILTER = r"""
import os, re, sys
line = rb"[%b]\d{4} \d\d:\d\d:\d[\d.]* +\d+ \S+:\d+\] |WARNING: All log messages before absl::InitializeLog"
log, held = re.compile(line % sys.argv[1].encode()), b""
while chunk := os.read(0, 1 << 16):
    *lines, held = (held + chunk).split(b"\n")
    shown = b"".join(line + b"\n" for line in lines if not log.match(line))
    if held[:1] not in b"IWE":  # not a log line: a progress bar must not wait for its newline
        shown, held = shown + held, b""
    sys.stdout.buffer.write(shown)
    sys.stdout.buffer.flush()
sys.stdout.buffer.write(b"" if log.match(held) else held)
"""
_FILTERED = []  # the process that filters now


def install() -> None:
    """Hides TensorFlow's log, its errors included; what was imported before, or a `TF_CPP_MIN_LOG_LEVEL` of the user, stays."""
    warnings.filterwarnings("ignore", "IProgress not found")  # of tqdm in notebooks, which Keras's libraries import
    warnings.filterwarnings("ignore", "Protobuf gencode version")  # of a protobuf that is newer than TensorFlow's
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if "tensorflow" not in sys.modules:
        sys.meta_path.insert(0, _Finder())


@contextlib.contextmanager
def lean(extras: Sequence[str] = ("IPython", "kagglehub", "matplotlib", "pandas", "scipy", "sklearn")) -> Iterator[None]:
    """Imports Keras without its optional libraries, which take half of the time. Only for commands, which need none of them.

    Keras then accepts no data frames, wraps no scikit-learn and draws no models. Later imports find the libraries.

    Args:
        extras: names of libraries that count as not installed.
    """
    left_out = [name for name in extras if name not in sys.modules]
    sys.modules.update(dict.fromkeys(left_out))  # type: ignore[arg-type]  # Python finds no library of that name
    try:
        with _no_collection():
            yield
            gc.freeze()  # what is imported stays
    finally:
        for name in left_out:
            del sys.modules[name]


@contextlib.contextmanager
def _no_collection():
    """Turns the garbage collector off: it takes a fourth of the time of imports, which leave no garbage."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class _Finder:
    """Finds TensorFlow where it is installed, and filters what its import writes; knows no other module."""

    def find_spec(self, name, path=None, target=None):
        spec = importlib.machinery.PathFinder.find_spec(name, path) if name == "tensorflow" else None
        if spec is not None:
            spec.loader.exec_module = quiet()(_no_collection()(spec.loader.exec_module))
        return spec


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Drops the log lines that `TF_CPP_MIN_LOG_LEVEL` hides from what is written to file descriptor 2."""
    level = os.environ.get("TF_CPP_MIN_LOG_LEVEL", "")
    if level not in ("1", "2", "3") or _FILTERED:
        yield
        return
    try:
        stderr = os.dup(2)
    except OSError:  # it is closed
        yield
        return
    # in a session of its own: Ctrl-C ends the import, whose traceback is still to be passed on
    command = [sys.executable, "-I", "-S", "-c", FILTER, "IWE"[: int(level)]]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=stderr, start_new_session=True)
    assert process.stdin is not None  # a pipe
    _FILTERED.append(process)
    try:
        os.dup2(process.stdin.fileno(), 2)
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)
        _FILTERED.remove(process)
