"""Prompts that cannot be made are the author's to mend: a clear text, not a traceback."""

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
    output = spoiled(
        project, "A: {tokens: random, differs_from: pre}", 'A: {values: [" one"]}\n    x: {values: [" a"]}'
    )
    assert "behaviour 'ab': found" not in output  # one value for A, but the rest is random
    text = project.behaviour()
    lines = [
        line.replace("{tokens: random, length: 3, distinct: true}", '{values: [" the"]}')
        .replace("A: {tokens: random, differs_from: pre}", 'A: {values: [" one"]}')
        .replace("B: {tokens: random, differs_from: [pre, A]}", 'B: {values: [" two", " out"]}')
        .replace("C: {tokens: random, differs_from: [pre, A, B]}", 'C: {values: [" in"]}')
        .replace("D: {tokens: random, differs_from: [pre, A, B, C]}", 'D: {values: [" of"]}')
        for line in text.splitlines()
    ]
    project.copy("ab", "\n".join(lines))
    result = project.run()
    assert result.ret == 1
    result.stdout.re_match_lines(
        [
            r"behaviour 'ab': found 2 of the 16 distinct prompt pairs asked for; the last \d+ draws gave no other",
            r"  each time .*: the clean prompt is one that another pair has already",
            r"  remedy: ask for fewer pairs \(`count`, or --mi-count\), or give the variables more values",
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
            r"  remedy: only the first token of each is scored: let the answer begin with another token than the foils",
        ]
    )
    assert "Traceback" not in result.stdout.str()


def test_a_prompt_longer_than_the_model_reads(project):
    output = spoiled(project, "length: 3", "length: 200")
    assert "tokens long, and the model reads at most 128: shorten the template" in output
