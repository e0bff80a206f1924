"""The command line. `course_hw5.cli:main` is the program `course-hw5`."""

from course_hw5.cli.main import main

__all__ = ["main"]
