"""A model as one page that runs it, and that page read back. Nothing in it is fetched, and it may run no other script."""

import base64
import hashlib
import html.parser
import importlib.resources
import json
import re
from collections.abc import Sequence
from typing import Any

import jinja2
import numpy as np
from jaxtyping import UInt8
from markupsafe import Markup
from PIL import Image

from course_hw5.attention.live import packing
from course_hw5.attention.viewer import state, templates

LIVE = importlib.resources.files(__package__)
ENVIRONMENT = templates.environment(jinja2.PackageLoader("course_hw5.attention", "live"))
# In this order in one block, as the viewer's: what feeds its views, then what stands around them.
BEFORE_CONTROLS = ("state", "resample", "answers", "client")
AFTER_CONTROLS = ("session", "words", "text_mode", "brush", "image_mode", "head_switches", "tour", "live")
WORKER = ("characters", "tokenizer", "kernels", "engine", "worker")
DRAWINGS = ("ship", "airplane", "truck")
KINDS = {"bert": ("attention", "rollout", "difference"), "beit": ("attention", "content_logits", "position_logits", "rollout")}
POLICY = (
    "default-src 'none'; script-src {script} 'wasm-unsafe-eval'; style-src {style}; img-src data: blob:; "
    "worker-src blob:; base-uri 'none'; form-action 'none'"
)


def live_page(
    config: dict[str, Any],
    data: bytes,
    tokens: Sequence[str],
    text: str,
    name: str,
    drawings: Sequence[UInt8[np.ndarray, "height width 3"]] = (),
    check: dict[str, Any] | None = None,
    title: str | None = None,
) -> str:
    """Writes a page that runs a model.

    Args:
        config: dict of the model's sizes and names, and "tensors", where each is in `data`.
        data: the weights, as `packing.pack` gives them.
        tokens: of the text that the page starts with, or names of the tokens of an image.
        text: that the page starts with; "" for images.
        name: of the model.
        drawings: of an image model, uint8 arrays `(height, width, 3)` of the size that it reads, one for each of `DRAWINGS`.
        check: what `read_page` gives back, for the numbers of the page to be compared.
        title: of the page; "Live attention" by default.

    Returns:
        The page as a string.
    """
    words = _language()
    is_image = config["kind"] == "beit"
    shown_kinds = [kind for kind in KINDS[config["kind"]] if kind != "position_logits" or config["positionBias"]]
    live: dict[str, Any] = {
        "config": config,
        "text": text,
        "name": name,
        "check": check or {},
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    live["drawings"] = [{"name": each, "source": _png(image)} for each, image in zip(DRAWINGS, drawings)]
    nothing = {"sentenceB": None, "vectors": None, "patching": None, "maps": None, "predictions": []}
    unknown = {
        "name": None,
        "className": None,
        "probability": None,
        "logOdds": None,
        "whatIf": [],
        "heads": None,
        "layers": None,
    }
    nothing |= unknown | {"answers": [unknown]}  # what the viewer can explain of a class is not known here
    layers, heads = range(config["layers"]), range(config["heads"])
    shown = nothing | {"queries": [*tokens], "keys": [*tokens], "layer": layers[-1] if is_image else 0, "live": live}
    shown |= {"heads": [*heads], "layers": [*layers], "kinds": [_kind(kind, config) for kind in shown_kinds]}
    if is_image:
        shown |= {"image": state.image(drawings[0], *config["grid"]), "patch": 0}
    viewer = [each for each in templates.SCRIPTS if is_image or not each.startswith("patch")]
    viewer = [each for each in viewer if not each.startswith(("step", "controls"))]
    left_out = ("brush", "image_mode", "resample") if not is_image else ("words", "text_mode")
    scripts = [each for each in (*viewer, *BEFORE_CONTROLS, "controls", *AFTER_CONTROLS) if each not in left_out]
    size = sum(int(np.prod(tensor["shape"])) for tensor in config["tensors"].values())
    about = words.say(f"about.{config['kind']}", name=name, layers=config["layers"], heads=config["heads"], size=size)
    encoded = lambda data: Markup(base64.b64encode(data).decode())  # noqa: E731 base64 holds no markup, and takes long to escape
    values = {"title": words.say("live.title") if title is None else title, "style": "attention.css", "scripts": scripts}
    values |= {"state": shown, "about": about, "worker": WORKER, "policy": POLICY, "say": words.say, "number": words.number}
    values |= {"code": encoded((LIVE / "kernel.wasm").read_bytes()), "data": encoded(data), "strings": words.strings}
    return _with_policy(ENVIRONMENT.get_template("live.html").render(**values))


def read_page(text: str, source: object) -> tuple[dict[str, Any], dict[str, Any], packing.Tensors]:
    """Reads a page of `live_page` back.

    Args:
        text: the page.
        source: of it, named by errors.

    Returns:
        What the page holds beside the model ("name", "check", ...), the config and the tensors.

    Raises:
        ValueError: if it is no such page, or its weights are not those that it was written with.
    """
    parser = _Blocks()
    parser.feed(text)
    try:
        live = json.loads(parser.blocks["state"])["live"]
        data = base64.b64decode(parser.blocks["live-weights"], validate=True)
        config, sha256 = live.pop("config"), live["sha256"]
    except (KeyError, ValueError, TypeError) as error:
        raise ValueError(f"{source} must be a page of `course-hw5 live`. Received: another file") from error
    if (found := hashlib.sha256(data).hexdigest()) != sha256:
        raise ValueError(f"{source} must hold the weights that it was written with, {sha256[:12]}. Received: {found[:12]}")
    return live, config, packing.unpack(data, config["tensors"])


class _Blocks(html.parser.HTMLParser):
    """The contents of the script elements of a page that have an id."""

    def __init__(self):
        super().__init__()
        self.blocks, self.open = {}, None

    def handle_starttag(self, tag, attributes):
        self.open = dict(attributes).get("id") if tag == "script" else None

    def handle_endtag(self, tag):
        self.open = None

    def handle_data(self, data):
        if self.open:
            self.blocks[self.open] = self.blocks.get(self.open, "") + data


def _language():
    """The texts of the viewer and those of this page."""
    strings = templates.language(ENVIRONMENT, "attention").strings | templates.language(ENVIRONMENT, "live").strings
    return templates.Language(strings)


def _kind(name, config):
    heads = 1 if name == "rollout" else config["heads"]
    shares = name in ("attention", "rollout")  # shares of one query sum to 1
    return {
        "name": name,
        "heads": heads,
        "signed": not shares,
        "shares": shares,
        "scales": [],
        "zeros": [],
        "answer": None,
        "map": False,
    }


def _png(image):
    return templates.image_url(Image.fromarray(image))


def _with_policy(page):
    """The page with a policy that lets its own script and style sheet work, by their hashes, and nothing else."""
    blocks = {"script": r"<script>(.*?)</script>", "style": r"<style>(.*?)</style>"}
    hashes = {}
    for name, pattern in blocks.items():
        (content,) = re.findall(pattern, page, re.DOTALL)
        hashes[name] = f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
    return page.replace(jinja2.filters.escape(POLICY), jinja2.filters.escape(POLICY.format(**hashes)), 1)
