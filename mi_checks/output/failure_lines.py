"""Failure messages for a terminal: each item in brief, and all failures of a behaviour on a model by cause."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence

from mi_checks.output.claim_text import claim_text
from mi_checks.output.inconclusive_text import refusal_text
from mi_checks.output.numbers import PRECISE_DECIMALS, number, precise
from mi_checks.output.unit_text import sample_text
from mi_checks.prompts.visible import visible
from mi_checks.results.causes import COMPARISON_KINDS, FailureGroup, failure_groups
from mi_checks.results.evidence import MIN_MEDIATOR_FRACTION, Evidence, Example
from mi_checks.results.run import LINT, CheckResult, FileLine
from mi_checks.spec.scoring import score_name
from mi_checks.stats.estimate import Estimate

MAX_MESSAGE_LINES = 12
MAX_REASON_LINES = 7
MAX_GROUPS = 5  # groups shown in full; each further one gets one line
MAX_GROUP_LINES = 20  # groups beyond these that get a line
MAX_MEDIATORS = 5
MEASURED, ROWS = "  measured  ", "  rows      "  # how lines of a message begin
LABEL_WIDTH = 12  # characters of the label before the text of a line


def brief_message(message: str, result: CheckResult | None, rerun: str | None = None) -> str:
    """Return the most important lines of an item's message, for the terminal; the report has all of it.

    Args:
        message: the full message.
        result: the result that the message describes; None for mutants, whose message is truncated.
        rerun: the command that runs only this item again; None leaves it out.
    """
    lines = message.splitlines()
    if result is None or not result.reason:
        return "\n".join(_shortened(lines, MAX_MESSAGE_LINES))
    shown = lines[:1]
    if result.claim and result.kind not in (*COMPARISON_KINDS, LINT):
        shown.append(f"  claim     {claim_text(result.claim)}")
    if result.estimate is not None and result.kind not in COMPARISON_KINDS:
        of_message = [line for line in lines if line.startswith(MEASURED)]  # it names the rows, which no result does
        shown += of_message[:1] or [measured_line(result.estimate, sample_text(result.estimate, None))]
        shown += [line for line in lines if line.startswith(ROWS)]
    reason = _shortened(result.reason.splitlines(), MAX_REASON_LINES)
    shown += [f"  {'because' if i == 0 else '':<9} {line}" for i, line in enumerate(reason)]
    return "\n".join([*shown, *footer(result.place, rerun)])


def measured_line(estimate: Estimate, sample: str, method: str = "") -> str:
    """Return the line of a message with the measured value, such as `measured  0.120 [0.080, 0.160] logits (…)`.

    Args:
        estimate: the estimate.
        sample: what it is over, see `unit_text.sample_text`.
        method: how the interval was made; "" to leave it out.
    """
    if estimate.refusal is not None:
        return f"{MEASURED}{number(estimate.value, PRECISE_DECIMALS)} {estimate.unit} (no interval; {sample})"
    how = "; ".join(filter(None, (f"95 % interval {sample}", method)))
    return f"{MEASURED}{precise(estimate)} {estimate.unit} ({how})"


def footer(place: FileLine | str, rerun: str | None) -> list[str]:
    """Return the last lines of a message: where the claim is made and, unless it is None, the command to run again."""
    return [f"  claimed   {place}", *([] if rerun is None else [f"  re-run    {rerun}"])]


def failure_summary(
    results: Iterable[CheckResult], evidence: Mapping[tuple[str, str], Evidence], report: str, width: int
) -> list[str]:
    """Return the failures by behaviour and model, each group under its cause; empty if nothing failed.

    Args:
        results: all results of the run.
        evidence: the evidence by behaviour and model.
        report: the path of the report, for the pointer to the full messages.
        width: the width of the terminal, in characters.
    """
    all_groups = failure_groups(results)
    if not all_groups:
        return []
    separate, shared = _separate_and_shared(all_groups)
    lines = [line for group in separate[:MAX_GROUPS] for line in (*_full_group(group, evidence, width), "")]
    more = [_one_line(group) for group in separate[MAX_GROUPS:]]
    lines += [*shared, *_shortened(more, MAX_GROUP_LINES)]
    lines += [""] if shared or more else []
    return [*lines, f"Full messages are in {report}; with -vv they are above as well."]


def cause_text(group: FailureGroup) -> str:
    """Return the most likely cause of the failures, as a clause."""
    cause = group.cause
    if group.kind == "mediators":
        describe = _difference_from_claim if cause.kind == "mediators" else _change_of_mediators
        return f"{describe(cause.nodes_lost, cause.nodes_gained)} ({cause.check})"
    if group.kind == "no effect" and cause.parts is not None:
        whole = cause.parts.denominator
        if whole.refusal is not None:
            return f"no fraction of {cause.parts.of} can be judged: {refusal_text(whole.refusal)}"
        return f"the prompts have no effect to recover: {cause.parts.of} is {precise(whole)} {whole.unit}"
    if group.kind in ("role", "not measured"):
        return headline(cause)
    return f"{cause.check}: {headline(cause)}"


def headline(result: CheckResult) -> str:
    """Return the first line of a message without its outcome."""
    first = result.message.partition("\n")[0]
    return first.removeprefix(f"{result.outcome}: ")


def _difference_from_claim(lost: Sequence[str], gained: Sequence[str]) -> str:
    """Return the difference from a claim, which says nothing about an earlier run."""
    false = f"{', '.join(lost)} {'does' if len(lost) == 1 else 'do'} not mediate as claimed" if lost else ""
    more = (
        f"{', '.join(gained)} {_verb(gained)} and {'is' if len(gained) == 1 else 'are'} not claimed" if gained else ""
    )
    return ", and ".join(filter(None, (false, more)))


def _change_of_mediators(lost: Sequence[str], gained: Sequence[str]) -> str:
    gone = f"{', '.join(lost)} no longer {_verb(lost)}" if lost else ""
    new = f"{', '.join(gained)} {_verb(gained)} now" if gained else ""
    return " and ".join(filter(None, (gone, new)))


def _verb(nodes: Sequence[str]) -> str:
    return "mediates" if len(nodes) == 1 else "mediate"


def _separate_and_shared(all_groups: Sequence[FailureGroup]) -> tuple[list[FailureGroup], list[str]]:
    """Return the groups shown separately, and a line for each reason why several on one model could not be measured."""
    reasons: dict[tuple[str, str], list[FailureGroup]] = {}
    for group in all_groups:
        if group.kind == "not measured":
            reasons.setdefault((group.model, headline(group.cause)), []).append(group)
    several = {key: each for key, each in reasons.items() if len(each) > 1}
    merged = [group for each in several.values() for group in each]
    lines = [
        f"{len(each)} behaviours on {model} could not be measured: {reason}"
        for (model, reason), each in several.items()
    ]
    return [group for group in all_groups if group not in merged], lines


def _one_line(group: FailureGroup) -> str:
    return f"{_title(group)}: {cause_text(group)}"


def _title(group: FailureGroup) -> str:
    return f"{group.behaviour} on {group.model}: {len(group.failed)} of {group.total} checks did not pass"


def _full_group(group: FailureGroup, evidence: Mapping[tuple[str, str], Evidence], width: int) -> list[str]:
    lines = [_title(group), *_labelled("likely cause", cause_text(group), width)]
    if group.others:
        names = ", ".join(each.check for each in group.others)
        lines += _labelled("may follow", names, width)
    group_evidence = evidence.get((group.behaviour, group.model))
    if all(each.kind == "lint" for each in group.failed):  # a lint failure is not caused by a single prompt or head
        return lines
    return (
        lines
        if group_evidence is None
        else [*lines, *_mediators(group_evidence, width), *_worst_prompt(group_evidence, width)]
    )


def _mediators(evidence: Evidence, width: int) -> list[str]:
    """Return the lines about the mediating heads of the first sweep; empty if there was no sweep."""
    at = next((each.at for each in evidence.mediators), "")
    swept = [each for each in evidence.mediators if each.at == at]
    strongest = [each for each in swept if each.estimate.lies_above(MIN_MEDIATOR_FRACTION)]
    if not strongest:
        return []
    where = f", patched at {at}" if at else ""
    shown = "; ".join(f"{each.node} {precise(each.estimate)}" for each in strongest[:MAX_MEDIATORS])
    return _labelled("mediators", f"{shown} of clean − corrupt, alone{where}", width)


def _worst_prompt(evidence: Evidence, width: int) -> list[str]:
    example = next((each for each in evidence.examples if each.rank == "worst"), None)
    if example is None:
        return []
    title = f"prompt pair {example.prompt + 1} of {evidence.n} has the smallest effect size, clean − corrupt"
    name = score_name(evidence.score)
    values = f"{name} {number(example.clean_logit_diff)} clean, {number(example.corrupt_logit_diff)} corrupt"
    answers, foils = (" ".join(map(visible, texts)) for texts in (example.answers, example.foils))
    return [
        *_labelled("worst prompt", title, width),
        *_labelled("  clean", _text(example, "clean")),
        *_labelled("  corrupt", _text(example, "corrupt")),
        *_labelled("  answer", f"{answers}, foil {foils}; {values}"),
    ]


def _text(example: Example, side: str) -> str:
    tokens = example.clean if side == "clean" else example.corrupt
    return visible("".join(token.text for token in tokens))


def _labelled(label: str, text: str, width: int | None = None) -> list[str]:
    """Return a label and its text, wrapped if a width is given; prompts are not wrapped."""
    room = len(text) + 1 if width is None else max(40, width - LABEL_WIDTH - 4)
    first, *others = textwrap.wrap(text, room, break_on_hyphens=False) or [""]
    return [f"  {label:<{LABEL_WIDTH}}  {first}", *(f"  {'':<{LABEL_WIDTH}}  {line}" for line in others)]


def _shortened(lines: Sequence[str], most: int) -> list[str]:
    """Return the first lines and the last two, which have the location and the command, and count the others."""
    if len(lines) <= most:
        return list(lines)
    left = len(lines) - (most - 1)
    return [*lines[: most - 3], f"  … {left} more lines in the report", *lines[-2:]]
