"""`load_reviews` of tables and sets of TensorFlow Datasets."""

import json

import numpy as np
import pytest
import tensorflow as tf

from course_hw5 import encode_sentence, load_reviews
from course_hw5.data.token_ids import tokenize
from course_hw5.text.tokenizer import SPECIAL_TOKENS, bert_tokenizer
from tests.data.own import store_tfds, use_tfds

WORDS = [*SPECIAL_TOKENS, "ball", "goal", "court", "law", "song", "dance", *(f"word{i}" for i in range(40))]
CLASSES = {"art": ("song", "dance"), "law": ("court", "law"), "sport": ("ball", "goal")}


@pytest.fixture(scope="module")
def tokenizer():
    return bert_tokenizer(WORDS)


def lines(count):
    """Rows of (text, label), `count` of each class, of different lengths."""
    return [
        (f"{words[number % 2]} " + " ".join(f"word{(7 * number + i) % 40}" for i in range(number % 9)), name)
        for number in range(count)
        for name, words in CLASSES.items()
    ]


def write_csv(path, count=20, header="text,label"):
    path.write_text("\n".join([header, *(f'"{text}",{label}' for text, label in lines(count))]), encoding="utf-8")
    return path


def read(part):
    """The texts of a part as tuples of token ids without padding, and their labels."""
    return [(tuple(row[row > 0]), int(label)) for rows, labels in part for row, label in zip(rows.numpy(), labels.numpy())]


def test_a_table_of_three_classes_becomes_token_ids(tmp_path, tokenizer):
    data = load_reviews(
        write_csv(tmp_path / "mine.csv"), batch_size=2, max_length=16, validation_split=0.25, tokenizer=tokenizer
    )
    assert data.class_names == ["art", "law", "sport"]
    assert data.note == "mine.csv, 36 + 12 + 12 texts to train, validate and test on"
    texts = {
        data.describe(np.array(row)): data.class_names[label]
        for part in (data.train, data.validation, data.test)
        for row, label in read(part)
    }
    assert texts.items() <= {text.strip(): label for text, label in lines(20)}.items() and len(texts) >= 55
    assert len(data.samples) == 3 and all(sample in [(text,) for text, _ in lines(20)] for sample in data.samples)


@pytest.mark.parametrize("suffix", ["tsv", "jsonl"])
def test_named_columns_pairs_and_splits_are_read(tmp_path, tokenizer, suffix):
    rows = [
        {"a": "ball goal", "b": f"word{i}", "kind": i % 2, "split": split}
        for split in ("train", "dev", "test")
        for i in range(4)
    ]
    path = tmp_path / f"pairs.{suffix}"
    if suffix == "jsonl":
        path.write_text("\n".join(map(json.dumps, rows)))
    else:
        path.write_text("\n".join(["\t".join(rows[0]), *("\t".join(map(str, row.values())) for row in rows)]))
    columns = {"text_column": "a", "other_column": "b", "label_column": "kind"}
    data = load_reviews(path, batch_size=1, max_length=8, tokenizer=tokenizer, **columns)
    assert data.class_names == ["0", "1"] and len(read(data.validation)) == 4 == len(read(data.train))
    expected = {tuple(encode_sentence("ball goal", 8, f"word{i}", tokenizer)[:6]): i % 2 for i in range(4)}
    assert dict(read(data.test)) == expected and data.samples[0] == ("ball goal", "word0")


def test_a_folder_of_tables_has_their_splits(tmp_path, tokenizer):
    write_csv(tmp_path / "train.csv", 12)
    write_csv(tmp_path / "test.csv", 2)
    data = load_reviews(tmp_path, batch_size=2, tokenizer=tokenizer)
    assert len(read(data.test)) == 6 and len(read(data.validation)) == 3
    (tmp_path / "train.csv").unlink()
    with pytest.raises(ValueError, match="must hold a table train, such as train.csv. Received: test.csv"):
        load_reviews(tmp_path, tokenizer=tokenizer)
    for name in ("Train.TSV", "train.csv"):
        (tmp_path / name).write_text("")
    with pytest.raises(ValueError, match="must hold one train set. Received: Train.TSV and train.csv"):
        load_reviews(tmp_path, tokenizer=tokenizer)


