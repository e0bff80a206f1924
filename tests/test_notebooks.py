"""Notebooks: the .ipynb files are those of the .py files, with the outputs of a run; they run from top to bottom."""

import configparser
import pathlib
import re
import runpy

import nbclient
import nbformat
import pytest

from course_hw5.exercises import NOT_YET

pytestmark = pytest.mark.slow

ROOT = pathlib.Path(__file__).parents[1]
NAMES = ("attention_labs", "beit_cifar10", "beit_segmentation", "bert_attention", "mlp_cifar10", "your_own_data")
RUNNER = runpy.run_path(str(ROOT / "scripts" / "run_notebooks.py"))
SETTINGS = {  # of the tests, in place of those in the cell with the tag "parameters"
    "attention_labs": {"QUICK": True},
    "beit_cifar10": {"DATASET": "digits", "EPOCHS": 2},
    "beit_segmentation": {"EPOCHS": 2},
    "mlp_cifar10": {"DATASET": "digits", "EPOCHS": 2},
    "your_own_data": {"EPOCHS": 2},
}
# One kernel runs all notebooks, since half of the time of a short one is the import of TensorFlow. An epoch is one batch, and
# nothing is compiled to train: trainings and labs have tests of their own.
BRIEFLY = """
import course_hw5, keras
def fit_briefly(model, *data, fit=keras.Model.fit, **options):
    model.run_eagerly, model.jit_compile, model.steps_per_execution = True, False, 1
    history = fit(model, *data, **options, steps_per_epoch=1)
    model.run_eagerly = False
    return history
keras.Model.fit = fit_briefly
"""
START = """
%reset -f
import keras, os
keras.backend.clear_session()  # names of layers start anew
os.chdir({!r})
"""
SECRETS = r"(?<!\w)/(?:home|root|tmp|work|usr|opt|Users)/|\bC:\\|\b0x[0-9a-f]{6}|/step\b|\d (?:min|minutes|seconds)\b|it/s\b"


def source_of(name):
    return RUNNER["read_source"](ROOT / "notebooks" / f"{name}.py")


def committed(name):
    return nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def text_of(output):
    data = output.get("data", {})
    return output.get("text") or data.get("text/markdown") or data.get("text/plain", "")


def kind_of(output):
    data = output.get("data", {})
    if output.get("metadata", {}).get("page") or RUNNER["PAGE"].search(data.get("text/html", "")):
        return "page"
    return "image" if "image/png" in data else output.output_type


def shown(cell):
    """What a cell shows, without what differs from run to run: numbers, how often a line comes, how an image looks."""
    found = []
    for output in cell.outputs:
        text = re.sub(r"[-+]?\d[\d.,]*(?:e[-+]?\d+)?|True|False", "#", text_of(output))
        lines = dict.fromkeys(" ".join(line.split()) for line in text.splitlines())
        has_text = kind_of(output) not in ("image", "page") and "varies" not in cell.metadata.get("tags", [])
        found.append((kind_of(output), [*lines] if has_text else None))
    return found


@pytest.mark.unit
@pytest.mark.parametrize("name", NAMES)
def test_the_notebook_is_that_of_its_source_with_the_outputs_of_a_run(name):
    notebook, source = committed(name), source_of(name)
    assert [(cell.cell_type, cell.source) for cell in notebook.cells] == [
        (cell.cell_type, cell.source) for cell in source.cells
    ], "run `make notebooks`"
    assert notebook.metadata["ran"] == source.metadata["ran"], "run `make notebooks`"
    assert [cell.execution_count for cell in code(notebook)] == [*range(1, len(code(notebook)) + 1)]
    assert sum(kind_of(output) in ("image", "page") for cell in code(notebook) for output in cell.outputs) >= 3


@pytest.mark.unit
@pytest.mark.parametrize("name", NAMES)
def test_the_outputs_are_small_and_tell_nothing_of_the_machine(name):
    assert (ROOT / "notebooks" / f"{name}.ipynb").stat().st_size < 1.5e6
    for output in (output for cell in code(committed(name)) for output in cell.outputs):
        assert output.output_type != "error" and output.get("name") != "stderr"
        assert "<iframe" not in output.get("data", {}).get("text/html", "")
        assert not (found := re.search(SECRETS, text_of(output))), found


@pytest.mark.unit
@pytest.mark.parametrize("name", NAMES)
def test_the_notebook_says_what_it_takes_and_where_it_can_be_run(name):
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    address = f"{config['metadata']['url']}/blob/main/notebooks/{name}.ipynb"
    text = "\n".join(cell.source for cell in source_of(name).cells)
    assert f"](https://colab.research.google.com/github/{address.removeprefix('https://github.com/')})" in text
    assert f"](https://kaggle.com/kernels/welcome?src={address})" in text
    assert re.search(r"\d minutes? and [\d.]+ GB of memory", text) and "You will learn" in text and "## Predict first" in text


