"""The text of a discovery: YAML for a behaviour file, with evidence on every line."""

from __future__ import annotations

from collections.abc import Iterator

from mi_checks.output.numbers import precise
from mi_checks.studies.discovery.bounds import RULE
from mi_checks.studies.discovery.discovery import Discovery
from mi_checks.studies.discovery.draft import Line
from mi_checks.studies.discovery.evidence_comments import evidence
from mi_checks.studies.discovery.flow import flow


def written(discovery: Discovery) -> str:
    """Return the draft, followed by the evidence as comments."""
    return "\n".join([*_head(discovery), *_checks(discovery), *_model(discovery), "", *evidence(discovery), ""])


def _head(discovery: Discovery) -> Iterator[str]:
    samples, model = discovery.samples, discovery.draft.model
    others = [name for name in discovery.behaviour.models if name != model]
    entry = f"of the entry of {model} under `models:`" if others else "of `models:`"
    place = "to be added to `checks:`, and in place" if discovery.draft.beside else "in place of `checks:` and"
    yield f"# {discovery.behaviour.name} on {model}: a draft, {place} {entry}."
    if "[" in discovery.behaviour.name:
        yield "# It is of this case alone, and stands with it in a file of its own."
    yield (
        f"# Found on {len(samples.found_on)} prompt pairs of seed {samples.seed}; every check was then measured on "
        f"{len(samples.held_out)} others, held out, and passes there."
    )
    yield f"# None of them is among the {samples.checks} pairs that the checks use."
    yield f"# Values are of the held-out pairs, with 95 % intervals; {RULE}."


def _checks(discovery: Discovery) -> Iterator[str]:
    if not discovery.draft.lines:
        yield "checks: []"
        return
    yield "checks:"
    samples = discovery.samples
    where = f"n {len(samples.held_out)}, seed {samples.seed}, held out"
    for line in discovery.draft.lines:
        ((kind, fields),) = line.entry.items()
        yield f"  - {kind}: {flow(fields)}  # {'; '.join(_said(line, where))}"


def _said(line: Line, where: str) -> Iterator[str]:
    if line.note:
        yield line.note
    for what, estimate in line.estimates:
        yield f"{what} {precise(estimate)}".lstrip()
    if line.estimates:
        yield f"{line.estimates[0][1].unit}; {where}"


def _model(discovery: Discovery) -> Iterator[str]:
    draft = discovery.draft
    yield "models:"
    if not draft.entry:
        yield f"  {flow(draft.model)}: {{}}"
        return
    yield f"  {flow(draft.model)}:"
    for key, value in draft.entry.items():
        yield f"    {flow(key)}: {flow(value)}"
