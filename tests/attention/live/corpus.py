"""Texts that are hard to tokenize, drawn at random: words of many scripts, emoji, combining marks, spaces and any characters.

python tests/attention/live/corpus.py TEXTS.txt   # compares the tokenizers on the lines of a file
"""

import json
import pathlib
import random
import subprocess
import sys

from course_hw5.text.tokenizer import BertTokenizer, bert_tokenizer

ROOT = pathlib.Path(__file__).parents[3]
WORDS = [
    *(
        "the",
        "film",
        "unbelievably",
        "antidisestablishmentarianism",
        "don't",
        "U.S.A.",
        "3.14",
        "$5",
        "e-mail",
        "[MASK]",
        "##ly",
    ),
    *("NAÏVE", "Café", "crème", "İstanbul", "STRASSE", "ẞ", "Σίσυφος", "ΟΔΟΣ", "ﬁne", "①", "Ⅳ", "²", "½", "ǅ", "ŉ", "ſ", "µ"),
    *("فیلم", "اصلاً", "بد", "نبود", "می\u200cخواهم", "۱۲۳", "كتاب", "مدرسة", "שלום", "עִבְרִית", "電影", "很好看", "東京タワー"),
    *("ｶﾞｷﾞ", "한국어", "영화", "हिन्दी", "फ़िल्म", "ภาพยนตร์", "தமிழ்", "მთავრული", "Ქართული", "ᎠᎡ", "龍", "\uf9c4", "𠀀", "鿿"),
    *("😀", "👩\u200d👩\u200d👧", "🏳️\u200d🌈", "👍🏽", "🇮🇷", "☺️", "🫠", "\U0001f9ff", "\U000e0001", "\ue000"),
    *("e\u0301", "n\u0303o\u0308", "a\u0300\u0301\u0302", "\u0301", "Å", "\u212b", "K", "Ω", "\u0345", "\u1fbe", "𝒜𝓑"),
    *("¿Qué?", "«oui»", "“quotes”", "…", "—", "‐", "‰", "€", "₿", "→", "≠", "∑", "\u037e", "\u1fef"),
    *("\u200b\u200d\u200e", "\ufeff", "\u00ad", "\x00", "\x1f", "\ufffd", "\u2028", "\u2029", "\u0085", "\x0b"),
]
GAPS = ("", " ", " ", " ", "  ", "\t", "\n", "\r\n", "\u00a0", "\u2009")
READ = """
import { readFileSync } from "node:fs";
const { makeTokenizer } = await import(`${process.argv[2]}/course_hw5/attention/live/tokenizer.js`);
const { vocabulary, lowercase, texts } = JSON.parse(readFileSync(0, "utf8"));
const tokenizer = makeTokenizer(vocabulary, lowercase);
console.log(JSON.stringify(texts.map((text) => tokenizer.encode(text).ids.slice(1, -1))));
"""


def texts(count: int, seed: int = 0) -> list[str]:
    """Texts of up to a dozen words; each tenth is of characters of any kind."""
    source = random.Random(seed)
    codes = [code for code in range(0x30000) if not 0xD800 <= code < 0xE000]
    anything = lambda: "".join(chr(source.choice(codes)) for _ in range(source.randrange(1, 20)))  # noqa: E731
    mixed = lambda: "".join(source.choice(WORDS) + source.choice(GAPS) for _ in range(source.randrange(1, 12)))  # noqa: E731
    return [anything() if index % 10 == 0 else mixed() for index in range(count)]


def read_in_node(tokenizer: BertTokenizer, lines: list[str], folder: pathlib.Path) -> list[list[int]]:
    """The ids of each text by the tokenizer of the live page."""
    given = {"vocabulary": tokenizer.get_vocabulary(), "lowercase": tokenizer.lowercase, "texts": lines}
    (folder / "read.mjs").write_text(READ)
    command = ["node", folder / "read.mjs", ROOT]
    found = subprocess.run([*map(str, command)], input=json.dumps(given), capture_output=True, text=True, check=True).stdout
    return json.loads(found)


def differences(tokenizer: BertTokenizer, lines: list[str], folder: pathlib.Path) -> list[str]:
    """The texts that the page reads in another way."""
    found = read_in_node(tokenizer, lines, folder)
    return [line for line, ids in zip(lines, found, strict=True) if ids != tokenizer(line)]


if __name__ == "__main__":
    import tempfile

    lines = pathlib.Path(sys.argv[1]).read_text(encoding="utf-8").split("\n")
    with tempfile.TemporaryDirectory() as name:
        wrong = differences(bert_tokenizer(), lines, pathlib.Path(name))
    print(f"{len(lines):,} texts, {len(wrong)} read in another way", *wrong[:20], sep="\n")
