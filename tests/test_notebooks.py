import os
import pathlib
import re

import jupytext
import nbclient
import nbformat
import pytest

pytestmark = pytest.mark.slow

NOTEBOOKS = sorted((pathlib.Path(__file__).parents[1] / "notebooks").glob("*.py"))


def cells(notebook):
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


@pytest.mark.parametrize("source", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebook_is_generated_from_its_source(source):
    notebook = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    assert cells(notebook) == cells(jupytext.read(source)), "run `make notebooks`"
    assert not any(cell.get("outputs") for cell in notebook.cells), "commit it without outputs"


@pytest.mark.parametrize("source", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebook_runs_from_top_to_bottom(source, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_HW5_DATASET", "digits")
    monkeypatch.setenv("COURSE_HW5_EPOCHS", "1")
    monkeypatch.setenv("COURSE_HW5_RUN", str(tmp_path / "run"))
    notebook = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", []):
            cell.source += "\nQUICK = True"
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    CHECKS[source.stem](tmp_path, shown)


def check_mlp(folder, shown):
    assert (folder / "run" / "index.html").exists()
    assert sum("image/png" in output.get("data", {}) for output in shown) >= 4
    assert any("weighted avg" in output.get("text", "") for output in shown)
    assert os.listdir(folder) == ["run"]


def check_bert(folder, shown):
    views = [output["data"]["text/html"] for output in shown if "iframe" in output.get("data", {}).get("text/html", "")]
    assert len(views) == 2 and ("genre" in views[0] and "disaster" in views[1])
    assert any("tf.Tensor: shape=(1, 1), dtype=float32" in output.get("data", {}).get("text/plain", "") for output in shown)
    assert any("image/png" in output.get("data", {}) for output in shown)
    right = [output["text"] for output in shown if "of 30 right" in output.get("text", "")]
    assert int(right[0].split()[0]) >= 20
    assert os.listdir(folder) == []


def check_beit(folder, shown):
    views = [output["data"]["text/html"] for output in shown if "iframe" in output.get("data", {}).get("text/html", "")]
    assert len(views) == 1 and "&#34;position_logits&#34;" in views[0]
    texts = "".join(output.get("text", "") for output in shown)
    assert float(re.search(r"largest difference: ([\d.e-]+)", texts)[1]) < 1e-5
    assert sum("image/png" in output.get("data", {}) for output in shown) >= 2
    assert (folder / "run" / "index.html").exists() and os.listdir(folder) == ["run"]


def check_segmentation(folder, shown):
    texts = "".join(output.get("text", "") for output in shown)
    assert "tree" in texts and "mIoU" in texts
    assert sum("image/png" in output.get("data", {}) for output in shown) >= 3
    assert (folder / "run" / "gallery.png").exists() and os.listdir(folder) == ["run"]


def check_labs(folder, shown):
    pages = [output["data"]["text/html"] for output in shown if "iframe" in output.get("data", {}).get("text/html", "")]
    assert len(pages) == 8 and all("verdict" in page for page in pages)
    answers = [output["data"]["text/markdown"] for output in shown if "text/markdown" in output.get("data", {})]
    assert len(answers) == 8 and "0 recurrent layers, 1 encoder and 1 decoder blocks" in answers[6]
    assert os.listdir(folder) == []


CHECKS = {
    "attention_labs": check_labs,
    "mlp_cifar10": check_mlp,
    "bert_attention": check_bert,
    "beit_cifar10": check_beit,
    "beit_segmentation": check_segmentation,
}


def test_the_cells_of_the_report_are_in_the_notebook_verbatim():
    notebook = nbformat.read(NOTEBOOKS[0].with_name("bert_attention.ipynb"), as_version=4)
    sources = [cell.source for cell in notebook.cells]
    start = sources.index("from course_hw5.homework import *")
    assert sources[start + 1] == 'model = load_model("sentiment-minilm")'
    assert [source for source in sources[start + 2 :] if not source.startswith("#")][:2] == [VIEW, CALL]


VIEW = """sentence = "I liked this movie because of its genre"
toks, atts = get_att_tok(model, sentence.lower())
call_html()
head_view(atts, toks, layer=0)"""
CALL = "model(np.array([encode_sentence(sentence.lower(), MAXLEN)], dtype=np.int64))"
