import warnings

import matplotlib.figure
import pytest

from course_hw5.reports import fonts, run_folder

pytestmark = pytest.mark.unit

CHINESE = "飞机"
STIX = "\N{MATHEMATICAL BOLD CAPITAL A}"  # DejaVu Sans lacks it, the STIX fonts that come with matplotlib have it


def figure_of(text):
    figure = matplotlib.figure.Figure()
    figure.text(0.5, 0.5, fonts.plain(text))
    return figure


@pytest.fixture
def no_fonts(monkeypatch):
    fonts._families.cache_clear()
    for search in ("_known_fonts", "_new_fonts"):
        monkeypatch.setattr(fonts, search, dict)
    yield
    fonts._families.cache_clear()


@pytest.mark.parametrize("name", ["$5 to $10", r"$\frac{1$", r"a\$b$", "a_b^{c", "$x$"])
def test_a_name_is_drawn_as_it_stands(name):
    (text,) = figure_of(name).texts
    assert text._preprocess_math(text.get_text()) == (name, False)  # what matplotlib draws, and whether as a formula


def test_a_name_of_forty_letters_is_whole_and_a_longer_one_keeps_both_ends():
    assert fonts.plain("x" * 40) == "x" * 40
    shown = fonts.plain("begins" + "x" * 80 + "ends")
    assert shown.startswith("begins") and shown.endswith("ends") and "…" in shown and len(shown) == 48


def test_letters_that_the_font_lacks_come_from_one_that_has_them():
    figure = figure_of(f"cat {STIX}")
    for _ in range(2):
        fonts.use_installed_fonts(figure)
    family = figure.texts[0].get_family()
    assert len(family) == len({*family}) == 2
    assert fonts._letters_in(matplotlib.font_manager.findfont(family[1]), STIX) == {STIX}


def test_plain_names_keep_their_font():
    figure = figure_of("cat, Möwe, кошка")
    before = figure.texts[0].get_family()
    fonts.use_installed_fonts(figure)
    assert figure.texts[0].get_family() == before


def test_letters_that_no_font_has_are_said_once_and_drawn_as_boxes(no_fonts, tmp_path):
    with pytest.warns(UserWarning, match=f"boxes for {''.join(sorted(CHINESE))}: no installed font .* fonts-noto-cjk") as said:
        for number in range(2):
            figure = figure_of(CHINESE)
            fonts.use_installed_fonts(figure)
            run_folder.write_figure(tmp_path / f"{number}.png", figure)
    assert len(said) == 1 and "\n" not in str(said[0].message)
    assert (tmp_path / "1.png").read_bytes().startswith(b"\x89PNG")


def test_fonts_installed_while_python_runs_are_found(monkeypatch):
    listed = matplotlib.font_manager.fontManager.ttflist
    (stix,) = (font for font in listed if font.name == "STIXGeneral" and font.style == "normal" and font.weight == 400)
    monkeypatch.setattr(matplotlib.font_manager.fontManager, "ttflist", [font for font in listed if font.name == "DejaVu Sans"])
    monkeypatch.setattr(matplotlib.font_manager, "findSystemFonts", lambda: [stix.fname])
    fonts._families.cache_clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fonts._families(frozenset(STIX)) == ("STIXGeneral",)


def test_right_to_left_names_are_joined_where_matplotlib_does_not(monkeypatch):
    monkeypatch.setattr(fonts, "SHAPES_TEXT", False)
    assert fonts.plain("شلام 12") != "شلام 12" and fonts.plain("cat") == "cat"
    assert fonts.plain("אב 12") == "12 בא"


@pytest.mark.parametrize(
    "names, columns", [(["cat", "dog"], 2), (["x" * 40] * 6, 3), (["飞" * 40] * 6, 1), ([], 1), (["a"] * 9, 6)]
)
def test_a_legend_has_as_many_columns_as_fit(names, columns):
    assert fonts.columns_of_legend(names, 12, most=6) == columns
