import pathlib
import subprocess
import sys

import pytest

from course_hw5 import cli, labs

pytestmark = pytest.mark.slow


def test_each_lab_states_its_claim_its_source_and_what_would_refute_it():
    assert {path.stem for path in pathlib.Path(labs.__file__).parent.glob("*.py")} == {"__init__", *labs.LABS}
    for name in labs.LABS:
        text, parameters = labs.describe(name)
        assert "\n\nSource: question" in text and "refute" in text and parameters
        assert len(text.splitlines()[0]) <= 128 and text.splitlines()[0].endswith(".")


def test_the_list_of_labs_loads_no_heavy_library():
    code = "import sys; from course_hw5 import cli; cli.main(['lab', '--list']); print(*sys.modules)"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
    assert [line.split()[0] for line in printed[:-1]] == [*labs.LABS] and len(labs.LABS) == 10
    assert not {"tensorflow", "keras", "numpy"} & set(printed[-1].split())


def test_a_lab_prints_its_verdict_and_leaves_a_page_and_figures(tmp_path, capsys):
    cli.main(["lab", "weights_by_hand", "--samples", "50", "--weights", "uniform", "--out", str(tmp_path)])
    printed = capsys.readouterr().out
    assert "verdict: refuted" in printed and f"Open {tmp_path}/index.html" in printed
    assert {path.name for path in tmp_path.iterdir()} == {"index.html", "figure-1.png", "figure-2.png"}
    page = (tmp_path / "index.html").read_text()
    assert 'class="verdict refuted"' in page and "Vaswani" in page and "srcdoc=" in page
    assert "<code>weights=&#34;negated&#34;</code> gives" in page


def test_a_command_measures_what_python_does_by_default(tmp_path, capsys):
    cli.main(["lab", "weights_by_hand", "--samples", "50", "--out", str(tmp_path)])
    printed = capsys.readouterr().out
    for measurement in labs.run_lab("weights_by_hand", samples=50).measurements:
        assert f"  {measurement.label}: {measurement.text}\n" in printed


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["nothing"], "The lab must be one of long_inputs, weights_by_hand"),
        (["weights_by_hand", "--samples", "0"], "argument --samples: must be a whole number, 1 or more. Received: 0"),
        (["weights_by_hand", "--nothing", "1"], "unrecognized arguments: --nothing 1"),
        (["weights_by_hand", "--weights", "none"], "`weights` must be one of softmax, negated, uniform. Received: 'none'"),
    ],
)
def test_what_a_lab_does_not_know_is_refused_in_one_line(arguments, message, capsys):
    with pytest.raises(SystemExit) as error:
        cli.main(["lab", *arguments])
    assert error.value.code == 2 and message in capsys.readouterr().err


@pytest.mark.parametrize(
    "name, parameters, message",
    [
        ("anatomy", {"layer": "gru"}, r"`layer` must be one of transformer, lstm. Received: 'gru'"),
        ("anatomy", {"blocks": 0}, r"`blocks` must be 1 or more. Received: 0"),
        ("anatomy", {"steps": 0}, r"`steps` must be 1 or more. Received: 0"),
        ("convolution_as_attention", {"attention": "none"}, r"`attention` must be one of positions, uniform. Received: 'none'"),
        ("convolution_as_attention", {"side": 2}, r"`side` must be 3 or more. Received: 2"),
        ("convolution_as_attention", {"channels": 1}, r"`channels` must be 3 or more. Received: 1"),
        (
            "local_and_global",
            {"attention": "local"},
            r"`attention` must be one of trained, positions, uniform. Received: 'local'",
        ),
        ("local_and_global", {"layers": 1}, r"`layers` must be in \[2, 12\]. Received: 1"),
        ("local_and_global", {"layers": 13}, r"`layers` must be in \[2, 12\]. Received: 13"),
        ("long_inputs", {"attention": "none"}, r"`attention` must be one of learnt, uniform. Received: 'none'"),
        ("long_inputs", {"longest": 7}, r"`longest` must be 8 or more. Received: 7"),
        ("long_inputs", {"steps": 0}, r"`steps` must be 1 or more. Received: 0"),
        ("order", {"positions": "all"}, r"`positions` must be one of none, sine, learnt. Received: 'all'"),
        ("order", {"steps": 0}, r"`steps` must be 1 or more. Received: 0"),
        ("embeddings", {"reads": "segment"}, r"`reads` must be one of sum, token. Received: 'segment'"),
        ("heads", {"heads": "many"}, r"`heads` must be one of several, copies. Received: 'many'"),
        (
            "learned_locality",
            {"regularization": "l2"},
            r"`regularization` must be one of beta_lasso, l1, none. Received: 'l2'",
        ),
        ("learned_locality", {"pixels": "none"}, r"`pixels` must be one of ordered, shuffled. Received: 'none'"),
        ("learned_locality", {"units": 9}, r"`units` must be 10 or more. Received: 9"),
        ("learned_locality", {"steps": 0}, r"`steps` must be 1 or more. Received: 0"),
        ("which_map_to_believe", {"model": "none"}, r"`model` must be one of trained, attention, elsewhere. Received: 'none'"),
        ("which_map_to_believe", {"examples": 1}, r"`examples` must be 2 or more. Received: 1"),
        ("weights_by_hand", {"nothing": 1}, r"The lab weights_by_hand must get seed, weights, samples. Received: nothing"),
    ],
)
def test_bad_parameters_are_refused(name, parameters, message):
    with pytest.raises(ValueError, match=message):
        labs.run_lab(name, **parameters)


def test_a_result_shows_itself_in_a_notebook():
    assert "srcdoc" in labs.run_lab("weights_by_hand", samples=20)._repr_html_()


def test_a_result_gives_values_by_key_with_label_and_unit():
    result = labs.run_lab("weights_by_hand", samples=20)
    measurement = next(measurement for measurement in result.measurements if measurement.key == "entropy_scaled")
    assert result["entropy_scaled"] == measurement.value > 1
    assert measurement.label.endswith("scaled") and measurement.text == f"{measurement.value:.4g} bits"
    assert result.held("scale") and len({check.key for check in result.checks}) == len(result.checks)
    with pytest.raises(KeyError, match="nothing"):
        result["nothing"]


def test_only_labs_take_options_that_the_command_line_does_not_know(capsys):
    with pytest.raises(SystemExit):
        cli.main(["demo", "--nothing"])
    assert "unrecognized arguments: --nothing" in capsys.readouterr().err
