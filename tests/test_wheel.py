"""What pip installs works without the checkout."""

import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig
import zipfile

import pytest

pytestmark = pytest.mark.slow

ROOT = pathlib.Path(__file__).parents[1]
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "TF_CPP_MIN_LOG_LEVEL")}


def run(*command, stderr=None, **options):
    """What a process writes to stdout, and to stderr if that is a pipe to stdout; it must succeed."""
    options |= {"check": True, "stdout": subprocess.PIPE, "stderr": stderr, "text": True, "env": ENVIRONMENT}
    return subprocess.run([*map(str, command)], **options).stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel of a copy, so that neither an old build folder is in it, nor one is left behind."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "course_hw5", source / "course_hw5", ignore=shutil.ignore_patterns("__pycache__"))
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", out, source)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Programs of an environment that holds the wheel and, by a path file, the libraries of this one, but not the checkout."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    run(sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "install", "--quiet", "--no-deps", wheel)
    (site_packages,) = folder.glob("lib/python*/site-packages")
    (site_packages / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "bin"


def test_the_wheel_holds_all_files_of_the_package(wheel):
    files = {str(path.relative_to(ROOT)) for path in (ROOT / "course_hw5").rglob("*") if path.is_file()}
    files = {name for name in files if not name.endswith((".pyc", "~"))}
    assert files == {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("course_hw5/")}


def test_an_image_is_classified_without_the_checkout(installed, tmp_path):
    place = run(installed / "python", "-c", "import course_hw5; print(course_hw5.__file__)", cwd=tmp_path)
    assert place.startswith(str(installed.parent))
    printed = run(installed / "course-hw5", "classify", ROOT / "docs" / "drawings" / "ship.jpg", "--out", "out", cwd=tmp_path)
    assert "ship" in printed and (tmp_path / "out" / "ship.html").exists()


def test_a_model_is_trained_without_the_checkout_and_shows_its_progress_its_answer_and_no_more(installed, tmp_path):
    command = ("train", "mlp", "--dataset", "digits", "--epochs", 2, "--out", "run")
    printed = run(installed / "course-hw5", *command, cwd=tmp_path, stderr=subprocess.STDOUT)
    last = [line for line in printed.splitlines() if line.strip() and "/step" not in line and "Epoch" not in line]
    assert len(last) == 1 and last[0].startswith("accuracy "), last
    assert (tmp_path / "run" / "index.html").exists() and (tmp_path / "run" / "model.keras").exists()
