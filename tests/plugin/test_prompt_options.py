"""`--mi-count` and `--mi-seed`, and their twins."""

import re

import pytest


def measured(project, *arguments):
    """What the one check of the behaviour measured, with its interval and its number of prompts."""
    output = project.run(*arguments).stdout.str()
    return re.search(r"measured  (\S+) .*? over (\d+) prompts", output).groups()


@pytest.fixture
def failing(project):
    project.behaviour(checks="  - logit_diff: {at_least: 90}")
    return project


def test_count(failing):
    assert measured(failing)[1] == "16"
    assert measured(failing, "--mi-count", "9")[1] == "9"


def test_seed(failing):
    first, again, other = (measured(failing, "--mi-seed", seed)[0] for seed in ("0", "0", "7"))
    assert measured(failing)[0] == first == again != other


def test_ini(failing):
    failing.ini("mi_count = 10", "mi_seed = 7")
    value, n = measured(failing)
    assert n == "10"
    assert measured(failing, "--mi-seed", "0") != (value, n)
    assert measured(failing, "--mi-count", "8")[1] == "8"


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("count", "many", "--mi-count 'many': use a whole number of at least 2"),
        ("count", "1", "--mi-count '1': use a whole number of at least 2"),
        ("count", "2.5", "--mi-count '2.5': use a whole number of at least 2"),
        ("seed", "-1", "--mi-seed '-1': use a whole number of at least 0"),
    ],
)
def test_a_bad_value_ends_the_run(failing, option, value, message):
    by_option = failing.run(f"--mi-{option}={value}")
    failing.ini(f"mi_{option} = {value}")
    by_ini = failing.run()
    for result in (by_option, by_ini):
        assert result.ret == 4
        assert result.stderr.lines[0] == f"ERROR: {message}"
        assert "collected" not in result.stdout.str()
