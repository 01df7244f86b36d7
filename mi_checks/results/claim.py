"""What a check claims of a model, as data; `mi_checks.output.claim_text` says it in words."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal

Quantity = Literal[
    "",  # of a run that an older version recorded, which has only `text`
    "logit difference",
    "accuracy",
    "fraction recovered",
    "fraction removed",
    "mediators",
    "attention probability",
    "direct logit attribution",
    "composition score",
    "fraction of the input norm",
    "faithfulness",
    "completeness",
    "minimality",
    "sufficiency",
    "necessity",
    "CPR",
    "CMD",
    "role",
    "absence",
    "baseline",
    "reference model",
    "lint",
]

QUANTITY_OF_ASPECT: dict[str, Quantity] = {  # of the aspects of circuit and curve checks
    "faithfulness": "faithfulness",
    "completeness": "completeness",
    "minimal": "minimality",
    "sufficient": "sufficiency",
    "necessary": "necessity",
    "cpr": "CPR",
    "cmd": "CMD",
}


@dataclass(frozen=True)
class Claim:
    """The claim of one check: a quantity, what it is measured on, and its bound."""

    quantity: Annotated[Quantity, 'what is measured; "" in a run that an older version recorded']
    nodes: Annotated[tuple[str, ...], "the heads, neurons or layers that it is about"] = ()
    path: Annotated[
        tuple[tuple[str, ...], ...], "of a path its stops, of a composition its writers and its readers"
    ] = ()
    edges: Annotated[tuple[str, ...], 'of a circuit given by its edges: "L0H3 → L1H6.k"'] = ()
    method: Annotated[str, '"denoising" or "noising"; or what ablation puts in: "zero", "mean" or "resample"'] = ""
    at: Annotated[str, 'the label that is patched, or from which a head attends; "" for all positions'] = ""
    to: Annotated[str, "the label that a head attends to"] = ""
    against: Annotated[
        str, 'what the answer is compared with: "foils", "vocabulary" or "corrupt"; of a comparison, the reference'
    ] = ""
    score: Annotated[str, "the score of the prompts, or the score by which a role is bound"] = ""
    role: Annotated[str, "the role that is bound"] = ""
    among: Annotated[str, "what a circuit is chosen among"] = ""
    exactly: Annotated[bool, "of mediators: whether no other node mediates"] = False
    threshold: Annotated[float | None, "of mediators: the fraction that each must recover"] = None
    n: Annotated[int, "how many knock-outs, random circuits or nodes of a role it is about"] = 0
    of: Annotated[int, "how many random circuits there are"] = 0
    at_least: Annotated[float | None, "the lower bound"] = None
    at_most: Annotated[float | None, "the upper bound"] = None
    denied: Annotated[tuple[Claim, ...], "of an absent behaviour: the claims that must all be false"] = ()
    text: Annotated[str, "the claim in words, in a run that an older version recorded"] = ""


def without_bounds(claim: Claim) -> Claim:
    """Return what a claim measures: without bounds, which may change, and with nodes in the order of their names.

    The nodes of a role are listed by their scores, whose order may change although the role's nodes do not.
    """
    return replace(
        claim,
        nodes=tuple(sorted(claim.nodes)),
        path=tuple(tuple(sorted(stop)) for stop in claim.path),
        edges=tuple(sorted(claim.edges)),
        at_least=None,
        at_most=None,
        denied=tuple(map(without_bounds, claim.denied)),
    )
