"""Runs notebooks/*.py and writes the .ipynb files with their outputs: with what each shows, but no times and no paths.

    python scripts/run_notebooks.py             # those whose code has changed; of others the text is renewed
    python scripts/run_notebooks.py --all       # after a change of the package that shows in the outputs

It prints the minutes and the memory that each took. GitHub shows no page within a notebook: an image of it, taken by Chromium,
takes its place.
"""

import argparse
import base64
import hashlib
import html
import io
import pathlib
import re
import shutil
import tempfile
import time

import jupytext
import nbclient
import nbformat
from PIL import Image

SOURCES = sorted((pathlib.Path(__file__).parents[1] / "notebooks").glob("*.py"))
PAGE = re.compile(r'<iframe srcdoc="(.*?)"', re.DOTALL)
OVERWRITTEN = re.compile(r"[^\n]*[\r\b]")  # by a progress bar
BARS = re.compile(r" ━+.*?(?= - |$)", re.MULTILINE)  # with the times beside them
COLORS = re.compile(r"\x1b\[[\d;]*m")
WARNINGS = re.compile(r"^WARNING:.*\n", re.MULTILINE)
EPOCHS = re.compile(r"^Epoch (?!1/)(\d+)/(?!\1\n)\d+\n.*\n", re.MULTILINE)  # all but the first and the last
TIMES = r"/ min\b|seconds per epoch|examples\/s| trained [\d.]+ (s|min)\b/"
WITHOUT_TIMES = (
    f"for (const part of document.querySelectorAll('.cards > *, li')) if ({TIMES}.test(part.innerText)) part.remove()"
)
HEIGHT = "return Math.max(...[...document.querySelectorAll('html, dialog[open]')].map((part) => part.scrollHeight + 16))"
MEMORY = "import resource\n\nprint(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true", help="run those whose code has not changed, too")
    everything = parser.parse_args(arguments).all
    for source in SOURCES:
        notebook, path = read_source(source), source.with_suffix(".ipynb")
        old = nbformat.read(path, as_version=4) if path.exists() else nbformat.v4.new_notebook()
        if everything or old.metadata.get("ran") != notebook.metadata["ran"]:
            start = time.monotonic()
            kilobytes = execute(notebook)
            print(
                f"{source.stem}: {(time.monotonic() - start) / 60:.1f} minutes, {kilobytes / 1e6:.1f} GB of memory", flush=True
            )
            show_images(notebook)
        else:
            ran = [cell for cell in old.cells if cell.cell_type == "code"]
            for cell, before in zip((cell for cell in notebook.cells if cell.cell_type == "code"), ran):
                cell.outputs, cell.execution_count = before.outputs, before.execution_count
        nbformat.write(notebook, path)


def read_source(source):
    """A notebook without outputs; its metadata have a hash of its code, and its cells ids that stay as they are."""
    notebook = jupytext.read(source)
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code" and "%pip" not in cell.source]
    notebook.metadata["ran"] = hashlib.sha256("\n".join(code).encode()).hexdigest()
    notebook.metadata["language_info"] = {"name": "python"}
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
    return notebook


def execute(notebook, folder=None, kernel=None, timeout=1800):
    """Runs a notebook, in a folder and a kernel of its own if none is given, and tidies its outputs.

    Returns the most kilobytes of memory that the kernel has held.
    """
    language = notebook.metadata["language_info"]
    notebook.cells.append(nbformat.v4.new_code_cell(MEMORY))
    with tempfile.TemporaryDirectory() as empty:
        resources = {"metadata": {"path": str(folder or empty)}}
        nbclient.NotebookClient(notebook, km=kernel, timeout=timeout, record_timing=False, resources=resources).execute()
    notebook.metadata["language_info"] = language
    kilobytes = int(notebook.cells.pop().outputs[-1].text)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = tidied(cell.outputs)
    return kilobytes


def tidied(outputs):
    """Without warnings; what is printed in one piece, without progress bars, times, and the epochs in the middle."""
    kept = []
    for output in outputs:
        if output.output_type != "stream":
            kept.append(output)
        elif output.name == "stdout":
            if not kept or kept[-1].output_type != "stream":
                kept.append(nbformat.v4.new_output("stream", text=""))
            kept[-1].text += output.text
    for output in kept:
        if output.output_type == "stream":
            for pattern in (COLORS, OVERWRITTEN, BARS, WARNINGS, EPOCHS):
                output.text = pattern.sub("", output.text)
    return [output for output in kept if output.get("text") != ""]  # a warning alone leaves nothing


def show_images(notebook):
    """Puts images of pages in the place of pages, and makes all images small."""
    for output in (output for cell in notebook.cells for output in cell.get("outputs", [])):
        if page := PAGE.search(output.get("data", {}).get("text/html", "")):
            png, text = screenshot(html.unescape(page[1]))
            output.data = {"image/png": png, "text/plain": text}
            output.metadata = {
                "image/png": {"alt": "image of a page, whose text is: " + " ".join(text.split())[:300]},
                "page": True,
            }
        if len(png := output.get("data", {}).get("image/png", "")) > 100_000:
            output.data["image/png"] = smaller(png)


def screenshot(page, width=980, most=1400):
    """Shows a page in Chromium; returns its image as base64, and its text."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome")
    for argument in ("--headless=new", "--no-sandbox", "--hide-scrollbars", f"--window-size={width},300"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "page.html"
        path.write_text(page, encoding="utf-8")
        driver.get(path.as_uri())
        driver.execute_script(WITHOUT_TIMES)
        height = driver.execute_script(HEIGHT)
        driver.set_window_size(width, min(height, most) + 150)
        time.sleep(2)
        text = driver.execute_script("return document.body.innerText")
        png = driver.get_screenshot_as_base64()
        driver.quit()
    image = Image.open(io.BytesIO(base64.b64decode(png)))
    cropped = io.BytesIO()
    image.crop((0, 0, image.width, min(image.height, height, most))).save(cropped, "png")
    return base64.b64encode(cropped.getvalue()).decode(), text


def smaller(png):
    """An image in 256 colours, as base64."""
    buffer = io.BytesIO()
    Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB").quantize(256).save(buffer, "png", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()


if __name__ == "__main__":
    main()