def test_token_ids_in_a_file_give_the_same_batches_as_those_in_memory(tmp_path, tokenizer):
    path, epochs = write_csv(tmp_path / "mine.csv"), []
    for memory_gb in (1.0, 0):
        data = load_reviews(path, batch_size=4, max_length=16, validation_split=0.1, tokenizer=tokenizer, memory_gb=memory_gb)
        for epoch in (1, 2):
            tf.random.get_global_generator().reset_from_seed(epoch)
            epochs.append(read(data.train))
        epochs.append(read(data.validation) + read(data.test))
    assert epochs[:3] == epochs[3:] and epochs[0] != epochs[1]


def test_each_text_has_its_turn_also_where_few_have_its_length(tmp_path, tokenizer):
    rows = [("song", 1), ("law", 1), ("song", 9), ("law", 14), ("song", 30), ("law", 30)]
    texts = [(f"word{number} " + " ".join([word] * length), word) for word, length in rows for number in range(5)]
    (tmp_path / "mine.csv").write_text("\n".join(["text,label", *map(",".join, texts)]))
    data = load_reviews(tmp_path / "mine.csv", batch_size=8, max_length=40, tokenizer=tokenizer)
    seen = {text for _ in range(12) for text, _ in read(data.train)}
    assert len(seen) == data.card.examples["train"] == 22 and data.train.cardinality() == 2


def test_a_pair_that_is_too_long_is_cut_as_a_single_one(tokenizer):
    for counts in ((20, 3), (3, 20), (11, 12), (12, 11), (4, 5)):
        first, second = (" ".join(["ball"] * count) for count in counts)
        [row] = tokenize([first], tokenizer, 16, [second])
        expected = encode_sentence(first, 16, second, tokenizer)
        assert row.tolist() == expected[expected > 0].tolist()


def test_any_text_classification_of_tfds_is_read(tmp_path, monkeypatch, tokenizer):
    import tensorflow_datasets as tfds

    names = ["sport", "law", "art"]
    features = {"title": tfds.features.Text(), "topic": tfds.features.ClassLabel(names=names)}
    part = [{"title": text, "topic": label} for text, label in lines(10)]
    store_tfds(tmp_path, "topics", features, {"train": part, "test": part[:6]})
    use_tfds(monkeypatch, tmp_path)
    data = load_reviews("tfds:topics", batch_size=2, max_length=16, validation_split=0.2, tokenizer=tokenizer)
    assert data.class_names == names and len(read(data.test)) == 6
    found = {data.describe(np.array(row)): names[label] for row, label in read(data.train)}
    assert found.items() <= {text.strip(): label for text, label in lines(10)}.items()
    with pytest.raises(ValueError, match="must have a feature of the kind Text called topic; --text-column chooses it"):
        load_reviews("tfds:topics", text_column="topic")


@pytest.mark.parametrize(
    "content, arguments, message",
    [
        ("text,kind\na,b\n", {}, "must have a column label or class, or one that --label-column names. Received: text, kind"),
        ("text,label\na,b\n", {"text_column": "title"}, "must have the column title. Received: text, label"),
        ("text,label\na,b\n", {"other_column": "title"}, "must have the column title. Received: text, label"),
        ("text,label\na,1\nb,good\n", {}, "labels that are all numbers or all words. Received: '1' and 'good'"),
        ("text,label\na,good\nb,good\n", {}, "must have two classes or more. Received: one alone, 'good'"),
        ("text,label\na,good\n,bad\n", {}, "must have a value in each cell. Received: none in row 2, column text"),
        ("text,label\na,good\nb,bad\n", {"teacher": print}, "`teacher` must be None .* and for data of your own"),
        ("text,label,split\na,good,train\nb,bad,test\nc,fine,train", {}, "train on each class that it tests. Received: 'bad'"),
    ],
)
def test_bad_tables_are_refused_in_one_line(tmp_path, tokenizer, content, arguments, message):
    (tmp_path / "mine.csv").write_text(content)
    with pytest.raises(ValueError, match=message) as error:
        load_reviews(tmp_path / "mine.csv", tokenizer=tokenizer, **arguments)
    assert "\n" not in str(error.value)


def test_a_line_that_is_no_object_is_named(tmp_path, tokenizer):
    (tmp_path / "mine.jsonl").write_text('{"text": "a", "label": 1}\n[1, 2]\n')
    with pytest.raises(ValueError, match=r"must have a JSON object in each line. Received: '\[1, 2\]', line 2"):
        load_reviews(tmp_path / "mine.jsonl", tokenizer=tokenizer)
