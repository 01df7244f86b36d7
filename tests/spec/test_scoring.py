"""Scores, several answers, and clean and corrupt that correspond at their labels alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mi_checks.spec.additions import Additions
from mi_checks.spec.load_file import LoadedBehaviour, load_behaviour
from mi_checks.spec.problems import SpecError

SCORE = '  foils: ["{{ C }}"]\n'


def test_one_answer_or_several(valid: str, load: Callable[[str], LoadedBehaviour]) -> None:
    assert load(valid).behaviour.prompts.answer == "{{ B }}"
    several = load(valid.replace('answer: "{{ B }}"', 'answer: ["{{ B }}", "{{ A }}"]')).behaviour.prompts
    assert several.answer == ("{{ B }}", "{{ A }}")
    assert (several.score, several.answer_reduction, several.align) == ("first_token", "mean", "tokens")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            SCORE,
            f"{SCORE}  score: first_tokne\n",
            "x:20:10: unknown score 'first_tokne'; scores: first_token, first_difference, log_probability; "
            "did you mean 'first_token'?",
        ),
        (
            SCORE,
            f"{SCORE}  answer_reduction: sum\n",
            "x:20:21: 'prompts.answer_reduction' must be one of mean, max, not the text 'sum'",
        ),
        ('answer: "{{ B }}"', "answer: []", "x:18:11: 'prompts.answer' must not be empty"),
        ('answer: "{{ B }}"', 'answer: ["{{ B }}", ""]', "x:18:23: 'prompts.answer[1]' must not be empty"),
        (
            'answer: "{{ B }}"',
            'answer: ["{{ B }}", "{{ D }}"]',
            "x:18:23: unknown variable 'D'; variables: pre, A, B, C, name, noun, verb",
        ),
    ],
)
def test_error_text(old: str, new: str, expected: str, valid: str, broken: Callable[[str, str], str]) -> None:
    assert broken(old, new) == expected


def test_patching_at_all_positions_of_prompts_that_correspond_at_labels(broken: Callable[[str, str], str]) -> None:
    why = "clean and corrupt prompts correspond only at their labels ('align: labels')"
    message = f"{why}, but this check patches at all positions; add 'at' with one of A1, B1, A2, END"
    assert broken(SCORE, f"{SCORE}  align: labels\n") == f"x:25:5: {message}\nx:28:5: {message}"


def test_a_sweep_of_patterns_of_prompts_that_correspond_at_labels(valid: str, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    patterns = "mediators: {component: pattern, above: 0.15, exactly: L1H3, at: A2}"
    text = valid.replace("mediators: {component: head, above: 0.15, exactly: induction, layers: [0, -1]}", patterns)
    path.write_text(text.replace(SCORE, f"{SCORE}  align: labels\n"), encoding="utf-8")
    with pytest.raises(SpecError) as error:
        load_behaviour(path, tmp_path)
    assert "an attention pattern covers all positions; sweep heads, q, k or v" in str(error.value)


def test_a_projects_score(valid: str, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(valid.replace(SCORE, f"{SCORE}  score: mine\n"), encoding="utf-8")

    def mine() -> None: ...

    loaded = load_behaviour(path, tmp_path, added=Additions(scores={"mine": mine}))
    assert loaded.score is mine
    with pytest.raises(SpecError, match="unknown score 'mine'; scores: first_token, first_difference, log_probability"):
        load_behaviour(path, tmp_path)
