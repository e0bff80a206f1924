"""Writes `characters.js`: which characters BERT's tokenizer leaves out or reads alone, as `tokenizers` does.

Browsers know newer characters than `tokenizers`, and each its own, so the live page brings the classes along.

    python scripts/character_classes.py course_hw5/attention/live/characters.js
"""

import itertools
import pathlib
import sys

from tokenizers import normalizers, pre_tokenizers

CODES = [code for code in range(1, 0x110000) if not 0xD800 <= code < 0xE000 and code not in (*b"\t\n\r01",)]
OFF = {"clean_text": False, "handle_chinese_chars": False, "strip_accents": False, "lowercase": False}
HEADER = """// Made by scripts/character_classes.py. Characters as BERT's tokenizer classes them: of each range, in base 36, how
// far it begins from the end of the one before, and how many more it has.

const inRanges = (text) => {
  let end = 0;
  const ranges = text.split(";").map((range) => {
    const [gap, more = "0"] = range.split(",");
    const start = end + Number.parseInt(gap, 36);
    end = start + Number.parseInt(more, 36);
    return [start, end];
  });
  return (character) => {
    const code = character.codePointAt(0);
    let [low, high] = [0, ranges.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (ranges[middle][1] < code) low = middle + 1;
      else high = middle;
    }
    return low < ranges.length && ranges[low][0] <= code;
  };
};
"""


def removed(**step: bool) -> list[int]:
    """The characters that one step of the normalizer leaves out."""
    normalizer = normalizers.BertNormalizer(**OFF | step)
    parts = normalizer.normalize_str("1".join(f"0{chr(code)}0" for code in CODES)).split("1")
    return [code for code, part in zip(CODES, parts, strict=True) if part == "00"]


def alone() -> list[int]:
    """The characters that are words by themselves, and 0 and 1 not."""
    words = pre_tokenizers.BertPreTokenizer().pre_tokenize_str("0".join(map(chr, CODES)))
    return sorted({ord(word) for word, _ in words if len(word) == 1} - {ord("0")})


def base36(number: int) -> str:
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    return (base36(number // 36) if number >= 36 else "") + digits[number % 36]


def ranges(codes: list[int]) -> str:
    found, end = [], 0
    for _, group in itertools.groupby(enumerate(codes), lambda pair: pair[1] - pair[0]):
        first, *_, last = [code for _, code in group] * 2
        found.append(base36(first - end) + (f",{base36(last - first)}" if last > first else ""))
        end = last
    return ";".join(found)


def classes() -> dict[str, list[int]]:
    return {"isPunctuation": alone(), "isMark": removed(strip_accents=True), "isControl": removed(clean_text=True)}


def main(argv: list[str] | None = None) -> None:
    (path,) = sys.argv[1:] if argv is None else argv
    lines = [f'export const {name} = inRanges(\n  "{ranges(codes)}",\n);\n' for name, codes in classes().items()]
    pathlib.Path(path).write_text("\n".join([HEADER, *lines]), encoding="utf-8")


if __name__ == "__main__":
    main()
