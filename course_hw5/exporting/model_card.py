"""The model card beside a model for the Hugging Face hub: what it was trained on, how good it is, its licence.

Loads no Keras.
"""

import dataclasses
import importlib.resources
import json
from collections.abc import Sequence

from course_hw5.files import AnyPath, local_path, read_object

SOURCE = "https://github.com/course-hw5/course_hw5"
CARDS = importlib.resources.files("course_hw5") / "assets" / "model_cards.json"
SCORES = ("accuracy", "f1", "mean_iou", "pixel_accuracy", "test_examples")  # those of `metrics.json` that a card shows
TASKS = {
    "ForSequenceClassification": "text-classification",
    "ForImageClassification": "image-classification",
    "ForSemanticSegmentation": "image-segmentation",
}
UNKNOWN = "not recorded"


@dataclasses.dataclass(frozen=True)
class ModelCard:
    """What a card says.

    Attributes:
        title: name of the model.
        data: what it was trained on.
        scores: numbers by what they are of.
        license: identifier of the hub, such as "apache-2.0".
        details: further sentences.
    """

    title: str = "A model of course_hw5"
    data: str = UNKNOWN
    scores: dict[str, float] = dataclasses.field(default_factory=dict)
    license: str = "unknown"
    details: str = ""

    def text(self, architecture: str, class_names: Sequence[str] | None = None) -> str:
        """The content of `README.md`.

        Args:
            architecture: class of `transformers`, such as "BertForSequenceClassification".
            class_names: one string per class, or None.
        """
        task = next((task for end, task in TASKS.items() if architecture.endswith(end)), None)
        lines = ["---", f"license: {self.license}", "library_name: transformers"]
        lines += [f"pipeline_tag: {task}"] if task else []
        lines += ["tags:", "- course_hw5", "---", "", f"# {self.title}", ""]
        lines += [f"{architecture}, written by [course_hw5]({SOURCE}).", "", *([self.details, ""] if self.details else [])]
        lines += ["```python"]
        if task:
            lines += ["from transformers import pipeline", "", f'pipe = pipeline("{task}", "PATH OR NAME OF THIS MODEL")']
        else:
            lines += [
                "from transformers import AutoModel",
                "",
                'model = AutoModel.from_pretrained("PATH OR NAME OF THIS MODEL")',
            ]
        lines += ["```", "", f"- Trained on: {self.data}", f"- Licence: {self.license}"]
        lines += [f"- Classes: {', '.join(class_names)}"] if class_names else []
        lines += ["", "## Scores", ""]
        if self.scores:
            lines += ["| score | value |", "|---|---|", *(f"| {name} | {value:g} |" for name, value in self.scores.items())]
        return "\n".join(lines if self.scores else [*lines, UNKNOWN.capitalize()]) + "\n"


def card_of(preset: AnyPath, license: str | None = None) -> ModelCard:
    """The card of what `load_model` takes: of a bundled preset as it was measured, of a run folder by its files.

    Args:
        preset: as for `load_model`.
        license: identifier of the hub; None for a bundled preset's own, "unknown" of others.

    Returns:
        `ModelCard`; of anything else without data and scores.

    Raises:
        ValueError: if a file of a run folder is damaged.
    """
    cards = json.loads(CARDS.read_text(encoding="utf-8"))
    if str(preset) in cards:
        card = ModelCard(title=str(preset), **cards[str(preset)])
    else:
        path = local_path(preset)
        folder = path.parent if path.suffix == ".keras" else path
        config, metrics = read_object(folder / "config.json"), read_object(folder / "metrics.json")
        scores = {f"test {name}": float(metrics[name]) for name in SCORES if name in metrics}
        note = (config.get("data") or {}).get("note", UNKNOWN)
        card = ModelCard(title=folder.name, data=note, scores=scores) if scores else ModelCard(title=path.stem)
    return dataclasses.replace(card, license=license) if license else card
