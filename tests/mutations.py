"""Changes lines of the package at random, one at a time, and counts how many changes the tests notice.

    make coverage
    python tests/mutations.py --count 40 --seed 0 [--only course_hw5/models/beit.py] [--log mutations.jsonl]

Each change is made in a copy of the repository and tried by the tests that run the changed line, as `make coverage` of this
checkout has found. Run again with the same log, it goes on where it ended. For a change that no test notices, write the test
that is missing, or say why the change makes no difference.
"""

import argparse
import ast
import contextlib
import difflib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile

import coverage

ROOT = pathlib.Path(__file__).parents[1]
SWAPPED = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
    ast.Pow: ast.Mult, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip


def is_text(node):
    """Whether a statement is a docstring or an annotation, which no test needs to notice."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def changes(tree):
    """Functions without arguments, each with the node that it changes in place."""
    texts = {id(child) for node in ast.walk(tree) if is_text(node) for child in ast.walk(node)}
    raised = {id(child) for node in ast.walk(tree) if isinstance(node, ast.Raise | ast.JoinedStr) for child in ast.walk(node)}
    hints = [getattr(node, name, None) for node in ast.walk(tree) for name in ("annotation", "returns")]
    hints = {id(child) for hint in hints if hint is not None for child in ast.walk(hint)}
    for node in ast.walk(tree):
        if id(node) not in texts | raised | hints:
            yield from changes_of(node)


def changes_of(node):
    if isinstance(node, ast.BinOp | ast.BoolOp) and type(node.op) in SWAPPED:
        yield node, lambda: setattr(node, "op", SWAPPED[type(node.op)]())
    if isinstance(node, ast.Compare):
        yield node, lambda: setattr(node, "ops", [SWAPPED[type(op)]() for op in node.ops])
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node, lambda: (setattr(node, "op", ast.Not()), setattr(node, "operand", ast.UnaryOp(ast.Not(), node.operand)))
    if isinstance(node, ast.Constant) and type(node.value) in (bool, int, float):
        yield node, lambda: setattr(node, "value", not node.value if isinstance(node.value, bool) else node.value + 1)
    if isinstance(node, ast.Call) and len({ast.dump(argument) for argument in node.args[:2]}) == 2:
        yield node, lambda: setattr(node, "args", [node.args[1], node.args[0], *node.args[2:]])
    if isinstance(node, ast.Return) and node.value is not None:
        yield node, lambda: setattr(node, "value", ast.Constant(None))


def mutated(source, index):
    """The source with its change number `index`, made in the text of one statement, so that all other lines stay."""
    tree = ast.parse(source)
    node, change = list(changes(tree))[index]
    start, end, lines = node.lineno - 1, node.end_lineno, source.splitlines(keepends=True)
    before = "".join(lines[:start]).encode() + lines[start].encode()[: node.col_offset]
    after = lines[end - 1].encode()[node.end_col_offset :] + "".join(lines[end:]).encode()
    change()
    text = ast.unparse(ast.fix_missing_locations(node))
    is_bare = isinstance(node, ast.stmt | ast.Constant | ast.Call)
    return (before + (text if is_bare else f"({text})").encode() + after).decode()


def chosen(paths, count, generator):
    """Changes in random order, `(path, index)`; a file has as many chances as it has places, a line is changed once."""
    places = []
    for path in paths:
        source, seen = path.read_text(encoding="utf-8"), set()
        numbered = list(enumerate(node.lineno for node, _ in changes(ast.parse(source))))
        generator.shuffle(numbered)
        for index, line in numbered:
            if line not in seen:
                seen.add(line)
                places.append((path, index))
    generator.shuffle(places)
    return places[:count]


def is_in_function(tree, node):
    """Whether a node runs when a function is called. Defaults and constants run when the module is imported."""
    bodies = [function.body for function in ast.walk(tree) if isinstance(function, ast.FunctionDef)]
    return any(child is node for body in bodies for statement in body for child in ast.walk(statement))


def tests_of(data, name, tree, node):
    """Tests that run a line of the node; if it runs when the module is imported, all tests that run a line of the module."""
    lines = data.contexts_by_lineno(str(ROOT / name))
    ran = range(node.lineno, node.end_lineno + 1) if is_in_function(tree, node) else lines
    return sorted({test.rsplit("|", 1)[0] for line in ran for test in lines.get(line, ())} - {""})


def outcome(tests, root, timeout):
    """`survived`, or what noticed a change: the name of a test that failed, or `timeout`. Of slow files 15 tests are tried."""
    environment = os.environ | {"PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    files = {name: (root / name).read_text(encoding="utf-8") for name in {test.split("::")[0] for test in tests}}
    slow = [test for test in tests if re.search("mark.slow|needs_browser", files[test.split("::")[0]])]
    tiers = {"unit or model": tests, "slow or browser": random.Random(0).sample(slow, min(15, len(slow)))}
    for mark, tried in tiers.items():
        if not tried:
            continue
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-rfE", "--tb=no", "-p", "no:cacheprovider", "-m", mark, *tried]
        with tempfile.TemporaryFile("w+") as printed:
            streams = {"stdout": printed, "stderr": subprocess.STDOUT}
            process = subprocess.Popen(command, cwd=root, env=environment, start_new_session=True, **streams)
            try:
                code = process.wait(timeout)
            except subprocess.TimeoutExpired:
                return "timeout"
            finally:
                stop_group(process)
            printed.seek(0)
            named = re.findall(r"^(?:FAILED|ERROR) (\S+)", printed.read(), re.MULTILINE)
        if code not in (0, 5):  # 5: no test has this mark
            return named[0] if named else f"exit code {code}"
    return "survived"


def stop_group(process):
    """Ends what a test may have left running, browsers included."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def try_change(path, index, root, data, timeout):
    """Makes one change in the copy, runs the tests and takes it back; returns what the log says of it."""
    source = path.read_text(encoding="utf-8")
    changed = mutated(source, index)
    name, tree = str(path.relative_to(root)), ast.parse(source)
    node, _ = list(changes(tree))[index]
    lines = [*difflib.unified_diff(source.splitlines(), changed.splitlines(), lineterm="", n=0)][3:]
    entry = {"path": name, "index": index, "diff": lines}
    try:
        path.write_text(changed, encoding="utf-8")
        entry["outcome"] = outcome(tests_of(data, name, tree, node), root, timeout)
    finally:
        path.write_text(source, encoding="utf-8")
    return entry


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", default=["course_hw5"], metavar="PATH", help="files or folders to change")
    parser.add_argument("--timeout", type=int, default=600, metavar="SECONDS", help="of the tests of one change")
    parser.add_argument("--log", type=pathlib.Path, default=pathlib.Path("mutations.jsonl"))
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what runs is ended, too
    entries = [json.loads(line) for line in args.log.read_text().splitlines()] if args.log.exists() else []
    data = coverage.CoverageData(ROOT / ".coverage")
    data.read()
    done = {(entry["path"], entry["index"]) for entry in entries}
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder).resolve()
        listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
        for name in listed.splitlines():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, root / name)
        paths = [file for name in args.only for file in sorted((root / name).rglob("*.py")) or [root / name]]
        for path, index in chosen(paths, args.count, random.Random(args.seed)):
            if (str(path.relative_to(root)), index) in done:
                continue
            entry = try_change(path, index, root, data, args.timeout)
            entries.append(entry)
            with args.log.open("a") as log:
                log.write(json.dumps(entry) + "\n")
            print(f"{entry['path']}: {entry['outcome']}", *entry["diff"], sep="\n    ", flush=True)
    survived, late = ([entry for entry in entries if entry["outcome"] == name] for name in ("survived", "timeout"))
    noticed = len(entries) - len(survived) - len(late)
    print(f"{noticed} of {len(entries)} changes were noticed; the tests of {len(late)} others took more than {args.timeout} s")


if __name__ == "__main__":
    main()
