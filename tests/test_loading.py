"""Commands, scripts and notebooks print their own lines alone."""

import gc
import importlib
import importlib.util
import os
import pathlib
import subprocess
import sys

import nbclient
import nbformat
import numpy as np
import pytest
from PIL import Image

from course_hw5 import loading

ROOT = pathlib.Path(__file__).parents[1]
CLI = ("-m", "course_hw5.cli")


def printed(*command, folder=ROOT, **environment):
    """What a fresh process with neither log level nor backend set writes to stdout and to stderr, as lists of lines."""
    unset = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    run = subprocess.run(
        [sys.executable, *map(str, command)],
        capture_output=True,
        text=True,
        cwd=folder,
        env=unset | {"PYTHONPATH": str(ROOT)} | environment,
    )
    return run.stdout.splitlines(), run.stderr.splitlines()


def without_progress(lines):
    """What is printed beside Keras's progress bar."""
    return [line for line in lines if line.strip() and "/step" not in line]


@pytest.fixture
def image(tmp_path):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), "uint8")).save(tmp_path / "image.png")
    return tmp_path / "image.png"


def test_a_text_is_answered_in_one_line(tmp_path):
    lines, errors = printed(*CLI, "attend", "a fine film", "--out", tmp_path / "page.html")
    assert errors == [] and len(lines) == 1 and lines[0].endswith(f"Open {tmp_path / 'page.html'}")


@pytest.mark.parametrize("command, ending", [("classify", "image.html"), ("segment", "image.html")])
def test_an_image_is_answered_in_two_lines(command, ending, image, tmp_path):
    lines, errors = printed(*CLI, command, image, "--out", tmp_path / "out")
    assert errors == [] and lines[1:] == ["1 of 1 images done"]
    assert lines[0].startswith(f"{image}: ") and lines[0].endswith(f"Open {tmp_path / 'out' / ending}")


def test_a_script_shows_its_progress_and_no_log_and_leaves_figures_report_and_model(tmp_path):
    _, errors = printed("scripts/train_mlp.py", "--dataset", "digits", "--epochs", 1, "--out", tmp_path)
    assert errors == []
    names = {"history.csv", "loss.png", "metrics.json", "confusion_matrix.png", "classification_report.txt", "model.keras"}
    assert names <= {path.name for path in tmp_path.iterdir()}


def test_the_demo_shows_its_progress_its_answer_and_no_more(tmp_path):
    lines, errors = printed(*CLI, "demo", "--epochs", 1, "--out", tmp_path / "demo")
    [last] = without_progress(lines)
    assert errors == [] and last.startswith("accuracy 0.") and "Open " in last
    assert printed(*CLI, "page", tmp_path / "demo") == ([f"Open {tmp_path / 'demo' / 'index.html'}"], [])


def test_a_lab_prints_its_verdict_and_no_more(tmp_path):
    lines, errors = printed(*CLI, "lab", "weights_by_hand", "--samples", 50, "--out", tmp_path)
    assert errors == [] and lines[1] == "verdict: confirmed" and lines[-1] == f"Open {tmp_path / 'index.html'}"
    assert all(line.startswith("  ") for line in lines[2:-1])


def test_scenes_of_digits_are_read_in_silence():
    code = "import course_hw5\nfor _ in course_hw5.load_scenes('digits', (32, 48, 3), batch_size=4).validation.take(1): pass"
    assert printed("-c", code) == ([], [])


def test_a_cell_of_a_notebook_shows_its_value_and_no_log(tmp_path, monkeypatch):
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    cell = "import numpy as np\nfrom course_hw5 import *\n"
    source = cell + "mlp_classifier(hidden_units=(4,))(np.zeros((1, 32, 32, 3), 'uint8')).shape"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert [output.data["text/plain"] for output in notebook.cells[0].outputs] == ["TensorShape([1, 10])"]


def test_tensorflow_speaks_where_the_user_asks_it_to():
    _, errors = printed("-c", "import course_hw5; import tensorflow", TF_CPP_MIN_LOG_LEVEL="0")
    assert any("oneDNN" in line for line in errors)


def test_a_library_that_asks_whether_tensorflow_is_installed_brings_no_log_back():
    code = "import importlib.util, course_hw5\nassert importlib.util.find_spec('tensorflow')\nimport tensorflow"
    assert printed("-c", code) == ([], [])


@pytest.mark.unit
def test_what_is_no_log_line_is_passed_on_even_if_the_import_ends_the_process(tmp_path):
    (tmp_path / "tensorflow.py").write_text(
        "import os\n"
        "os.write(2, b'I0000 00:00:1795885007.942673    6295 port.cc:153] oneDNN custom operations are on.\\n')\n"
        "os.write(2, b'F0000 00:00:1795885007.942673    6295 cpu.cc:1] built for AVX instructions, which are missing.\\n')\n"
        "os.abort()\n"
    )
    _, errors = printed("-c", "import course_hw5, tensorflow", PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")
    assert [line for line in errors if "0000" in line] == [line for line in errors if "AVX" in line] != []


@pytest.mark.unit
def test_an_import_that_fails_shows_its_traceback(tmp_path):
    (tmp_path / "tensorflow.py").write_text("raise ImportError('no such library')\n")
    _, errors = printed("-c", "import course_hw5, tensorflow", PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")
    assert errors[0].startswith("Traceback") and errors[-1] == "ImportError: no such library"


def test_a_command_imports_what_it_needs_alone(tmp_path):
    extras = ("sklearn", "pandas", "matplotlib", "IPython", "kagglehub")
    code = f"""
import sys
from course_hw5 import cli
sys.argv = ["course-hw5", "attend", "a fine film", "--out", {str(tmp_path / "page.html")!r}]
cli.main()
print([name for name in {extras} if name in sys.modules])
import sklearn, pandas, matplotlib  # as ever
"""
    lines, errors = printed("-c", code)
    assert errors == [] and lines[0].startswith("positive ") and lines[1:] == ["[]"]


@pytest.mark.unit
def test_what_is_left_out_is_left_out_for_a_while_alone(monkeypatch):
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with loading.lean(("colorsys",)):
        assert importlib.util.find_spec("colorsys") is None  # so ask libraries that would do without it
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module("colorsys")
    assert importlib.import_module("colorsys") and gc.isenabled()


@pytest.mark.unit
def test_a_command_is_quiet_as_a_whole_and_a_progress_bar_is_not_held_back():
    code = """
import os, sys, time
from course_hw5 import loading
with loading.quiet():
    os.write(2, b"I0000 00:00:1795885007.942673    6295 device_compiler.h:196] Compiled cluster using XLA!\\n")
    os.write(2, b"\\rmodel.safetensors:  50%")
    print("written", flush=True)
    sys.stdin.readline()
    os.write(2, b"\\rmodel.safetensors: 100%\\nImport of all\\nEnd")
"""
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    process = subprocess.Popen([sys.executable, "-c", code], env=environment, **pipes)
    assert process.stdout.readline() == b"written\n"
    half = b"\rmodel.safetensors:  50%"
    assert process.stderr.read(len(half)) == half  # before the line has an end
    assert process.communicate(b"\n")[1] == b"\rmodel.safetensors: 100%\nImport of all\nEnd"
