"""What students hand in: notebooks, run folders and zip files, and folders of them."""

import dataclasses
import hashlib
import json
import pathlib
import re
import zipfile
from collections.abc import Iterator, Sequence

LARGEST = 50_000_000  # bytes of a notebook
MAGIC = re.compile(r"^(\s*)[%!].*$", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Submission:
    """One student's work.

    Attributes:
        student: ID.
        source: the file it came from.
        content: the notebook; b"" where there is none.
        problem: what is wrong with it as a whole, or "".
    """

    student: str
    source: str
    content: bytes
    problem: str = ""

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.content + self.problem.encode()).hexdigest()

    def cells(self) -> list[str]:
        """The code of its cells, without what only IPython reads.

        Raises:
            ValueError: if it is no notebook.
        """
        try:
            notebook = json.loads(self.content)
            sheets = notebook.get("worksheets") or [notebook]
            cells = [cell for sheet in sheets for cell in sheet["cells"] if cell["cell_type"] == "code"]
            sources = [cell["source"] if "source" in cell else cell["input"] for cell in cells]
            texts = [source if isinstance(source, str) else "".join(source) for source in sources]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"it is no notebook ({type(error).__name__}: {error})") from error
        return [MAGIC.sub(r"\1pass", text) for text in texts if not text.lstrip().startswith("%%")]


def find(paths: Sequence[str], roster: Sequence[str] = ()) -> list[Submission]:
    """All submissions below some paths, one for each student, sorted by ID.

    A notebook or zip file is one submission, and so is a folder with one notebook. The student is the ID of the roster that is
    in the name of the file or folder; without a roster it is the name. Of a student's files the last changed counts.

    Args:
        paths: files and folders.
        roster: IDs; those without a submission get one that is empty.

    Raises:
        ValueError: if a path is missing, or nothing was found.
    """
    found: dict[str, tuple[float, Submission]] = {}
    for path in map(pathlib.Path, paths):
        if not path.exists():
            raise ValueError(f"SUBMISSION must name files or folders. Received: {path}, which does not exist")
        for file in notebooks(path):
            one, changed = read(file, student_of(file, path, roster)), file.stat().st_mtime
            if one.student not in found or found[one.student][0] <= changed:
                found[one.student] = changed, one
    for student in roster:
        found.setdefault(student, (0, Submission(student, "", b"", "nothing was handed in")))
    if not found:
        raise ValueError(f"SUBMISSION must name notebooks, zip files or folders of them. Received: {', '.join(paths)}")
    return [found[student][1] for student in sorted(found)]


def notebooks(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Notebooks and zip files at or below a path."""
    if path.is_file():
        yield path
        return
    for file in sorted(path.rglob("*")):
        hidden = any(part.startswith((".", "__MACOSX")) for part in file.relative_to(path).parts)
        if file.suffix in (".ipynb", ".zip") and file.is_file() and not hidden:
            yield file


def student_of(file: pathlib.Path, root: pathlib.Path, roster: Sequence[str]) -> str:
    """The ID of the roster that the path names, the longest if there are several; else the name of the folder or file."""
    inside = file.relative_to(root.parent if root.is_dir() else file.parent)
    named = [
        student for student in roster if re.search(rf"(?<![^\W_]){re.escape(student)}(?![^\W_])", str(inside), re.IGNORECASE)
    ]
    if named:
        return max(named, key=len)
    siblings = [other for other in file.parent.iterdir() if other.suffix in (".ipynb", ".zip")]
    is_own_folder = root.is_dir() and file.parent != root and len(siblings) == 1
    return file.parent.name if is_own_folder else file.stem


def read(file: pathlib.Path, student: str) -> Submission:
    """The notebook of a file, or the one in a zip file; whatever is wrong with it is in `problem`."""
    try:
        if file.suffix == ".zip":
            return Submission(student, str(file), from_zip(file))
        if file.stat().st_size > LARGEST:
            raise ValueError(f"it has more than {LARGEST / 1e6:.0f} MB")
        return Submission(student, str(file), file.read_bytes())
    except (ValueError, OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        return Submission(student, str(file), b"", str(error))


def from_zip(file: pathlib.Path) -> bytes:
    """The only notebook of a zip file, never more than `LARGEST` bytes, and never written to the disk."""
    with zipfile.ZipFile(file) as archive:
        names = [name for name in archive.namelist() if name.endswith(".ipynb") and "__MACOSX" not in name]
        names = [name for name in names if ".ipynb_checkpoints" not in name]
        if len(names) != 1:
            raise ValueError(f"the zip file must hold one notebook. Received: {len(names)}")
        with archive.open(names[0]) as stream:
            content = stream.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ValueError(f"it has more than {LARGEST / 1e6:.0f} MB")
    return content
