"""Runs a submission in a process of its own, with limits, and asks it for answers."""

import contextlib
import dataclasses
import functools
import itertools
import json
import os
import pathlib
import secrets
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any

import course_hw5
from course_hw5.grading import wire

# From the strongest: what `unshare` is called with, and whether the process becomes another user.
NAMESPACES = ("--net", "--pid", "--fork", "--mount", "--ipc", "--kill-child")
ISOLATIONS = {
    "namespaces and another user": (NAMESPACES, True),
    "namespaces": (("--user", "--map-root-user", *NAMESPACES), False),
    "limits": ((), False),
}
KEPT = ("PATH", "LANG", "PYTHONPATH", "VIRTUAL_ENV", "TFDS_DATA_DIR")
USERS = itertools.cycle(range(61_000, 65_000))  # each process its own, since the number of processes is counted per user
WITH_PARENT = ("setpriv", "--pdeathsig", "KILL") if shutil.which("setpriv") else ()  # ends if the grader is killed
PROBE = "import decimal, json, socket, numpy, course_hw5.grading.variant\ncan_run = True"  # another user may not read Python
GRACE = 5  # seconds beyond the limit, in which a submission can still report its own timeout
START = 120  # seconds for the process to begin, on a busy computer


@dataclasses.dataclass(frozen=True)
class Limits:
    """Of one submission.

    Attributes:
        seconds: of one cell, or of one call of a function.
        total_seconds: of the whole submission, by the clock and of processor time.
        memory: address space, in bytes; TensorFlow alone takes up to 4 GB of it.
        processes: and threads.
        file_size: in bytes.
    """

    seconds: float = 120
    total_seconds: float = 900
    memory: int = 8_000_000_000
    processes: int = 200
    file_size: int = 200_000_000


class Ended(Exception):
    """The process is gone; the message says why."""


