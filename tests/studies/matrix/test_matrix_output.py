"""The table of `mi-checks matrix`, to the letter."""

import json
from dataclasses import replace

import numpy as np
import pytest

from mi_checks.compare.neighbouring_models import EffectMatrix, UnmeasuredCell
from mi_checks.studies.matrix import matrix_output
from tests.effects import around, effect


def constant(value, n=64):
    return np.full(n, float(value))


@pytest.fixture
def small():
    effects = (
        effect("nano-attn-1l", constant(0.125), declared="absent"),
        effect("nano-attn-2l", constant(5)),
        effect("nano-gelu-1l", constant(-0.5)),
        effect("nano-attn-1l", constant(3), "agreement", against="corrupt"),
        effect("nano-attn-2l", constant(2), "agreement", against="corrupt"),
    )
    return EffectMatrix(effects, (UnmeasuredCell("agreement", "nano-gelu-1l", "only 3 prompts are left"),))


def test_the_whole_answer(small):
    assert matrix_output.text_lines(small, 100) == [
        "             nano-attn-1l         nano-attn-2l         nano-gelu-1l",
        "induction    – 0.12 [0.12, 0.12]  ✓ 5.00 [5.00, 5.00]  ✗ −0.50 [−0.50, −0.50]",
        "Δ agreement  ✓ 3.00 [3.00, 3.00]  ✓ 2.00 [2.00, 2.00]  ! not measured",
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
        "  cannot → can  induction 0.12 → 5.00, +4.88 [4.88, 4.88], p < 0.001",
        "  lower: agreement −1.00",
        "",
        "nano-attn-1l → nano-gelu-1l (1 layer, attention-only → gelu)",
        "  lower: induction −0.62",
        "",
        "Method: paired t-test, two-sided, on the prompts' differences; p corrected by Holm over the 3",
        "comparisons made here; 95 % intervals by bootstrap over prompts, uncorrected.",
    ]


def test_what_was_skipped_is_no_mistake(small):
    skipped = replace(small, unmeasured=(replace(small.unmeasured[0], skipped=True),))
    assert matrix_output.text_lines(skipped, 100)[2].endswith("  skipped")


def test_another_unit_than_logits_is_named():
    found = effect("nano-attn-1l", constant(2), against="corrupt")
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
    lines = matrix_output.text_lines(EffectMatrix((effect("nano-attn-2l", constant(5)),)), 80)
    assert lines[-1] == "No two neighbouring models were measured on the same prompts."


def test_where_nothing_is_significant_it_says_so():
    effects = (effect("nano-attn-1l", around(0)), effect("nano-attn-2l", around(0, seed=1)))
    assert "  no significant difference" in matrix_output.text_lines(EffectMatrix(effects), 80)


def test_markdown_has_every_cell_and_every_significant_change(small):
    lines = matrix_output.markdown_lines(small)
    assert lines[:2] == ["| behaviour | nano-attn-1l | nano-attn-2l |", "| --- | --- | --- |"]
    assert "| induction | – 0.12 [0.12, 0.12] | ✓ 5.00 [5.00, 5.00] |" in lines
    assert "- agreement on nano-gelu-1l: only 3 prompts are left" in lines
    changes = [line for line in lines if " → " in line and line.startswith("| nano")]
    assert changes[0] == (
        "| nano-attn-1l → nano-attn-2l | induction | cannot → can | 0.12 | 5.00 | +4.88 [4.88, 4.88] | p < 0.001 |"
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
