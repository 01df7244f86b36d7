"""The message of a check that did not pass: what was measured, where it is worst, and what mediates instead."""

from __future__ import annotations

from mi_checks.checks.measurements import Measurements
from mi_checks.checks.verdict import Verdict
from mi_checks.engine.readout import SideRun
from mi_checks.output.claim_text import claim_text
from mi_checks.output.numbers import number, precise
from mi_checks.prompts.visible import visible
from mi_checks.spec.scoring import score_name
from mi_checks.suite.suspects import suspects


def explain(verdict: Verdict, measured: Measurements | None, *, location: str, rerun: str) -> str:
    """Return the whole message, whose first line fits pytest's short summary."""
    estimate = verdict.estimate
    of = f" of {verdict.deciding}" if verdict.deciding else ""
    value = "nothing measured" if estimate is None else f"measured {precise(estimate)}{of}"
    headline = verdict.headline or f"{value}, bound {verdict.bound}"
    lines = [f"{verdict.outcome}: {headline}", f"  claim     {claim_text(verdict.claim)}"]
    if estimate is not None:
        how = f"95 % interval, {estimate.method}, {estimate.n} {estimate.over}"
        lines.append(f"  measured  {precise(estimate)} {estimate.unit} ({how})")
        lines += _about(verdict)
    if not verdict.headline:
        lines.append(f"  bound     {verdict.bound}")
    lines += [f"  {'because' if i == 0 else '':<9} {line}" for i, line in enumerate(verdict.reason.splitlines())]
    if measured is not None:
        lines += _worst_prompt(verdict, measured)
    if measured is not None and verdict.suspects:
        lines += suspects(verdict, measured)
    lines += [f"  claimed   {location}", f"  re-run    {rerun}"]
    return "\n".join(lines)


def _about(verdict: Verdict) -> list[str]:
    """Say what the estimate is of, how it was tested and, for a fraction, what its two parts are."""
    tested = f" ({verdict.detail})" if verdict.detail else ""
    lines = [f"  deciding  {verdict.deciding}{tested}"] if verdict.deciding else []
    lines += [f"  detail    {verdict.detail}"] if verdict.detail and not verdict.deciding else []
    parts = verdict.parts
    if parts is not None and parts.numerator is not None:
        unit = parts.denominator.unit
        lines.append(f"  parts     {precise(parts.numerator)} of {precise(parts.denominator)} {unit} ({parts.of})")
    return lines


def _worst_prompt(verdict: Verdict, measured: Measurements) -> list[str]:
    worst = verdict.worst_prompt
    if worst is None:
        return []
    pair = measured.batch.pairs[worst]
    clean, corrupt = measured.unpatched.clean, measured.unpatched.corrupt
    answers, foils = (" ".join(map(visible, texts)) for texts in (pair.answers, pair.foils))
    return [
        f"  worst of {len(measured.batch)} prompts: {worst}",
        f"    clean    {visible(pair.clean.text)}",
        f"    corrupt  {visible(pair.corrupt.text)}",
        f"    answer   {answers}   foil {foils}   {score_name(measured.batch.score)} "
        f"{number(clean.logit_diff[worst])} clean, {number(corrupt.logit_diff[worst])} corrupt",
        f"    predicts {_predictions(clean, worst, measured)} (clean)",
        f"             {_predictions(corrupt, worst, measured)} (corrupt)",
    ]


def _predictions(side: SideRun, prompt: int, measured: Measurements) -> str:
    return ", ".join(
        f"{visible(measured.loaded_model.tokenization.piece(token))} {number(probability)}"
        for token, probability in side.guesses(prompt)
    )
