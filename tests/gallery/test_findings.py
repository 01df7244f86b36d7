"""`reports/gallery/findings.md`: answers follow the measurements, links lead somewhere, and numbers may not drift."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from gallery.answers import answer
from gallery.facts import Facts, observations_needed
from gallery.findings import PAGE, compose_page, differing_lines
from gallery.questions import BUGS, QUESTIONS, AbilityQuestion, BugFixQuestion, DifferenceQuestion
from mi_checks.compare.neighbouring_models import EffectMatrix
from mi_checks.models.model_names import bundled_models
from mi_checks.spec.load_file import load_behaviours
from mi_checks.spec.roles import LOCK_FILE_NAME
from tests.effects import around, effect

ROOT = Path(__file__).parent.parent.parent
SEED = {"1.9", "1.13", "1.14", "1.15", "1.17", "1.18", "1.19"}
BUG = "induction_several_followers"


@pytest.fixture(scope="module")
def behaviours():
    return [
        loaded
        for path in sorted(ROOT.glob("behaviours/[!_]*.yaml"))
        if path.name != LOCK_FILE_NAME
        for loaded in load_behaviours(path, ROOT)
    ]


@pytest.fixture
def facts(behaviours):
    """`facts({model: value, …}, behaviour)`: effects of that behaviour, held to at least 1."""

    def facts(values, behaviour="induction", pairs=None, spread=0.1):
        effects = tuple(
            effect(model, around(value, spread, seed), behaviour, declared="present" if value > 1 else "absent")
            for seed, (model, value) in enumerate(values.items())
        )
        return Facts(
            EffectMatrix(effects), behaviours, pairs or [pair for question in QUESTIONS for pair in question.pairs]
        )

    return facts


def question(kind, number=None):
    return next(q for q in QUESTIONS if isinstance(q, kind) and number in (None, q.number))


def said(question, facts):
    return next(line for line in answer(question, facts) if line.startswith("**Answer"))


GAIN = question(DifferenceQuestion, "1.13")
DIFFER = question(DifferenceQuestion, "1.14")
INDUCTION_BUG = question(BugFixQuestion, "Induction bug")


def test_every_question_is_asked():
    assert {q.number for q in QUESTIONS} == {*SEED, "Induction bug"}


@pytest.mark.parametrize(
    ("values", "behaviour", "answered"),
    [
        ({"nano-attn-1l": 0, "nano-attn-2l": 5}, "induction", "yes, 1 behaviour"),
        ({"nano-attn-1l": 5, "nano-attn-2l": 0}, "induction", "no, none of these behaviours"),
        ({"nano-attn-1l": 5, "nano-attn-2l": 6}, "induction", "no, none of these behaviours"),
        (
            {"nano-attn-1l": 0, "nano-attn-2l": 5},
            BUG,
            "no, none of these behaviours, and 1 bug with them",
        ),
        ({"nano-attn-1l": 0, "nano-attn-3l": 5}, "induction", "not measured"),
    ],
)
def test_what_a_larger_model_can(facts, values, behaviour, answered):
    assert said(GAIN, facts(values, behaviour)) == f"**Answer: {answered}.**"


def test_how_kinds_differ(facts):
    assert said(DIFFER, facts({"nano-attn-1l": 2, "nano-gelu-1l": 3})) == "**Answer: they differ; 0 gained, 0 lost.**"
    unsure = said(DIFFER, facts({"nano-attn-1l": 2, "nano-gelu-1l": 2.02}))
    assert re.fullmatch(r"\*\*Answer: inconclusive; about \d+ prompts needed\.\*\*", unsure)


@pytest.mark.parametrize(
    ("small", "large", "answered"),
    [
        (5, 0, f"yes, in 1 of 1 comparison: {BUG} nano-attn-2l → nano-attn-3l"),
        (5, 3, "no, in none of 1 comparison; weaker in 1 of them"),
        (5, 8, "no, in none of 1 comparison; weaker in 0 of them"),
        (5, 1.001, "inconclusive in 1 of 1 comparison"),
        (0, 5, "not applicable, no smaller model here has the bug"),
    ],
)
def test_whether_a_bug_is_fixed(facts, small, large, answered):
    told = said(INDUCTION_BUG, facts({"nano-attn-2l": small, "nano-attn-3l": large}, BUG))
    assert told.startswith(f"**Answer: {answered}")


def test_a_bug_of_which_it_cannot_be_told_says_how_many_prompts_would(facts):
    lines = answer(INDUCTION_BUG, facts({"nano-attn-2l": 5, "nano-attn-3l": 1.01}, BUG))
    assert re.search(r"inconclusive; about [\d,]+ prompts needed", "\n".join(lines))


def test_a_behaviour_that_is_not_there_is_not_measured(facts, behaviours):
    without = [loaded for loaded in behaviours if loaded.behaviour.name not in BUGS]
    found = replace(facts({"nano-attn-1l": 5, "nano-gelu-1l": 0}), behaviours=without)
    assert said(question(BugFixQuestion, "1.18"), found).startswith(
        "**Answer: not measured, no behaviour `skip_trigram_bug` or `trigram_bug` ran on these models.**"
    )
    without = [loaded for loaded in behaviours if "split" not in loaded.behaviour.name]
    assert "**Answer, `split_token_induction`: not measured.**" in answer(
        question(AbilityQuestion), replace(found, behaviours=without)
    )


def test_a_bug_may_be_a_table_of_cases(facts, behaviours):
    case = next(loaded for loaded in behaviours if loaded.behaviour.name == BUG)
    named = replace(case, behaviour=case.behaviour.model_copy(update={"name": f"{BUG}[near]"}), case="near")
    found = replace(facts({"nano-attn-2l": 5, "nano-attn-3l": 3}, f"{BUG}[near]"), behaviours=[named])
    lines = answer(INDUCTION_BUG, found)
    assert lines[0] == "**Answer: no, in none of 1 comparison; weaker in 1 of them.**"
    assert f"`behaviours/{BUG}.yaml::near::nano-attn-3l::logit_diff`" in "\n".join(lines)


def test_who_does_it(facts):
    found = facts({"nano-attn-1l": 0, "nano-attn-2l": 5, "nano-gelu-2l": 1.01}, "split_token_induction")
    told = said(question(AbilityQuestion), found)
    assert ": yes.** can: nano-attn-2l; cannot: nano-attn-1l; inconclusive: nano-gelu-2l (about " in told


def test_all_comparisons_of_the_page_are_corrected_together(facts):
    found = facts({"nano-attn-1l": 0, "nano-attn-2l": 5, "nano-attn-4l": 3})
    assert {(test.step.before, test.step.after) for test in found.tests} == {
        ("nano-attn-1l", "nano-attn-2l"),
        ("nano-attn-2l", "nano-attn-4l"),
    }
    page = compose_page(found)
    assert "Holm over the 2 comparisons" in page
    assert page.count("<details>") == page.count("</details>") == 2
    assert (
        "- attention-only 3L → attention-only 4L: not measured, no behaviour names attention-only with 3 layers" in page
    )


@pytest.mark.parametrize(
    ("prompts", "told"),
    [
        (7, "about 7 prompts needed"),
        (1337, "about 1,300 prompts needed"),
        (None, "no number of prompts suffices"),
    ],
)
def test_prompts_are_told_to_two_digits(prompts, told):
    assert observations_needed(prompts).startswith(told)


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("2.31 [2.10, 2.52]", "2.32 [2.10, 2.51]", True),
        ("2.31 [2.10, 2.52]", "2.33 [2.10, 2.52]", False),
        ("−0.01", "0.00", True),
        ("0.04", "−0.04", False),
        ("about 1,300 prompts", "about 1,400 prompts", True),
        ("about 1,300 prompts", "about 2,300 prompts", False),
        ("13 gained", "12 gained", False),
        ("x.yaml#L12", "x.yaml#L13", False),
        ("cannot → can", "higher", False),
        ("a", "a\nb", False),
    ],
)
def test_only_the_last_digit_may_differ_between_machines(old, new, same):
    assert (differing_lines(old, new) == []) == same


@pytest.fixture(scope="module")
def page():
    return PAGE.read_text(encoding="utf-8")


def test_the_page_answers_every_question(page):
    asked = [line for line in page.splitlines() if line.startswith("## ")]
    assert [f"## {q.number}: {q.text}" for q in QUESTIONS] == [line for line in asked if ": " in line]
    assert page.count("**Answer") >= len(QUESTIONS)


def test_every_link_leads_to_its_behaviour_or_model(page):
    """A file edited without `make findings` after it moves its lines: noticed here without measuring anything."""
    links = set(re.findall(r"\[([^]]+)\]\(\.\./\.\./(behaviours/[^)#]+)#L(\d+)\)", page))
    assert len(links) > 100
    for text, file, line in links:
        there = (ROOT / file).read_text(encoding="utf-8").splitlines()[int(line) - 1]
        places = ("logit_diff", "inconclusive") if re.search("[a-z]{3}", text) else ("nano-",)
        assert any(place in there for place in places), (text, file, line)


def test_every_check_it_names_is_one(page, behaviours):
    known = {loaded.source.display_path: loaded.behaviour for loaded in behaviours}
    ids = set(re.findall(r"`(behaviours/[^`]+)`", page)) - {"behaviours/"}
    assert len(ids) > 50
    for node_id in ids:
        file, *_, model, check = node_id.split("::")
        declared_absent = known[file].is_absent(model)
        assert check in (["absent"] if declared_absent else [each.id for each in known[file].checks_for(model)])


def test_the_models_it_names_ship(page):
    assert set(re.findall(r"nano-\w+-\dl", page)) <= set(bundled_models())
