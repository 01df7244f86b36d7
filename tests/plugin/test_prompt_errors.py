"""Prompts that cannot be made are the author's to mend: a clear text, not a traceback."""

import json
import re

import pytest


def spoiled(project, old, new):
    text = project.behaviour()
    assert text.count(old) == 1
    project.copy("ab", text.replace(old, new))
    result = project.run()
    assert result.ret == 1
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "  claimed   behaviours/ab.yaml:*",
            "  re-run    pytest behaviours/ab.yaml::nano-attn-2l::logit_diff",
            "ab  ! 0/1",
        ]
    )
    output = result.stdout.str()
    assert "Traceback" not in output
    assert ".py:" not in output
    return output


def test_a_pool_that_gives_too_few(project):
    text = project.behaviour()
    few = {"pre": [" the"], "A": [" one"], "B": [" two", " out"], "C": [" in"], "D": [" of"]}
    for name, values in few.items():
        text = re.sub(rf"    {name}: .*", f"    {name}: {{values: {json.dumps(values)}}}", text)
    project.copy("ab", text)
    result = project.run()
    assert result.ret == 1
    result.stdout.re_match_lines(
        [
            r"behaviour 'ab': only 2 of the 16 requested prompt pairs were found; the last \d+ draws gave no .*",
            r"  every time .*: another pair already has this clean prompt",
            r"  remedy: request fewer pairs \(`count`, or --mi-count\), or give the variables more values",
        ]
    )
    assert "Traceback" not in result.stdout.str()


@pytest.mark.parametrize("count", ["2", "16"])
def test_answer_and_foil_that_begin_alike(project, count):
    text = project.behaviour()
    project.copy("ab", text.replace('foils: ["{{ C }}"]', 'foils: ["{{ B }}{{ C }}"]'))
    result = project.run("--mi-count", count)
    assert result.ret == 1
    result.stdout.re_match_lines(
        [
            r"behaviour 'ab': answer ' \w+' and foil ' \w+ \w+' share their first token '·\w+'",
            r"  remedy: only the first token of each is scored; start the answer with another token than .*",
        ]
    )
    assert "Traceback" not in result.stdout.str()


def test_a_prompt_longer_than_the_model_reads(project):
    output = spoiled(project, "length: 3", "length: 200")
    assert "tokens long, but the model reads at most 128; shorten the template" in output
