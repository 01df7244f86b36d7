"""Scores that a conftest.py adds."""

import pytest

CONFTEST = """\
def probability(logits, answers, foils):
    return logits.softmax(-1).gather(1, answers)[:, 0]


def pytest_mi_scores(config):
    return {"probability": probability}
"""


@pytest.fixture
def scored(project):
    text = project.behaviour(checks="  - logit_diff: {at_least: 0.05}\n  - logit_diff: {against: corrupt, at_least: 5}")
    text = text.replace("  foils:", "  score: probability\n  foils:").replace("count: 16", "count: 64")
    project.copy("ab", text)
    project.write("behaviours/conftest.py", CONFTEST)
    return project


def test_a_score_of_the_project_is_measured(scored):
    result = scored.run("-rf")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.re_match_lines(
        [
            r"  claim     the mean score probability, clean − corrupt, is at least 5",
            r"  measured  0\.\d+ \[.*\] probability \(95 % interval.*",
        ]
    )


def test_an_unknown_score(scored):
    scored.write("behaviours/conftest.py", CONFTEST.replace('"probability"', '"probabilities"'))
    result = scored.run()
    assert result.ret == 2
    result.stdout.fnmatch_lines(
        ["*unknown score 'probability'; scores: *, log_probability, probabilities; did you mean *"]
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('{"probability": probability}', "[probability]", "must return a dict of functions, not a list"),
        ('"probability"', "3", "a score's name must be text, not 3"),
        ('"probability"', '"first_token"', "the score 'first_token' is already part of mi-checks; choose another name"),
        (": probability", ": 0.5", "the score 'probability' must be a function, not a float"),
    ],
)
def test_what_is_no_score_ends_the_run(old, new, message, scored):
    scored.write("behaviours/conftest.py", CONFTEST.replace(old, new))
    result = scored.run()
    assert result.ret == 2
    result.stdout.fnmatch_lines([f"*pytest_mi_scores in behaviours/conftest.py: {message}"])


def test_a_score_of_the_wrong_shape(scored):
    scored.write("behaviours/conftest.py", CONFTEST.replace("[:, 0]", ""))
    result = scored.run()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["the score 'probability' must return a tensor with one number for each of the 64 *"])
