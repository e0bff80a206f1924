"""`course-hw5 lab`: put a claim of the homework to the test.

Each lab has options of its own, read from its source.
"""

import argparse
import re

from course_hw5.recipes.recipe import whole_number


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("rest", nargs="*")


def run(args: argparse.Namespace) -> str:
    from course_hw5 import labs

    choose = argparse.ArgumentParser(prog="course-hw5 lab", description="Puts a claim of the homework to the test.")
    choose.add_argument("name", metavar="NAME", nargs="?", help=f"one of {', '.join(labs.LABS)}; NAME --help says more")
    choose.add_argument("--list", action="store_true", help="show each lab and its claim")
    name = choose.parse_args(args.rest[:1]).name
    if name is None:
        return "\n".join(f"{name:26}{labs.describe(name)[0].splitlines()[0]}" for name in labs.LABS)
    explanation, parameters = labs.describe(name)
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog=f"course-hw5 lab {name}", description=explanation, formatter_class=formatter)
    parser.add_argument("--seed", type=whole_number(0), default=0, help="makes a lab repeatable (default: %(default)s)")
    parser.add_argument("--out", help="folder for page and figures (default: runs/labs and the lab, with what is changed)")
    for parameter, default in parameters.items():
        kind = whole_number(1) if isinstance(default, int) else type(default)
        parser.add_argument(f"--{parameter.replace('_', '-')}", type=kind, default=default, help="(default: %(default)s)")
    values = vars(parser.parse_args(args.rest[1:]))
    out, seed = values.pop("out"), values.pop("seed")
    changed = [f"{parameter}-{value}" for parameter, value in values.items() if value != parameters[parameter]]
    out = out or "runs/labs/" + re.sub(r"[^\w.-]+", "-", "-".join([name, *changed]))[:120]
    result = labs.run_lab(name, seed, **values)
    from course_hw5.reports.pages import lab

    lines = [result.claim, f"verdict: {result.verdict}"]
    lines += [f"  {'yes' if check.held else 'no '}  {check.label}" for check in result.checks]
    lines += [f"  {measurement.label}: {measurement.text}" for measurement in result.measurements]
    return "\n".join([*lines, f"Open {lab.write_lab(result, name, explanation, out)}"])
