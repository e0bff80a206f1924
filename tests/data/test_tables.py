"""Tables as users have them: from Excel, from Windows, from other programs."""

import pytest

from course_hw5.data import tables

pytestmark = pytest.mark.unit

USUAL = ("text", "sentence")


def written(path, content, encoding="utf-8"):
    path.write_bytes(content.encode(encoding))
    return path


def read(path, label="label", text="text"):
    """Pairs of text and label."""
    text, label = tables.chosen_column(path, "--text-column", None, (text,)), tables.chosen_column(path, "", None, (label,))
    return [pair for block in tables.rows(path, [text], label, None) for pair in zip(block[text], block[label])]


@pytest.mark.parametrize(
    "content, name",
    [
        ("text,label\na b,x\nc,y\n", "a.csv"),
        ("\ufefftext,label\r\na b,x\r\nc,y\r\n", "a.csv"),
        ("text;label\na b;x\nc;y", "a.csv"),
        ('"text";"label, or class";label\na b;;x\nc;;y', "a.csv"),
        ("text\tlabel\na b\tx\nc\ty\n", "a.csv"),
        ("text\tlabel\na b\tx\nc\ty\n", "A.TSV"),
        ("Text, Label\na b, x\nc, y\n\n", "a.csv"),
        (' text ,LABEL\n"a b",x\n"c",y\n', "a.csv"),
        ('{"text": "a b", "label": "x"}\r\n\r\n{"label": "y", "text": "c", "more": [1]}', "a.jsonl"),
    ],
)
def test_forms_of_a_table_give_the_same_rows(content, name, tmp_path):
    assert read(written(tmp_path / name, content)) == [("a b", "x"), ("c", "y")]


def test_cells_may_hold_quotes_separators_line_ends_and_the_word_none(tmp_path):
    path = written(tmp_path / "a.csv", 'text,label\n"one, ""two"";\nthree",x\nNA,null\nnan,None\n')
    assert read(path) == [('one, "two";\nthree', "x"), ("NA", "null"), ("nan", "None")]


def test_json_lines_may_hold_numbers_and_half_a_character(tmp_path):
    path = written(tmp_path / "a.jsonl", '{"text": "cut \\ud83d", "label": 3}\n{"text": "\\ud83d\\ude00", "label": true}')
    assert read(path) == [("cut ?", "3"), ("😀", "true")]


@pytest.mark.parametrize(
    "content, name, message",
    [
        ("text,label\na,x\nb,NaN\n", "a.csv", "must have a value in each cell. Received: none in row 2, column label"),
        ("text,label\na,x\n , y\n", "a.csv", "must have a value in each cell. Received: none in row 2, column text"),
        ('{"text": "a", "label": NaN}', "a.jsonl", "must have a value in each cell. Received: none in row 1, column label"),
        ('{"text": "a", "label": null}', "a.jsonl", "must have a value in each cell. Received: none in row 1, column label"),
        ('{"text": "a", "label": "x"}\n{"text": "b"}', "a.jsonl", "none in row 2, column label"),
        ('text,label\na,x\n"b,y\n', "a.csv", "must have as many columns in each row. Received: .*EOF inside string"),
        ('[{"text": "a"}]', "a.jsonl", "must have a JSON object in each line. Received: .* line 1"),
    ],
)
def test_rows_that_lack_something_are_named(content, name, message, tmp_path):
    with pytest.raises(ValueError, match=message) as error:
        read(written(tmp_path / name, content))
    assert "\n" not in str(error.value)


def test_a_table_in_the_encoding_of_windows_is_refused(tmp_path):
    for encoding, found in (("utf-16", "the byte ff after 0"), ("cp1252", "the byte e9 after 11")):
        path = written(tmp_path / "a.csv", "text,label\né,x\n", encoding)
        with pytest.raises(ValueError, match=f"must be a text in UTF-8. Received: {found} others"):
            read(path)


def test_splits_are_said_in_any_form(tmp_path):
    path = written(tmp_path / "a.csv", "text,label,Split\na,x,TRAIN\nb,x, dev\nc,x,valid\nd,x,Testing\n")
    [block] = tables.rows(path, ["text"], "label", tables.split_column(path))
    assert [*tables.row_splits(path, block["Split"])] == ["train", "validation", "validation", "test"]
