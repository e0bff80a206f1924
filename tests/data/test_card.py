"""What is in a data set: counts, sizes, duplicates, broken files; the page of it."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from course_hw5 import load_images, load_reviews, load_scenes
from course_hw5.data.kinds import kind_of
from course_hw5.reports.pages import data as page
from course_hw5.text.tokenizer import bert_tokenizer
from tests.cli.running import command, failure
from tests.data.own import write_class_folders
from tests.data.test_own_scenes import write_scenes
from tests.data.test_own_texts import WORDS, write_csv


@pytest.fixture
def photos(tmp_path):
    """Random images in three splits: one test image is in train, one nearly, and one validation image is."""
    random = np.random.default_rng(0)
    for split, count in (("train", 6), ("validation", 3), ("test", 4)):
        for name in ("cat", "dog"):
            (tmp_path / "photos" / split / name).mkdir(parents=True)
            for number in range(count):
                rough = Image.fromarray(random.integers(0, 256, (6, 6, 3), "uint8"))
                rough.resize((64, 48), Image.Resampling.BICUBIC).save(tmp_path / "photos" / split / name / f"{number}.png")
    folder = tmp_path / "photos"
    (folder / "test" / "cat" / "0.png").write_bytes((folder / "train" / "cat" / "5.png").read_bytes())
    Image.open(folder / "train" / "dog" / "1.png").resize((60, 44)).save(folder / "test" / "dog" / "2.jpg", quality=80)
    (folder / "test" / "dog" / "2.png").unlink()
    (folder / "validation" / "dog" / "0.png").write_bytes((folder / "train" / "dog" / "0.png").read_bytes())
    return folder


def test_a_card_of_images_counts_and_names_duplicates(photos):
    card = load_images(photos, image_size=32).card
    assert card.counts == {"train": [6, 6], "validation": [3, 3], "test": [4, 4]} and card.unit == "images"
    assert card.sizes == {"width": (60, 64, 64), "height": (44, 48, 48)}
    found = {(found.first, found.second): found for found in card.duplicates}
    assert {splits: (each.exact, each.near) for splits, each in found.items()} == {
        ("train", "test"): (1, 1),
        ("train", "validation"): (1, 0),
    }
    pairs = {
        tuple(card.name_of(split, index)[-15:] for split, index in zip(("train", "test"), pair))
        for pair in found["train", "test"].pairs
    }
    assert pairs == {("cat/5.png (cat)", "cat/0.png (cat)"), ("dog/1.png (dog)", "dog/2.jpg (dog)")}


def test_the_page_of_a_card_shows_all_of_it(photos, tmp_path):
    (photos / "train" / "dog" / "x.png").write_text("no image")
    card = load_images(photos, skip_broken=True).card
    text = page.write_card(card, tmp_path / "new" / "card.html").read_text(encoding="utf-8")
    assert "2 examples of test are in train, too." in text and "The same: 1; nearly the same: 1." in text
    assert "1 file cannot be read and is left out." in text and "dog/x.png must be an image" in text
    assert text.count("data:image/png") == 8 and "The score on the test set is higher" in text
    json.dumps(page.card_facts(card))


def test_texts_that_differ_in_case_and_punctuation_are_nearly_the_same(tmp_path):
    rows = [(f"ball word{i}", "sport", "train") for i in range(4)] + [(f"song word{i}", "art", "train") for i in range(4)]
    rows += [
        ("ball word1", "sport", "test"),
        ("Song,  WORD2!", "art", "test"),
        ("dance", "art", "test"),
        ("goal", "sport", "val"),
    ]
    path = tmp_path / "mine.csv"
    path.write_text("\n".join(["text,label,split", *(f'"{text}",{label},{split}' for text, label, split in rows)]))
    card = load_reviews(path, batch_size=1, tokenizer=bert_tokenizer(WORDS)).card
    [found] = card.duplicates
    assert (found.first, found.second, found.exact, found.near) == ("train", "test", 1, 1)
    assert [card.name_of("test", index) for _, index in found.pairs] == ["9: ball word1 (sport)", "10: Song,  WORD2! (art)"]
    assert card.counts == {"train": [4, 4], "validation": [0, 1], "test": [2, 1]}
    assert card.samples()["art"] == [f"song word{i}" for i in range(4)]
    assert card.sizes["tokens"][0] == 3


def test_equal_examples_of_different_classes_are_the_first_thing_that_the_page_says(tmp_path):
    random = np.random.default_rng(0)
    for split, count in (("train", 4), ("validation", 1), ("test", 1)):
        for name in ("Cat", "dog", "cat "):
            (tmp_path / split / name).mkdir(parents=True)
            for number in range(count):
                image = Image.fromarray(random.integers(0, 256, (8, 8, 3), "uint8"))
                image.save(tmp_path / split / name / f"{number}.png")
    image.save(tmp_path / "train" / "dog" / "copy.png")
    image.save(tmp_path / "train" / "dog" / "copy 2.png")
    image.save(tmp_path / "train" / "Cat" / "copy.png")
    text = page.card_html(page.card_facts(load_images(tmp_path, image_size=8).card))
    said = ["2 examples of train are equal to earlier ones and have another class", "1 example of test is in train, too."]
    said += ["2 examples of train repeat earlier ones", "names that differ in case or spaces alone: Cat, cat ."]
    assert re.search(r"train/Cat/copy.png \(Cat\)</bdi> = <bdi>.*train/dog/copy.png \(dog\)", text)
    assert [text.index(line) for line in said] == sorted(
        text.index(line) for line in said
    ) and "One of the two is wrong" in text


def test_scenes_that_are_equal_but_for_their_masks_are_counted(tmp_path):
    for split, count in (("train", 4), ("validation", 1), ("test", 1)):  # those of one number are equal
        write_scenes(tmp_path / "garden" / split, count, names=None)
    path = tmp_path / "garden" / "test" / "masks" / "0.png"
    mask = np.array(Image.open(path))
    mask[5] = 0
    Image.fromarray(mask).save(path)
    found = load_scenes(tmp_path / "garden", (16, 16, 3), batch_size=2).card.duplicates
    counted = {(one.first, one.second): (one.exact, one.contradicting) for one in found if one.exact}
    assert counted == {("train", "test"): (1, 1), ("train", "validation"): (1, 0), ("validation", "test"): (1, 1)}


def test_a_card_of_scenes_counts_pixels(tmp_path):
    card = load_scenes(write_scenes(tmp_path / "garden", 8), (16, 16, 3), batch_size=2).card
    assert card.class_names == ["ground", "wall"] and sum(card.examples.values()) == 8
    assert sum(map(sum, card.counts.values())) == sum(19 * (30 + number) for number in range(8))  # but for the rows of no class
    facts = page.card_facts(card)
    assert len(facts["samples"][""]) == 8 and "Pixels of each class" in page.card_html(facts)


def test_a_source_says_what_it_holds(tmp_path):
    assert kind_of(write_class_folders(tmp_path / "colors", 1)) == "images"
    assert kind_of(write_scenes(tmp_path / "garden", 1)) == "masks"
    assert kind_of(write_csv(tmp_path / "mine.csv", 1)) == "texts"
    (tmp_path / "photos.csv").write_text("path,label\na,b\n")
    assert kind_of(tmp_path / "photos.csv") == "images" and kind_of(tmp_path / "photos.csv", has_text_column=True) == "texts"
    with pytest.raises(ValueError, match="`source` must be tfds:NAME, a folder or a table"):
        kind_of(tmp_path / "nothing")


def test_the_command_names_duplicates_and_writes_the_page(photos, tmp_path, capsys):
    command("data", photos, "--out", tmp_path / "card.html")
    said = capsys.readouterr().out
    assert "2 examples of test are in train, too (1 exactly); 1 example of validation is in train" in said and "Open" in said
    assert "cat" in (tmp_path / "card.html").read_text(encoding="utf-8")
    assert "SOURCE must be data of your own. Received: digits" in failure(capsys, command, "data", "digits", "--kind", "images")
