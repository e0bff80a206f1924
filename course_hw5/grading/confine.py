"""Limits of a submission's process, set by itself before any of the submission's code runs; then it becomes the worker.

unshare --net --pid ... python -m course_hw5.grading.confine '{"isolation": "namespaces", ...}'
"""

import contextlib
import ctypes
import json
import os
import re
import resource
import sys
from typing import Any

READ_ONLY, NOSUID, NODEV, NOEXEC, REMOUNT, BIND, RECURSIVE, PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
FLAGS = {"nosuid": NOSUID, "nodev": NODEV, "noexec": NOEXEC, "noatime": 1024, "nodiratime": 2048, "relatime": 1 << 21}
libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Reads the limits from the command line: isolation, folder, hidden paths, bytes, processes, seconds, user."""
    limits = json.loads(sys.argv[1])
    from course_hw5.grading import worker  # before folders are hidden

    if limits["isolation"] == "limits":
        libc.prctl(1, 9, 0, 0, 0)  # PR_SET_PDEATHSIG: ends if the grader is killed
        forbid(limits["folder"], limits["hidden"])
    else:
        change_mounts(limits["folder"], limits["hidden"], limits["user"], limits["processes"])
    os.chdir(limits["folder"])
    set_limits(limits)
    if limits["isolation"] != "limits":
        drop_privileges(limits["user"])
    worker.main()


def set_limits(limits: dict[str, Any]) -> None:
    """Of memory, processor time, size of files and number of processes and threads."""
    for kind, value in (
        (resource.RLIMIT_AS, limits["memory"]),
        (resource.RLIMIT_CPU, limits["cpu_seconds"]),
        (resource.RLIMIT_FSIZE, limits["file_size"]),
        (resource.RLIMIT_NPROC, limits["processes"]),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (value, value))


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    """mount(2); raises OSError."""
    if libc.mount(source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), options.encode()):
        raise OSError(ctypes.get_errno(), f"mount {target}")


def change_mounts(folder: str, hidden: list[str], user: int | None, processes: int) -> None:
    """Makes all read-only but a folder in memory, and covers what is hidden by what is empty. Needs a mount namespace."""
    mount("none", "/", "", RECURSIVE | PRIVATE)
    with contextlib.suppress(OSError):
        mount("proc", "/proc", "proc", NOSUID | NODEV | NOEXEC)
    limit_pids(processes)
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        places = [line.split()[4:6] for line in file]
    for place, options in places:
        kept = sum(FLAGS.get(option, 0) for option in options.split(","))
        with contextlib.suppress(OSError):  # one that is covered, or that nobody may change
            mount("none", place.encode().decode("unicode_escape"), "", REMOUNT | BIND | READ_ONLY | kept)
    for path in filter(os.path.exists, hidden):  # some lie in a folder that is covered by now
        if os.path.isdir(path):
            mount("none", path, "tmpfs", READ_ONLY | NOSUID | NODEV, "size=4k,mode=755")
        else:
            mount(os.devnull, path, "", BIND)
    owner = f",uid={user},gid={user}" if user else ""
    for path, size in ((folder, "512m"), ("/dev/shm", "64m")):
        mount("none", path, "tmpfs", NOSUID | NODEV, f"size={size},mode=700{owner}")
    if os.access("/etc", os.W_OK):
        raise OSError("the disk is still writable")


def limit_pids(processes: int) -> None:
    """Limits the namespace, since for root there is no RLIMIT_NPROC. Before Linux 6.14 that number is the whole computer's."""
    version = tuple(int(number) for number in re.findall(r"\d+", os.uname().release)[:2])
    if version >= (6, 14):
        with contextlib.suppress(OSError), open("/proc/sys/kernel/pid_max", "w", encoding="utf-8") as file:
            file.write(str(301 + processes))


def drop_privileges(user: int | None) -> None:
    """Becomes another user, or the same one without capabilities, so that no limit and no mount can be undone."""
    for capability in range(64):
        libc.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP
    libc.prctl(28, 0b1111, 0, 0, 0)  # PR_SET_SECUREBITS: root is like any user
    if user:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    header, none = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    if libc.capset(header, none) or libc.prctl(38, 1, 0, 0, 0):  # PR_SET_NO_NEW_PRIVS
        raise OSError(ctypes.get_errno(), "capset")


def forbid(folder: str, hidden: list[str]) -> None:
    """Where there are no namespaces: an audit hook that refuses network, hidden files and writing outside the folder.

    It stops a careless submission. One that is written against it can get around it, such as by `ctypes`.
    """
    inside, hidden_paths = os.path.realpath(folder), [os.path.realpath(path) for path in hidden]
    refused = ("socket.", "os.kill", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.fork")
    changing = ("os.remove", "os.rename", "os.rmdir", "shutil.rmtree", "os.mkdir", "os.chmod", "os.truncate", "os.link")

    def is_in(path, parent):
        return path == parent or path.startswith(parent + os.sep)

    def check(event, arguments):
        if event.startswith(refused) and not event.startswith("socket.gethostname"):
            raise PermissionError(f"{event} is not allowed here")
        if event not in ("open", "os.listdir", "os.scandir", *changing) or not isinstance(
            arguments[0], (str, bytes, os.PathLike)
        ):
            return
        path = os.path.realpath(os.fsdecode(arguments[0]))
        writes = event in changing or (event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
        if any(is_in(path, parent) for parent in hidden_paths) and not is_in(path, inside):
            raise PermissionError(f"{path} is not for submissions")
        if writes and not is_in(path, inside) and path != os.devnull:
            raise PermissionError(f"{path} is outside the folder of this submission")

    sys.addaudithook(check)


if __name__ == "__main__":
    main()
