"""`live`: a page that runs a model, and the check of it."""

import pytest

from course_hw5 import cli
from tests.cli.running import failure

pytestmark = pytest.mark.model


def test_live_writes_a_page_that_its_check_accepts(tmp_path, capsys):
    out = tmp_path / "pages" / "live.html"
    cli.main(["live", "--preset", "beit-cifar10", "--out", str(out)])
    assert capsys.readouterr().out == f"beit-cifar10, 4.0 MB. Open {out}\n"
    cli.main(["live", "--check", str(out)])
    found = capsys.readouterr().out
    assert found.startswith("beit-cifar10: a BEiT of 6 layers of 8 heads, weights in int8; its answers are within 0.0")


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--preset", "segmenter-camvid"], "--preset must be a BERT or BEiT that classifies. Received: segmenter-camvid, "),
        (["--preset", "nothing"], "`preset` must be sentiment-minilm, sentiment-small, "),
        (["--out", "{folder}"], "--out must name a page. Received: the folder "),
        (["--check", "{folder}"], "--check must name a page. Received: {folder}, which is a folder"),
        (["--check", "{folder}/none.html"], "--check must name a page. Received: {folder}/none.html, which is none"),
        (["--check", "{folder}/other.html"], "other.html must be a page of `course-hw5 live`. Received: another file"),
    ],
)
def test_live_refuses_what_it_cannot_write_or_read(arguments, message, tmp_path, capsys):
    (tmp_path / "other.html").write_bytes(b"<script id=state>\xff</script>")
    given = ["--out", str(tmp_path / "page.html"), *(text.format(folder=tmp_path) for text in arguments)]
    assert message.format(folder=tmp_path) in failure(capsys, cli.main, ["live", *given])
    assert not (tmp_path / "page.html").exists()
