"""What editors and type checkers see of the package, and what a star brings."""

import ast
import pathlib
import re

import pytest

import course_hw5

pytestmark = pytest.mark.unit

PACKAGE = pathlib.Path(course_hw5.__file__).parent


def parsed(name):
    return ast.parse((PACKAGE / name).read_text(encoding="utf-8"))


def test_the_stub_names_what_the_package_names_where_it_is_defined():
    imports = [part for part in parsed("__init__.pyi").body if isinstance(part, ast.ImportFrom)]
    homes = {alias.asname: part.module for part in imports for alias in part.names if alias.asname == alias.name}
    assert homes == course_hw5._HOMES and {*homes} == {*course_hw5.__all__}
    assert sum(len(part.names) for part in imports) == len(homes)


def test_type_checkers_may_read_the_package():
    assert (PACKAGE / "py.typed").exists()


def test_the_homework_brings_what_its_cells_name_and_no_more():
    text = (PACKAGE.parent / "docs" / "homework.md").read_text(encoding="utf-8")
    cells = [ast.parse(cell) for cell in re.findall(r"```python\n(.*?)```", text, re.DOTALL)]
    names = [part for cell in cells for part in ast.walk(cell) if isinstance(part, ast.Name)]
    made = {name.id for name in names if isinstance(name.ctx, ast.Store)}
    brought = next(part.value for part in parsed("homework.py").body if isinstance(part, ast.Assign))
    assert sorted(ast.literal_eval(brought)) == sorted({name.id for name in names} - made)
