"""The public API: what `import mi_checks` offers."""

import subprocess
import sys

import pytest

import mi_checks
from mi_checks import api


def test_every_name_is_there_and_documented():
    for name in api.__all__:
        assert getattr(mi_checks, name) is getattr(api, name)
        assert getattr(api, name).__doc__
    assert set(api.__all__) < set(dir(mi_checks))


def test_what_is_not_public_is_not_there():
    with pytest.raises(AttributeError, match="module 'mi_checks' has no attribute 'torch'"):
        _ = mi_checks.torch


def test_importing_the_package_loads_neither_torch_nor_numpy():
    code = "import sys, mi_checks; print(sorted({'torch', 'numpy', 'transformer_lens'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_example_in_its_docstring():
    behaviour = mi_checks.load_behaviour("behaviours/induction.yaml")
    measured = mi_checks.Suite(mi_checks.SuiteSettings(count=16)).measurements(behaviour, "nano-attn-2l")
    strongest, estimate = measured.sweep("head").strongest(1)[0]
    assert (str(strongest), estimate.value > 0.1) == ("L0H3", True)


def test_cases_models_and_mistakes():
    assert [each.behaviour.name for each in mi_checks.load_behaviours("behaviours/induction.yaml")] == ["induction"]
    assert mi_checks.load_model("nano-attn-1l").name == "nano-attn-1l"
    with pytest.raises(mi_checks.MiChecksError, match=r"the run 'missing\.json' does not exist"):
        mi_checks.read_run("missing.json")