@pytest.mark.unit
@pytest.mark.parametrize("name", NAMES)
def test_its_exercises_are_not_answered(name):
    checks = [cell for cell in code(committed(name)) if "exercises.check_" in cell.source]
    assert len(checks) == 2 and all(text_of(cell.outputs[-1]).endswith(f"{NOT_YET}\n") for cell in checks)


@pytest.fixture(scope="module")
def kernel():
    client = nbclient.NotebookClient(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(BRIEFLY)]))
    with client.setup_kernel():
        client.execute_cell(client.nb.cells[0], 0)
        yield client.km


@pytest.mark.parametrize("name", NAMES)
def test_the_notebook_runs_and_shows_what_it_shows_in_the_repository(name, kernel, tmp_path):
    notebook = source_of(name)
    for setting, value in SETTINGS.get(name, {}).items():
        [cell] = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
        cell.source, count = re.subn(rf"^{setting} = .*$", f"{setting} = {value!r}", cell.source, flags=re.MULTILINE)
        assert count == 1, setting
    notebook.cells.insert(0, nbformat.v4.new_code_cell(START.format(str(tmp_path))))
    RUNNER["execute"](notebook, tmp_path, kernel, timeout=300)
    notebook.cells.pop(0)
    for cell, before in zip(code(notebook), code(committed(name))):
        assert shown(cell) == shown(before), cell.source
    CHECKS[name](tmp_path, [output for cell in code(notebook) for output in cell.outputs])


def views(outputs):
    return [output["data"]["text/html"] for output in outputs if kind_of(output) == "page"]


def texts(outputs):
    return "".join(map(text_of, outputs))


def check_mlp(folder, outputs):
    assert (folder / "runs" / "notebook-mlp" / "index.html").exists() and [path.name for path in folder.iterdir()] == ["runs"]
    assert sum(kind_of(output) == "image" for output in outputs) == 4
    assert "weighted avg" in texts(outputs)


def check_own(folder, outputs):
    image, text = views(outputs)
    assert "triangle" in image and "storm" in text
    assert "1 of test are in train" in texts(outputs) and "photo" not in texts(outputs)
    assert sorted(path.name for path in folder.iterdir()) == ["drawings", "runs", "sentences.csv"]


def check_bert(folder, outputs):
    weights, relevance, steps = views(outputs)
    assert "genre" in weights and "disaster" in relevance and "&#34;weight&#34;: {&#34;head&#34;: 4" in steps
    assert "tf.Tensor: shape=(1, 1), dtype=float32" in texts(outputs)
    assert int(re.search(r"(\d+) of 30 right", texts(outputs))[1]) >= 20
    assert [*folder.iterdir()] == []


def check_beit(folder, outputs):
    view, comparison = views(outputs)
    assert "position_logits" in view and "What a unit sees" in comparison and "residual_3" in comparison
    assert float(re.search(r"largest difference: ([\d.e-]+)", texts(outputs))[1]) < 1e-5
    assert (folder / "runs" / "notebook-beit" / "index.html").exists() and [path.name for path in folder.iterdir()] == ["runs"]


def check_segmentation(folder, outputs):
    assert "tree" in texts(outputs) and sum(kind_of(output) == "image" for output in outputs) == 3
    assert (folder / "runs" / "notebook-segmenter" / "gallery.png").exists()
    assert [path.name for path in folder.iterdir()] == ["runs"]


def check_labs(folder, outputs):
    assert len(views(outputs)) == 10 and all("verdict" in page for page in views(outputs))
    answers = [text_of(output) for output in outputs if "text/markdown" in output.get("data", {})]
    assert len(answers) == 10 and "0 recurrent layers, 1 encoder and 1 decoder blocks" in answers[8]
    assert [*folder.iterdir()] == []


CHECKS = {
    "attention_labs": check_labs,
    "mlp_cifar10": check_mlp,
    "your_own_data": check_own,
    "bert_attention": check_bert,
    "beit_cifar10": check_beit,
    "beit_segmentation": check_segmentation,
}


@pytest.mark.unit
def test_the_cells_of_the_homework_are_in_the_notebook_verbatim():
    sources = [cell.source for cell in committed("bert_attention").cells]
    start = sources.index("from course_hw5.homework import *")
    assert sources[start + 1] == 'model = load_model("sentiment-minilm")'
    assert [source for source in sources[start + 2 :] if not source.startswith("#")][:2] == [VIEW, CALL]


VIEW = """sentence = "I liked this movie because of its genre"
toks, atts = get_att_tok(model, sentence.lower())
call_html()
head_view(atts, toks, layer=0)"""
CALL = "model(np.array([encode_sentence(sentence.lower(), MAXLEN)], dtype=np.int64))"
