"""How TensorFlow is loaded: without its log on the terminal, and, by a command, without what the command does not need.

TensorFlow writes its first lines while its libraries are loaded, before it has read `TF_CPP_MIN_LOG_LEVEL`. So they are
filtered by a second process, which still passes on the last words of an import that crashes this one.
"""

import contextlib
import gc
import importlib.machinery
import os
import subprocess
import sys
import warnings

# "I0000 00:00:1795885007.942673    6295 port.cc:153] oneDNN custom operations are on."
FILTER = r"""
import re, sys
line = rb"[%b]\d{4} \d\d:\d\d:\d[\d.]* +\d+ \S+:\d+\] |WARNING: All log messages before absl::InitializeLog"
log = re.compile(line % sys.argv[1].encode())
for line in sys.stdin.buffer:
    if not log.match(line):
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
"""


def install():
    """Hides TensorFlow's log, its errors included; what was imported before, or a `TF_CPP_MIN_LOG_LEVEL` of the user, stays."""
    warnings.filterwarnings("ignore", "IProgress not found")  # of tqdm in notebooks, which Keras's libraries import
    level = os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if level in ("1", "2", "3") and "tensorflow" not in sys.modules:
        sys.meta_path.insert(0, _Finder("IWE"[: int(level)]))


@contextlib.contextmanager
def lean(extras=("IPython", "kagglehub", "matplotlib", "pandas", "scipy", "sklearn")):
    """Imports Keras without its optional libraries, which take half of the time. Only for commands, which need none of them.

    Keras then accepts no data frames, wraps no scikit-learn and draws no models. Later imports find the libraries.

    Args:
        extras: names of libraries that count as not installed.
    """
    left_out = [name for name in extras if name not in sys.modules]
    sys.modules.update(dict.fromkeys(left_out))  # None: Python finds no library of that name
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

    def __init__(self, severities):
        self.severities = severities

    def find_spec(self, name, path=None, target=None):
        spec = importlib.machinery.PathFinder.find_spec(name, path) if name == "tensorflow" else None
        if spec is not None:
            load = spec.loader.exec_module

            def exec_module(module):
                with _filtered_stderr(self.severities), _no_collection():
                    load(module)

            spec.loader.exec_module = exec_module
        return spec


@contextlib.contextmanager
def _filtered_stderr(severities):
    """Drops log lines of these severities, a string of "I", "W" and "E", that are written to file descriptor 2."""
    try:
        stderr = os.dup(2)
    except OSError:  # it is closed
        yield
        return
    try:
        command = [sys.executable, "-I", "-S", "-c", FILTER, severities]
        # in a session of its own: Ctrl-C ends the import, whose traceback is still to be passed on
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=stderr, start_new_session=True)
    except OSError:
        os.close(stderr)
        yield
        return
    try:
        os.dup2(process.stdin.fileno(), 2)
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)
