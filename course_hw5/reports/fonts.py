"""Text in figures as it stands: no formulas, letters of any script from the fonts that are installed."""

import contextlib
import functools
import unicodedata
import warnings
from collections.abc import Iterator, Sequence

from matplotlib import font_manager, ft2font
from matplotlib.figure import Figure
from matplotlib.text import Text

# matplotlib 3.11 joins and orders letters as their script does; older ones draw letter by letter from the left.
SHAPES_TEXT = hasattr(ft2font, "__libraqm_version__")
LONGEST = 48  # letters of a name in a figure


def plain(text: object) -> str:
    """A text as matplotlib has to be given it to draw it as it stands.

    Dollars are escaped, so that no part is read as a formula; names longer than 48 letters lose their middle. Right-to-left
    letters are joined and put in order, unless matplotlib does so itself.

    Example:
        >>> plain("$5 to $10")
        '\\\\$5 to \\\\$10'
    """
    shown = str(text)
    if len(shown) > LONGEST:
        shown = f"{shown[: LONGEST // 2]}…{shown[1 - LONGEST // 2 :]}"
    if not SHAPES_TEXT and any(unicodedata.bidirectional(letter) in ("R", "AL") for letter in shown):
        import arabic_reshaper  # here, since a newer matplotlib needs neither
        import bidi.algorithm

        shown = bidi.algorithm.get_display(arabic_reshaper.reshape(shown))
    return shown.replace("$", r"\$")


def use_installed_fonts(figure: Figure) -> None:
    """Adds to each text of a figure the installed fonts that have the letters which its own font lacks.

    Letters that no font has are drawn as boxes; one warning says so.
    """
    texts = [text for text in figure.findobj(Text) if not text.get_text().isascii()]
    for text in texts:
        letters = frozenset(letter for letter in text.get_text() if letter.isprintable() and not letter.isspace())
        if missing := letters - _letters_in(font_manager.findfont(text.get_fontproperties()), letters):
            text.set_fontfamily([*dict.fromkeys([*text.get_fontfamily(), *_families(missing)])])


def columns_of_legend(names: Sequence[str], width: float, most: int) -> int:
    """How many columns of names, `most` at most, fit into a legend of `width` inches."""
    widest = max((sum(1 + (unicodedata.east_asian_width(letter) in "WF") for letter in name) for name in names), default=0)
    return max(1, min(most, len(names), int(width / (0.6 + 0.08 * widest))))


@contextlib.contextmanager
def no_glyph_warnings() -> Iterator[None]:
    """Silences matplotlib's warning for each letter without a glyph: `use_installed_fonts` has said it once."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        yield


def _letters_in(path, letters):
    try:
        font = font_manager.get_font(path)
    except (OSError, RuntimeError):  # FreeType cannot read it
        return frozenset()
    return frozenset(letter for letter in letters if font.scalable and font.get_char_index(ord(letter)))


@functools.cache
def _families(letters):
    """Families that have these letters together, the one that has most of them first."""
    families = []
    for fonts in (_known_fonts, _new_fonts):
        held = {name: _letters_in(path, letters) for name, path in fonts().items()} if letters else {}
        while held and (best := max(held, key=lambda name: len(held[name] & letters))) and held[best] & letters:
            families.append(best)
            letters -= held[best]
    if letters:
        boxes = f"Figures show boxes for {''.join(sorted(letters)[:8])}: no installed font has these letters."
        warnings.warn(f"{boxes} On Debian, Ubuntu and Colab: apt install fonts-noto-core fonts-noto-cjk", stacklevel=2)
    return tuple(families)


def _known_fonts():
    """Families that matplotlib knows, to the file of their regular font; those without serifs first."""

    def rank(font):
        weight = font_manager.weight_dict.get(font.weight, font.weight)
        is_simplified = font.name.endswith(" SC")  # of the five kinds of Chinese characters the most read
        return "Sans" not in font.name, font.style != "normal", abs(weight - 400), not is_simplified, font.name

    families = {}
    for font in sorted(font_manager.fontManager.ttflist, key=rank):
        if not font.name.startswith((".", "Last")):  # the "Last Resort" has nothing but boxes
            families.setdefault(font.name, font.fname)
    return families


def _new_fonts():
    """As above, with what was installed since matplotlib listed the fonts."""
    for path in {*font_manager.findSystemFonts()} - {font.fname for font in font_manager.fontManager.ttflist}:
        with contextlib.suppress(OSError, RuntimeError, KeyError, UnicodeError):  # fonts that matplotlib cannot read
            font_manager.fontManager.addfont(path)
    return _known_fonts()
