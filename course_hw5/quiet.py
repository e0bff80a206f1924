"""Keeps TensorFlow's log lines off the terminal: `TF_CPP_MIN_LOG_LEVEL`, obeyed from the first line on.

TensorFlow writes its first lines while its libraries are loaded, before it has read that variable. So they are filtered: by a
process of its own, which also passes on what TensorFlow says if it ends this one.
"""

import contextlib
import importlib.util
import os
import subprocess
import sys

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
    """Hides log lines up to errors, unless the user has set `TF_CPP_MIN_LOG_LEVEL`; of an import that is still to come."""
    level = os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if level in ("1", "2", "3") and "tensorflow" not in sys.modules:
        sys.meta_path.insert(0, _Finder("IWE"[: int(level)]))


class _Finder:
    """Finds TensorFlow as it would be found, and filters what its import writes; knows no other module."""

    def __init__(self, severities):
        self.severities = severities

    def find_spec(self, name, path=None, target=None):
        if name != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None:
            load = spec.loader.exec_module

            def exec_module(module):
                with _filtered_stderr(self.severities):
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
