import json

import pandas as pd
import pytest

from course_hw5.reports import run_folder

pytestmark = pytest.mark.unit

CONFIG = {"settings": {"seed": 0, "epochs": 3}, "arguments": {}, "model": {"name": "m"}}


def test_a_block_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "figure.json"
    run_folder.write_text(path, "old")
    with pytest.raises(RuntimeError), run_folder.atomic_write(path) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["figure.json"]


def test_a_new_run_writes_its_settings(tmp_path):
    run_folder.open_run(tmp_path / "a" / "run", CONFIG)
    assert json.loads((tmp_path / "a" / "run" / "config.json").read_text()) == CONFIG


def test_a_folder_with_files_is_left_alone_unless_told(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(FileExistsError, match="--resume .* --overwrite"):
        run_folder.open_run(tmp_path, CONFIG)
    with pytest.raises(ValueError, match=r"must hold config.json to be resumed"):
        run_folder.open_run(tmp_path, CONFIG, resume=True)
    with pytest.raises(ValueError, match=r"must hold config.json to be overwritten"):
        run_folder.open_run(tmp_path, CONFIG, overwrite=True)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_overwriting_starts_a_run_anew(tmp_path):
    run_folder.open_run(tmp_path / "run", CONFIG)
    (tmp_path / "run" / "history.csv").write_text("epoch\n1\n")
    run_folder.open_run(tmp_path / "run", CONFIG, overwrite=True)
    assert [entry.name for entry in (tmp_path / "run").iterdir()] == ["config.json"]


def test_a_run_is_not_resumed_with_other_settings(tmp_path):
    run_folder.open_run(tmp_path / "run", CONFIG)
    run_folder.open_run(tmp_path / "run", CONFIG, resume=True)
    other = CONFIG | {"settings": {"seed": 1, "epochs": 3}}
    with pytest.raises(ValueError, match="was started with seed = 0. Received: 1"):
        run_folder.open_run(tmp_path / "run", other, resume=True)


def test_a_run_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "run").write_text("a file")
    with pytest.raises(FileExistsError, match="must be a folder"):
        run_folder.open_run(tmp_path / "run", CONFIG, overwrite=True)
    assert (tmp_path / "run").read_text() == "a file"


def test_a_confusion_matrix_is_read_with_the_names_that_were_written(tmp_path):
    names = ["null", "1", "NA"]
    written = pd.DataFrame([[3, 0, 1], [0, 2, 0], [0, 0, 4]], names, names)
    written.to_csv(tmp_path / "confusion_matrix.csv", index_label="true")
    read = run_folder.read_matrix(tmp_path)
    assert [[*read.index], [*read.columns]] == [names, names] and read.to_numpy().tolist() == written.to_numpy().tolist()


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "true,a,b\na,1,2\nb,1.5,2\n", "true,a\na,99999999999999999999\n", "true\n"])
def test_a_confusion_matrix_that_counts_nothing_is_refused(text, tmp_path):
    (tmp_path / "confusion_matrix.csv").write_text(text)
    with pytest.raises(ValueError, match=r"confusion_matrix.csv must hold .*Received: "):
        run_folder.read_matrix(tmp_path)
