"""The table of `mi-checks matrix`, to the letter."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from mi_checks.compare.neighbouring_models import EffectMatrix, UnmeasuredCell
from mi_checks.prompts.factors import Factor
from mi_checks.stats.intervals import mean_interval
from mi_checks.stats.sampling import SamplingDesign
from mi_checks.studies.matrix import matrix_output
from tests.effects import around, effect


def nearly(value, seed=0):
    """64 values around a mean, whose 95 % interval reaches 2.0 · 0.08 / 8 = 0.02 to either side."""
    return around(value, spread=0.08, seed=seed)


@pytest.fixture
def small():
    effects = (
        effect("nano-attn-1l", nearly(0.12, 1), declared="absent"),
        effect("nano-attn-2l", nearly(5)),
        effect("nano-gelu-1l", nearly(-0.5)),
        effect("nano-attn-1l", nearly(3), "agreement", against="corrupt"),
        effect("nano-attn-2l", nearly(2, 2), "agreement", against="corrupt"),
    )
    return EffectMatrix(effects, (UnmeasuredCell("agreement", "nano-gelu-1l", "only 3 prompts are left"),))


def test_the_whole_answer(small):
    assert matrix_output.text_lines(small, 100) == [
        "             nano-attn-1l         nano-attn-2l         nano-gelu-1l",
        "induction    – 0.12 [0.10, 0.14]  ✓ 5.00 [4.98, 5.02]  ✗ −0.50 [−0.52, −0.48]",
        "Δ agreement  ✓ 3.00 [2.98, 3.02]  ✓ 2.00 [1.98, 2.02]  ! not measured",
        "",
        "Mean score over prompts (the logit difference, unless a unit is given) with its 95 % interval, by",
        "each behaviour's first logit_diff: on the clean prompts, or clean − corrupt (marked Δ).",
        "✓ present, as claimed   – absent, as declared",
        "✗ logit_diff or accuracy fails, or present though declared absent   ? inconclusive   ! not measured",
        "· not run, or without logit_diff and accuracy",
        "agreement on nano-gelu-1l",
        "  only 3 prompts are left",
        "",
        "Between neighbouring models, where the difference is significant:",
        "",
        "nano-attn-1l → nano-attn-2l (attention-only, 1 → 2 layers)",
        "  cannot → can  induction 0.12 → 5.00, +4.88 [4.85, 4.91], p < 0.001",
        "  lower: agreement −1.00",
        "",
        "nano-attn-1l → nano-gelu-1l (1 layer, attention-only → gelu)",
        "  lower: induction −0.62",
        "",
        "Method: paired tests, two-sided, of the prompts' differences; p corrected by Holm over the 3",
        "comparisons made here; 95 % intervals, uncorrected.",
    ]


def test_what_was_skipped_is_no_mistake(small):
    skipped = replace(small, unmeasured=(replace(small.unmeasured[0], skipped=True),))
    assert matrix_output.text_lines(skipped, 100)[2].endswith("  skipped")


def test_another_unit_than_logits_is_named():
    found = effect("nano-attn-1l", nearly(2), against="corrupt")
    scored = replace(found, estimate=replace(found.estimate, unit="nats"))
    assert matrix_output.text_lines(EffectMatrix((scored,)), 80)[1].startswith("Δ induction (nats)  ✓ 2.00")


@pytest.fixture
def twelve():
    models = [f"nano-{kind}-{n}l" for n in (4, 2, 3, 1) for kind in ("solu", "attn", "gelu")]
    names = [f"behaviour_number_{i}" for i in range(30)]
    return EffectMatrix(
        tuple(effect(m, around(i, seed=i + 7 * j), b) for i, b in enumerate(names) for j, m in enumerate(models))
    )


@pytest.mark.parametrize("width", [80, 120, 200, 400])
def test_twelve_models_fit_the_terminal(twelve, width):
    lines = matrix_output.text_lines(twelve, width)
    table = lines[: next(i for i, line in enumerate(lines) if line.startswith("Mean"))]
    assert max(map(len, lines)) <= width
    headers = [line.split() for line in table if line.startswith(" ")]
    assert [name for names in headers for name in names] == [
        f"nano-{kind}-{n}l" for kind in ("attn", "gelu", "solu") for n in (1, 2, 3, 4)
    ]
    if width >= 120:  # a kind of model is not torn apart where it need not be
        assert all(len(names) % 4 == 0 for names in headers)
    rows = [line for line in table if line.startswith("behaviour_number_0 ")]
    assert sum(row.count("[") for row in rows) == 12


def test_a_model_alone_is_compared_with_nobody():
    lines = matrix_output.text_lines(EffectMatrix((effect("nano-attn-2l", nearly(5)),)), 80)
    assert lines[-1] == "No two neighbouring models were measured on the same prompts."


def test_where_nothing_is_significant_it_says_so():
    effects = (effect("nano-attn-1l", around(0)), effect("nano-attn-2l", around(0, seed=1)))
    assert "  no significant difference" in matrix_output.text_lines(EffectMatrix(effects), 80)


def test_markdown_has_every_cell_and_every_significant_change(small):
    lines = matrix_output.markdown_lines(small)
    assert lines[:2] == ["| behaviour | nano-attn-1l | nano-attn-2l |", "| --- | --- | --- |"]
    assert "| induction | – 0.12 [0.10, 0.14] | ✓ 5.00 [4.98, 5.02] |" in lines
    assert "- agreement on nano-gelu-1l: only 3 prompts are left" in lines
    changes = [line for line in lines if " → " in line and line.startswith("| nano")]
    assert changes[0] == (
        "| nano-attn-1l → nano-attn-2l | induction | cannot → can | 0.12 | 5.00 | +4.88 [4.85, 4.91] | p < 0.001 |"
    )
    assert len(changes) == 3
    for line in lines:
        assert not line.startswith("|") or line.endswith("|")


def test_json_has_everything_but_single_prompts(small):
    told = json.loads(matrix_output.matrix_json(small))
    assert [(e["behaviour"], e["model"], e["ability"]) for e in told["effects"]] == [
        (e.behaviour, e.model, e.ability) for e in small.effects
    ]
    assert "per_prompt" not in told["effects"][0]
    assert told["effects"][0]["architecture"] == {"kind": "attention-only", "n_layers": 1, "n_heads": 6}
    turns = [(d["from"], d["to"], d["behaviour"]) for d in told["differences"] if d["turn"] == "cannot → can"]
    assert turns == [("nano-attn-1l", "nano-attn-2l", "induction")]
    assert told["unmeasured"] == [
        {"behaviour": "agreement", "model": "nano-gelu-1l", "reason": "only 3 prompts are left", "skipped": False}
    ]


FEW_ROWS = tuple(range(5)) * 13


def of_five_nouns(model, mean, seed=0):
    values = around(mean, seed=seed, n=65)
    design = SamplingDesign(65, (Factor("noun", FEW_ROWS, sampled=True),))
    refused = effect(model, values, ability="inconclusive")
    return replace(refused, estimate=mean_interval(values, "logits", design), factors=design.factors)


def test_effects_and_differences_without_an_interval_are_explained():
    matrix = EffectMatrix((of_five_nouns("nano-attn-1l", 1.0), of_five_nouns("nano-attn-2l", 5.0, seed=1)))
    for lines in (matrix_output.text_lines(matrix, 200), matrix_output.markdown_lines(matrix)):
        text = "\n".join(lines)
        assert "? 1.00 (no interval)" in text
        assert "the prompts share 5 values of 'noun', too few for a claim about more of their kind" in text
        assert "induction on nano-attn-1l, induction on nano-attn-2l" in text
    lines = matrix_output.text_lines(matrix, 200)
    assert "  not tested, because there is no interval: induction" in lines
    told = json.loads(matrix_output.matrix_json(matrix))
    assert told["differences"][0]["p_holm"] == 1.0
    assert told["effects"][0]["estimate"]["refusal"]["have"] == 5
    assert "factors" not in told["effects"][0]


def test_a_difference_is_tested_over_the_rows_that_prompts_share():
    """The same differences are significant over independent prompts, and not over the sixteen nouns that share them."""
    rng = np.random.default_rng(0)
    rows = tuple(range(16)) * 16
    by_noun = around(0.3, n=16)
    before = rng.normal(2, 0.1, 256)
    after = before + by_noun[[*rows]] + rng.normal(0, 0.1, 256)
    pair = [effect("nano-attn-1l", before), effect("nano-attn-2l", after)]
    factors = (Factor("noun", rows, sampled=True),)
    nouns = (after - before).reshape(16, 16).mean(0)
    (alone,) = EffectMatrix(tuple(pair)).differences
    (shared,) = EffectMatrix(tuple(replace(each, factors=factors) for each in pair)).differences
    assert alone.p_value < 0.001
    assert shared.p_value >= ttest_1samp(nouns, 0).pvalue > 0.05
    assert re.fullmatch(r"[\d,]+ values of 'noun'", shared.needed)
    assert shared.estimate.clusters == 16
