"""Commands as they are typed, in this process."""

import pytest

from course_hw5 import cli


def command(*arguments):
    """Runs `course-hw5` in this process."""
    cli.main([str(argument) for argument in arguments])


def train(recipe, *arguments):
    command("train", recipe, *arguments)


def failure(capsys, run, *arguments):
    """Runs something that must fail; returns its last line on stderr."""
    with pytest.raises(SystemExit) as error:
        run(*arguments)
    assert error.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]
