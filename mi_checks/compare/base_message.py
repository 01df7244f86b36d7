"""A judgement in words: the message of an item that is not as its base, and a run's verdicts in a few lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mi_checks.compare.base_model import EffectChange, ReferenceComparison
from mi_checks.compare.drift_message import NAMED, brief_shares, interval_text, share_lines
from mi_checks.results.run import BASE, CheckResult
from mi_checks.stats.judgement import prompts_to_settle


def claim(judgement: ReferenceComparison, base: str) -> str:
    """Return the verdict, also that of an item that passes: `both kept, against nano-attn-2l`."""
    return f"{judgement.verdict}, against {base}"


def base_message(judgement: ReferenceComparison, base: str, weights: tuple[str, str]) -> str:
    """Return the verdict, what decided it, and each effect and head in both models.

    Args:
        judgement: what was found.
        base: how the base is called, and where its numbers are from.
        weights: hashes of the base's and of the model's.
    """
    lines = [f"{judgement.verdict}: {'; '.join(_because(judgement))}", f"  base      {base}"]
    lines.append(f"  weights   {' → '.join(each[:12] for each in weights)}")
    lines += [f"  {'effects' if i == 0 else '':<9} {_effect(each)}" for i, each in enumerate(judgement.effects)]
    return "\n".join([*lines, *share_lines(judgement.mediators, ("lost", "gained", "unsure", "relative", "stayed"))])


def base_reason(judgement: ReferenceComparison) -> str:
    """Return the message's most important lines, for the terminal: the deciding effect, and heads lost and gained."""
    heads = brief_shares(judgement.mediators, ("lost", "gained", "unsure"))
    return "\n".join([_effect(judgement.deciding), *heads])


def verdict_lines(results: Iterable[CheckResult], base: str) -> list[str]:
    """For the last lines of the terminal: how many behaviours there are of each verdict, and which."""
    behaviours: dict[str, list[str]] = {}
    for result in results:
        if result.kind == BASE:
            told = result.verdict or {"skipped": "skipped"}.get(result.outcome, "not judged")
            behaviours.setdefault(told, []).append(result.behaviour)
    if not behaviours:
        return []
    width = len(str(max(map(len, behaviours.values()))))
    ordered = sorted(behaviours.items(), key=lambda item: -len(item[1]))
    return [f"against {base}:", *(f"  {len(names):>{width}} {told}: {_some(names)}" for told, names in ordered)]


def _some(names: list[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def _because(judgement: ReferenceComparison) -> Iterator[str]:
    effect, heads = judgement.deciding, judgement.mediators
    if effect.state != "kept":
        yield f"{effect.name} {effect.then.value:.3f} → {effect.now.value:.3f} {effect.now.unit}"
    if heads.changed:
        why = "" if judgement.has_effect_size else ": clean and corrupt are no longer told apart"
        yield f"mediators {', '.join(heads.signed[:NAMED])}{why}"
    if heads.unsure and not heads.changed:
        yield f"whether {', '.join(list(heads.unsure)[:NAMED])} mediates in both"


def _effect(effect: EffectChange) -> str:
    told = f"{effect.name} {interval_text(effect.then)} → {interval_text(effect.now)} {effect.now.unit}"
    held = f"differs by {interval_text(effect.change)}, ±{effect.matters:.3f} matters: {effect.state}"
    needed = prompts_to_settle(effect.change, effect.bound) if effect.state == "cannot tell" else None
    apart = f"; {effect.prompts.text(effect.now.unit)}" if effect.prompts.apart else ""
    return f"{told}, {held}{apart}" + (f"; about {needed} prompts would tell" if needed else "")
