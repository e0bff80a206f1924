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


def page_faults(environment):
    code = """
import tensorflow as tf  # before the package, as in a notebook's first cell
import course_hw5, os, resource
step = tf.function(lambda x: tf.reduce_sum(tf.matmul(x, x) + 1.0), jit_compile=True)
x = tf.zeros((2048, 2048))
step(x).numpy()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    step(x).numpy()
print(os.environ["TF_CPU_ALLOCATOR_USE_BFC"], resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ | environment)
    setting, faults = run.stdout.split()[-2:]
    return setting, int(faults)


def test_memory_is_kept_from_step_to_step_unless_the_user_says_otherwise(monkeypatch):
    monkeypatch.delenv("TF_CPU_ALLOCATOR_USE_BFC")  # which this process has set by importing the package
    (setting, kept), (other, given_back) = page_faults({}), page_faults({"TF_CPU_ALLOCATOR_USE_BFC": "false"})
    assert (setting, other) == ("true", "false")
    # Given back, five steps would touch 20,000 pages anew; a kernel that hands out huge pages has few of them either way.
    assert kept < 5000 and kept <= given_back + 200


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="TensorFlow has oneDNN's switch on x86 alone")
def test_tensorflow_uses_onednn_unless_the_user_says_otherwise(monkeypatch):
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS")
    code = "import course_hw5; from course_hw5.training import runtime; print(runtime.uses_onednn())"

    def found(environment):
        run = [sys.executable, "-c", code]
        return subprocess.run(run, capture_output=True, text=True, check=True, env=os.environ | environment).stdout.split()[-1]

    assert (found({}), found({"TF_ENABLE_ONEDNN_OPTS": "0"})) == ("True", "False")


@pytest.mark.parametrize("name", course_hw5.__all__)
def test_every_public_name_can_be_loaded(name):
    assert getattr(course_hw5, name) is not None
    assert dir(course_hw5).count(name) == 1


@pytest.mark.unit
def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"course_hw5.*'nothing'"):
        _ = course_hw5.nothing
