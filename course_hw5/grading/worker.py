"""The process of one submission: runs its cells, then calls its functions with what the grader sends.

It knows no check and no expected value. `confine` has limited it before.
"""

import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from typing import Any

from course_hw5.grading import wire

CROWD = 16  # processes


def serve(requests: Any, replies: Any) -> None:
    """Answers requests until there is none: first {"cells", "skipped", "seconds"}, then {"name", "arguments"}.

    Args:
        requests, replies: binary files, one message per line.
    """
    own = os.getpid()

    def reply(**message):
        if os.getpid() != own:  # a fork of the submission's
            signal.raise_signal(signal.SIGKILL)
        replies.write(wire.write({"key": first["key"], **message}))
        replies.flush()

    first = wire.read(requests.readline())
    seconds, names = first["seconds"], {"__name__": "__main__", "display": lambda *_, **__: None}
    for number, cell in enumerate(first["cells"]):
        if number not in first["skipped"]:
            reply(cell=number)
            with errors_told(lambda error, number=number: reply(cell=number, error=error)), time_limit(seconds):
                exec(compile(cell, f"<cell {number + 1}>", "exec"), names)
            end_crowd()
    reply(ran=True)
    for line in requests:
        request = wire.read(line)
        with errors_told(lambda error: reply(error=error)), time_limit(seconds):
            value = wire.encode(answer(names, request))
            reply(value=value)


def answer(names: dict[str, Any], request: dict[str, Any]) -> Any:
    """The value of a name, or what the function of that name returns."""
    value = names.get(request["name"])
    if request["arguments"] is None or value is None or value is ...:
        return value
    return value(*wire.decode(request["arguments"]))


@contextlib.contextmanager
def errors_told(tell: Any) -> Iterator[None]:
    """Passes on what a submission raises, SystemExit among it, with the line where it was raised."""
    try:
        yield
    except BaseException as error:
        where = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith("<cell")]
        place = f" ({where[-1].filename.strip('<>')}, line {where[-1].lineno})" if where else ""
        tell(f"{type(error).__name__}: {error}"[:400] + place)


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raises TimeoutError in the block after so many seconds. A block may ignore it; then the grader ends the process."""

    def stop(*_):
        raise TimeoutError(f"it took more than {seconds:g} seconds")

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def end_crowd() -> None:
    """Ends what a cell has left running, if there are many: they would leave no process to the next cells.

    Only in a namespace of processes, where this process is the first and `kill` reaches no other.
    """
    if os.getpid() == 1 and sum(name.isdigit() for name in os.listdir("/proc")) > CROWD:
        os.kill(-1, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while True:
                os.wait()


def main() -> None:
    """Serves on standard input and output, which the submission does not get."""
    requests, replies = (os.fdopen(os.dup(number), mode) for number, mode in ((0, "rb"), (1, "wb")))
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    modes = ((0, "r"), (1, "w"), (2, "w"))
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(number, mode, closefd=False) for number, mode in modes)
    serve(requests, replies)
