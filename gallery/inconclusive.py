"""The claims that the behaviour files declare inconclusive, measured, and their section of the findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from gallery.facts import TO_ROOT, observations_needed
from mi_checks.errors import MiChecksError
from mi_checks.models.model_names import resolve
from mi_checks.output import numbers
from mi_checks.output.claim_text import claim_text
from mi_checks.output.inconclusive_text import refusal_text
from mi_checks.output.progress import Progress, no_progress
from mi_checks.output.tables import markdown_table
from mi_checks.output.unit_text import sample_text
from mi_checks.results.run import CheckResult, FileLine
from mi_checks.spec.check import Bound, Check
from mi_checks.spec.load_file import LoadedBehaviour
from mi_checks.stats.estimate import Estimate
from mi_checks.stats.judgement import observations_to_settle
from mi_checks.stats.sampling import SamplingDesign
from mi_checks.studies.matrix.survey import new_suite
from mi_checks.suite.selection import checks_on, is_skipped

HEADER = ["behaviour", "model", "claim", "measured", "bound", "over", "what would settle it"]
WHY = (
    "The rows that there are neither show nor refute these claims: too few rows of their kind exist in the text on "
    "which the models were trained, or their effects lie too near the bound."
)


@dataclass(frozen=True)
class InconclusiveClaim:
    """A claim that is inconclusive, as its file declares.

    Attributes:
        result: the result of its check.
        place: where the file declares it.
        design: how the prompts were drawn.
    """

    result: CheckResult
    place: FileLine
    design: SamplingDesign

    @property
    def estimate(self) -> Estimate | None:
        """Return the estimate, if it has an interval that contains the bound."""
        estimate, result = self.result.estimate, self.result
        if estimate is None or estimate.refusal is not None:
            return None
        sides = [side for side in (result.at_least, result.at_most) if side is not None]
        return estimate if any(estimate.low <= side <= estimate.high for side in sides) else None

    @property
    def needed(self) -> int | None:
        """Return about how many rows or prompts would settle it; None if that is not known, or no number would."""
        bound = Bound(at_least=self.result.at_least, at_most=self.result.at_most)
        return None if self.estimate is None else observations_to_settle(self.estimate, bound)

    @property
    def settled_by(self) -> str:
        """Return what would settle the claim, or why it is inconclusive if its interval does not say so."""
        measured = self.result.estimate
        if self.estimate is not None:
            return observations_needed(self.needed, self.estimate.clustered_by)
        if measured is not None and measured.refusal is not None:
            return refusal_text(measured.refusal)
        return self.result.reason.partition("\n")[0]


def inconclusive_claims(
    behaviours: Sequence[LoadedBehaviour], cache_folder: Path | None = None, progress: Progress = no_progress
) -> tuple[InconclusiveClaim, ...]:
    """Measure the claims that the files declare inconclusive, and return those that are.

    Raises:
        MiChecksError: a behaviour is wrong or cannot be measured.
    """
    suite, claims = new_suite(cache_folder=cache_folder), []
    cells = [(loaded, model) for loaded in behaviours for model in loaded.behaviour.models]
    declared = [(loaded, model, checks) for loaded, model in cells if (checks := _declared(loaded, model))]
    for loaded, model, checks in progress(declared, len(declared), "claims declared inconclusive"):
        try:
            for check, place in checks:
                result = suite.check(loaded, model, check, node_id="", claimed_at=place, rerun="")
                if result.is_as_declared:
                    claims.append(InconclusiveClaim(result, place, suite.measurements(loaded, model).design))
            suite.close(loaded, model)
        except MiChecksError as error:
            if not is_skipped(error, loaded, resolve(model).claims):
                raise
    return tuple(sorted(claims, key=lambda each: (each.result.behaviour, each.result.model, each.result.check)))


def _declared(loaded: LoadedBehaviour, model: str) -> list[tuple[Check, FileLine]]:
    """Return the checks that a file declares inconclusive on a model, with where it does."""
    found = []
    for check, _ in checks_on(loaded, model):
        entry = loaded.behaviour.inconclusive_place(check, resolve(model).claims)
        if entry is not None:
            place = loaded.place_of(entry)
            found.append((check, FileLine(place.file, place.line)))
    return found


def inconclusive_section(claims: Sequence[InconclusiveClaim]) -> list[str]:
    """Return the lines of the section on inconclusive claims."""
    if not claims:
        return ["No claim is declared inconclusive."]
    behaviours = len({claim.result.behaviour for claim in claims})
    models = len({claim.result.model for claim in claims})
    counted = (
        f"{numbers.count(len(claims), 'claim')} of {numbers.count(behaviours, 'behaviour')} on "
        f"{numbers.count(models, 'model')}"
    )
    text = " ".join(filter(None, [WHY, _how_many(claims)]))
    return [f"{counted}. {text}", "", *markdown_table(HEADER, [_row(claim) for claim in claims])]


def _how_many(claims: Sequence[InconclusiveClaim]) -> str:
    """Return how many times as many rows would settle the claims; "" if that is not known of any."""
    factors = [
        claim.needed / (claim.estimate.clusters or claim.estimate.n)
        for claim in claims
        if claim.estimate is not None and claim.needed is not None
    ]
    if not factors:
        return ""
    return (
        f"If the values stayed the same, {numbers.number(median(factors), 1)} times as many rows, or prompts where "
        "these share no rows, would settle half of the claims whose intervals contain the bound."
    )


def _row(claim: InconclusiveClaim) -> list[str]:
    result, estimate = claim.result, claim.result.estimate
    deciding = f" (here {result.deciding})" if result.deciding else ""
    measured = "–"
    if estimate is not None:
        refused = estimate.refusal is not None
        shown = numbers.number(estimate.value, numbers.PRECISE_DECIMALS) if refused else numbers.precise(estimate)
        measured = f"{shown} {estimate.unit}"
    return [
        f"[{result.behaviour}]({TO_ROOT}{claim.place.file}#L{claim.place.line})",
        result.model,
        f"{claim_text(result.claim)}{deciding}" if result.claim else result.check,
        measured,
        result.bound,
        "–" if estimate is None else sample_text(estimate, claim.design),
        claim.settled_by,
    ]
