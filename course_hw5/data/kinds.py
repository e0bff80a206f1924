"""What a source of one's own holds: images, texts or masks."""

from course_hw5.data import folders, image_sources, records, scene_sources, tables, text_sources
from course_hw5.data.dataset import require_source
from course_hw5.files import AnyPath

OWN = "tfds:NAME, a folder or a table (.csv, .tsv, .jsonl)"


def kind_of(source: AnyPath, has_text_column: bool = False) -> str:
    """Whether a source holds "images", "texts" or "masks", by its folders, columns or features.

    Args:
        source: what the loaders take.
        has_text_column: whether a column of texts is named besides.

    Raises:
        ValueError: if it is no source.
        OSError: if it cannot be read or downloaded.
    """
    path = require_source(source, (), OWN, tables.SUFFIXES, folders=True)
    if has_text_column:
        return "texts"
    if path is None:
        return _kind_of_features(str(source).removeprefix("tfds:"))
    if path.is_file():
        columns = [name.lower() for name in tables.column_names(path)]
        is_text = any(name in columns for name in text_sources.TEXT_COLUMNS)
        return "texts" if is_text and not any(name in columns for name in image_sources.IMAGE_COLUMNS) else "images"
    inside = folders.subfolders(path)
    if any((place / "masks").is_dir() for place in (path, *folders.of_splits(path, inside).values())):
        return "masks"
    has_table = any(entry.suffix.lower() in tables.SUFFIXES for entry in path.iterdir())
    return "texts" if has_table and not inside else "images"


def _kind_of_features(name):
    builder = records.open_builder(name)
    import tensorflow_datasets as tfds

    features = builder.info.features
    if any(mask in features for mask in scene_sources.MASKS):
        return "masks"
    return "images" if any(isinstance(feature, tfds.features.Image) for feature in dict(features).values()) else "texts"
