"""The construction of results and runs."""

from __future__ import annotations

import datetime
import importlib.metadata
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mi_checks import __version__
from mi_checks.results.claim import Claim
from mi_checks.results.evidence import Evidence
from mi_checks.results.run import NO_LINE, CheckResult, FileLine, Lint, ModelGuards, MutantsResult, Run
from mi_checks.spec.check import Bound
from mi_checks.stats.estimate import Estimate, Outcome

LIBRARIES = ("torch", "transformer_lens", "numpy")  # whose versions may change measurements


@dataclass(frozen=True)
class ItemId:
    """The identity of a pytest item: a check of a behaviour on a model, and where it is claimed."""

    behaviour: str
    model: str
    check: str
    kind: str
    node_id: str = ""
    place: FileLine = NO_LINE


def settings_text(
    *, engine: str, device: str, dtype: str, count: int | None, seed: int | None, unchanged: str
) -> dict[str, str]:
    """Return the settings by which the command line may change what is measured, as a run records them.

    Args:
        engine: the requested engine.
        device: the requested device.
        dtype: the dtype of the weights.
        count: the number of prompt pairs of each behaviour; None for the number in each behaviour file.
        seed: the seed of the prompts; None for the seed in each behaviour file.
        unchanged: the text for a count or seed that is None.
    """
    return {
        "engine": engine,
        "count": unchanged if count is None else str(count),
        "seed": unchanged if seed is None else str(seed),
        "device": device,
        "dtype": dtype,
    }


def check_result(
    item: ItemId,
    outcome: Outcome,
    *,
    claim: Claim | None = None,
    estimate: Estimate | None = None,
    bound: Bound | None = None,
    message: str = "",
) -> CheckResult:
    """Return the result of an item; further fields can be set with `dataclasses.replace`.

    Args:
        item: the identity of the item.
        outcome: its outcome.
        claim: what is claimed; None if nothing could be measured.
        estimate: what was measured; None if nothing was.
        bound: the bound on the estimate; None if there is none.
        message: the message of an item that did not pass.
    """
    return CheckResult(
        behaviour=item.behaviour,
        model=item.model,
        check=item.check,
        kind=item.kind,
        node_id=item.node_id,
        claim=claim,
        outcome=outcome,
        estimate=estimate,
        bound="" if bound is None else str(bound),
        at_least=None if bound is None else bound.at_least,
        at_most=None if bound is None else bound.at_most,
        message=message,
        place=item.place,
    )


def run_record(
    command: str,
    began: float,
    versions: Mapping[str, str],
    settings: Mapping[str, str],
    models: Mapping[str, dict[str, str]],
    *,
    results: Sequence[CheckResult],
    evidence: Sequence[Evidence],
    selected: int | None,
    mutants: Sequence[MutantsResult] = (),
    omitted: Sequence[str] = (),
    lints: Sequence[Lint] = (),
    guards: Mapping[str, ModelGuards] | None = None,
) -> Run:
    """Return the record of a run that ends now.

    Args:
        command: the command line.
        began: its start, in seconds since the epoch, as from `time.time`.
        versions: the versions of the libraries that measure.
        settings: the settings, as from `settings_text`.
        models: the provenance of each model.
        results: the results of the items, in the order in which they were collected.
        evidence: what was measured for each behaviour and model.
        selected: the number of selected checks; None if that is not known.
        mutants: the results of the checks that were run on mutants.
        omitted: sentences on what could not be added to the record.
        lints: reasons to doubt behaviours.
        guards: what was tested of each model when it was loaded.
    """
    return Run(
        command=command,
        started=datetime.datetime.fromtimestamp(began, datetime.UTC).isoformat(timespec="seconds"),
        seconds=time.time() - began,
        versions=dict(versions),
        settings=dict(settings),
        models=dict(models),
        guards=dict(guards or {}),
        results=tuple(results),
        evidence=tuple(evidence),
        mutants=tuple(mutants),
        omitted=tuple(omitted),
        lints=tuple(lints),
        selected=selected,
    )


def library_versions(*more: str) -> dict[str, str]:
    """Return the versions of mi-checks, of Python and of the libraries that measure.

    Args:
        more: the names of further distributions.
    """
    versions = {"mi-checks": __version__, "python": platform.python_version()}
    for name in (*LIBRARIES, *more):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:  # for example in a copy of its sources
            versions[name] = "unknown"
    return versions