class Sandbox:
    """The process of one submission; a context manager that ends it, with all that it has started.

    Args:
        cells: code to run, in order; an error in one does not stop the next.
        skipped: numbers of cells that are left out.
        limits: of the process.
        hidden: files and folders that the submission must not read, as `coverable` gives them.
        isolation: a key of `ISOLATIONS`.

    Attributes:
        errors: dict from the number of a cell to what it raised.
        running: number of the cell that was begun last; None once all have run.
    """

    def __init__(self, cells: Sequence[str], skipped: Sequence[int], limits: Limits, hidden: Sequence[str], isolation: str):
        self.limits, self.errors = limits, {}
        self.running: int | None = None
        self.deadline = time.monotonic() + limits.total_seconds
        self.folder = tempfile.mkdtemp(prefix="course-hw5-")
        self.log, self.received = tempfile.TemporaryFile(), b""  # noqa: SIM115
        options, is_other_user = ISOLATIONS[isolation]
        told = {
            "isolation": "limits" if isolation == "limits" else "namespaces",
            "folder": self.folder,
            "hidden": [path for path in hidden if os.path.exists(path)],
            "user": next(USERS) if is_other_user else None,
            "cpu_seconds": int(limits.total_seconds),
            **{name: getattr(limits, name) for name in ("memory", "processes", "file_size")},
        }
        command = [sys.executable, "-m", "course_hw5.grading.confine", json.dumps(told)]
        self.process = subprocess.Popen(
            [*WITH_PARENT, "unshare", *options, *command] if options else command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            cwd=pathlib.Path(course_hw5.__file__).parents[1],
            env=environment(self.folder),
            start_new_session=True,
        )
        assert self.process.stdin and self.process.stdout
        self.requests, self.replies = self.process.stdin, self.process.stdout
        os.set_blocking(self.requests.fileno(), False)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.replies, selectors.EVENT_READ)
        self.key = secrets.token_hex(8)  # what a submission writes into the connection has none
        self.cells = list(cells)
        self.first = {"cells": self.cells, "skipped": list(skipped), "seconds": limits.seconds, "key": self.key}

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_) -> None:
        self.selector.close()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)  # with a namespace of processes, all in it end with their first
        self.process.wait()
        for stream in (self.requests, self.replies, self.log):
            with contextlib.suppress(OSError):
                stream.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self) -> None:
        """Runs all cells.

        Raises:
            Ended: if one ended the process.
        """
        self._send(self.first)
        seconds: float = START
        while "ran" not in (reply := self._receive(seconds)):
            if (cell := reply.get("cell")) not in range(len(self.cells)):
                raise Ended("what it sent cannot be read: a cell that there is not")
            seconds, self.running = self.limits.seconds + GRACE, cell
            if "error" in reply:
                self.errors[self.running] = str(reply["error"])
        self.running = None

    def ask(self, name: str, arguments: Sequence[Any] | None) -> Any:
        """The value of a name, or what the function of that name returns; None where there is none.

        Raises:
            ValueError: if the function raised one, or its value cannot be sent.
            Ended: if the call ended the process.
        """
        self._send({"name": name, "arguments": None if arguments is None else wire.encode(arguments)})
        reply = self._receive(self.limits.seconds + GRACE)
        if "value" not in reply and "error" not in reply:
            raise Ended("what it sent cannot be read: no answer")
        if "error" in reply:
            raise ValueError(str(reply["error"]))
        return wire.decode(reply["value"])

    def _send(self, message):
        left, until = memoryview(wire.write(message)), time.monotonic() + self.limits.seconds + GRACE + START
        while left:
            try:
                left = left[os.write(self.requests.fileno(), left) :]
            except BlockingIOError:
                if time.monotonic() > until:
                    raise Ended("it does not listen") from None
                time.sleep(0.005)
            except OSError as error:
                raise Ended(self._why()) from error

    def _receive(self, seconds):
        """The next message, within a time and a size."""
        until = min(time.monotonic() + seconds, self.deadline)
        while b"\n" not in self.received:
            if (left := until - time.monotonic()) <= 0 or not self.selector.select(left):
                limit = self.limits.seconds if time.monotonic() < self.deadline else self.limits.total_seconds
                raise Ended(f"it took more than {limit:g} seconds")
            content = os.read(self.replies.fileno(), 1 << 20)
            self.received += content
            if not content:
                raise Ended(self._why())
            if len(self.received) > wire.MAX_BYTES:
                raise Ended("its answer is too large")
        line, _, self.received = self.received.partition(b"\n")
        try:
            message = wire.read(line)
            if message.get("key") != self.key:
                raise wire.NotSent("a message that is not of its process")
            return message
        except wire.NotSent as error:
            raise Ended(f"what it sent cannot be read: {error}") from error

    def _why(self):
        """What ended the process."""
        try:
            code = self.process.wait(1)
        except subprocess.TimeoutExpired:
            return "it closed its connection"
        self.log.seek(0)
        lines = self.log.read(10_000).decode(errors="replace").split("\n")
        told = next((line for line in reversed(lines) if line.strip()), "")
        return f"its process ended with exit code {code}" + (f": {told[:200]}" if told else "")


def environment(folder: str) -> dict[str, str]:
    """Variables of a submission's process: nothing of the grader's but where Python is and where data are."""
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    own = {"HOME": folder, "TMPDIR": folder, "USER": "student", "LOGNAME": "student", "MPLBACKEND": "Agg"}
    quiet = {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONDONTWRITEBYTECODE": "1"}
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return kept | own | quiet | dict.fromkeys(threads, "1") | {"COURSE_HW5_GRADING": "1"}


def coverable(paths: Sequence[str]) -> list[str]:
    """The absolute paths of files and folders that may be hidden: those that hold neither Python nor this package."""
    needed = [sys.prefix, sys.base_prefix, course_hw5.__file__, tempfile.gettempdir(), *sys.path]
    needed += [os.environ[name] for name in KEPT if name.endswith("DIR") and name in os.environ]
    whole = [pathlib.Path(path).resolve() for path in needed if path]
    hidden = [pathlib.Path(path).resolve() for path in paths]
    return sorted({str(path) for path in hidden if not any(one.is_relative_to(path) for one in whole)})


@functools.cache
def best_isolation() -> str:
    """The strongest isolation that works on this computer, found by trying."""
    for name in ISOLATIONS:
        if name != "limits" and not shutil.which("unshare"):
            continue
        with contextlib.suppress(Ended, OSError, ValueError), Sandbox([PROBE], [], Limits(20, 60), [], name) as sandbox:
            sandbox.run()
            if sandbox.ask("can_run", None) is True:
                return name
    raise OSError("No process with limits could be started; grading needs Linux.")
