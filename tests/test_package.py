import os
import platform
import subprocess
import sys

import pytest

import course_hw5

HEAVY = ("tensorflow", "keras", "keras_cv", "tensorflow_datasets", "pandas", "matplotlib", "sklearn")


def loaded_after(statement):
    code = f"import sys\n{statement}\nprint(*[name for name in {HEAVY} if name in sys.modules])"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.unit
def test_importing_the_package_loads_no_heavy_library():
    assert loaded_after("import course_hw5") == []


@pytest.mark.unit
def test_help_of_the_command_line_loads_no_heavy_library():
    code = "from course_hw5 import cli\nimport contextlib, io\nwith contextlib.suppress(SystemExit), "
    assert loaded_after(code + "contextlib.redirect_stdout(io.StringIO()): cli.main(['--help'])") == []


CODE = """
import tensorflow as tf  # before the package, as in a notebook's first cell
import course_hw5, os, resource
from course_hw5.training import runtime
step = tf.function(lambda x: tf.reduce_sum(tf.matmul(x, x) + 1.0), jit_compile=True)
x = tf.zeros((2048, 2048))
step(x).numpy()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    step(x).numpy()
faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(os.environ["TF_CPU_ALLOCATOR_USE_BFC"], faults, runtime.uses_onednn())
"""


@pytest.fixture(scope="module")
def by_default_and_asked():
    """Memory's setting, page faults and whether oneDNN is used, in a process as it is and in one whose user says otherwise."""
    names = "TF_CPU_ALLOCATOR_USE_BFC", "TF_ENABLE_ONEDNN_OPTS"
    unset = {name: value for name, value in os.environ.items() if name not in names}  # importing the package has set them here

    def found(environment):
        run = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True, env=unset | environment)
        return run.stdout.split()[-3:]

    return found({}), found(dict(zip(names, ("false", "0"))))


def test_memory_is_kept_from_step_to_step_unless_the_user_says_otherwise(by_default_and_asked):
    (setting, kept, _), (other, given_back, _) = by_default_and_asked
    assert (setting, other) == ("true", "false")
    # Given back, five steps would touch 20,000 pages anew; a kernel that hands out huge pages has few of them either way.
    assert int(kept) < 5000 and int(kept) <= int(given_back) + 200


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="TensorFlow has oneDNN's switch on x86 alone")
def test_tensorflow_uses_onednn_unless_the_user_says_otherwise(by_default_and_asked):
    """Where TensorFlow is imported first, as by the fixture, the processor decides, unless the user does."""
    code = "import course_hw5\nfrom course_hw5.training import runtime\nprint(runtime.uses_onednn())"
    environment = {name: value for name, value in os.environ.items() if name != "TF_ENABLE_ONEDNN_OPTS"}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert run.stdout.split() == ["True"] and by_default_and_asked[1][-1] == "False"


@pytest.mark.parametrize("name", course_hw5.__all__)
def test_every_public_name_can_be_loaded(name):
    assert getattr(course_hw5, name) is not None
    assert dir(course_hw5).count(name) == 1


@pytest.mark.unit
def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"course_hw5.*'nothing'"):
        _ = course_hw5.nothing
