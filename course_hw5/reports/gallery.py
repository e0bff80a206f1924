"""Images beside their segmentation masks, as one figure."""

from collections.abc import Sequence

import matplotlib.figure
import matplotlib.patches
import numpy as np

from course_hw5.data.dataset import IGNORE_INDEX
from course_hw5.reports import fonts
from course_hw5.segmentation import masks


def gallery(
    images: Sequence[masks.RgbImage],
    true_masks: Sequence[masks.Mask] | None,
    predictions: Sequence[masks.Mask] | None,
    class_names: Sequence[str],
    most: int = 14,
) -> matplotlib.figure.Figure:
    """Draws images beside their segmentation masks: annotated (figure 7 of the homework) and predicted (figure 8).

    Args:
        images: uint8 arrays `(height, width, 3)`, of any sizes.
        true_masks: integer arrays `(height, width)`, one per image; or None.
        predictions: likewise; or None.
        class_names: one string per class.
        most: classes in the legend, those with the largest shares.

    Returns:
        `matplotlib.figure.Figure`: a row per image.

    Raises:
        ValueError: if there is not one mask per image, or one has another size or labels that are no class.
    """
    given = {"image": images, "annotation": true_masks, "prediction": predictions}
    columns = {title: list(maps) for title, maps in given.items() if maps is not None}
    for title, maps in columns.items():
        if len(maps) != len(columns["image"]) or not maps:
            raise ValueError(f"There must be one {title} per image, of {len(columns['image'])}. Received: {len(maps)}")
        for number, (image, mask) in enumerate(zip(columns["image"], maps)):
            size, found = np.shape(image)[:2], np.shape(mask)[:2]
            if size != found:
                raise ValueError(f"The {title} of image {number} must have its size, {size}. Received: {found}")
    rows, count = len(columns["image"]), len(class_names)
    shape = columns["image"][0].shape
    figure = matplotlib.figure.Figure(figsize=(4 * len(columns), 0.9 + 4 * shape[0] / shape[1] * rows), layout="constrained")
    axes = figure.subplots(rows, len(columns), squeeze=False)
    for (title, maps), column in zip(columns.items(), axes.T):
        column[0].set_title(title)
        for image, labels, panel in zip(columns["image"], maps, column):
            panel.imshow(image if title == "image" else masks.colored(labels, count))
            panel.set_axis_off()
    flat = [np.ravel(labels) for title, labels_of in columns.items() if title != "image" for labels in labels_of]
    entries = masks.legend(np.concatenate(flat), class_names) if flat else []
    shown = [(entry.color, f"{fonts.plain(entry.name)} {entry.share:.0%}") for entry in entries[:most]]
    if any((mask == IGNORE_INDEX).any() for mask in flat):
        shown.append((masks.GREY, "no label"))
    handles = [matplotlib.patches.Patch(color=(*np.array(color) / 255,), label=label) for color, label in shown]
    if handles:
        ncols = fonts.columns_of_legend([label for _, label in shown], figure.get_figwidth(), most=6)
        figure.legend(handles=handles, loc="outside lower center", ncols=ncols, frameon=False)
    fonts.use_installed_fonts(figure)
    return figure
