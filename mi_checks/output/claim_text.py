"""A claim in words: the one place where it becomes a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from mi_checks.results.claim import Claim
from mi_checks.spec.check import bound_text
from mi_checks.spec.problems import comma_list
from mi_checks.spec.roles import LOCK_FILE_NAME
from mi_checks.spec.scoring import SCORES, score_name
from mi_checks.stats.estimate import CIRCUIT_EFFECT_NAME

_WINS = {
    "foils": "the answer scores above every foil",
    "vocabulary": "the answer is the most probable token",
    "corrupt": "the answer is preferred more than on the corrupt prompt",
}


def claim_text(claim: Claim | None) -> str:
    """Return a claim in words, without a full stop; "" if there is none."""
    if claim is None:
        return ""
    if claim.text:
        return claim.text
    bound = bound_text(claim.at_least, claim.at_most) or "…"  # a recorded claim has no bound
    match claim.quantity:
        case "logit difference":
            score = score_name(claim.score) if claim.score in SCORES else f"score {claim.score}"
            return f"the mean {score}{', clean − corrupt,' if claim.against == 'corrupt' else ''} is {bound}"
        case "accuracy":
            return f"{_WINS[claim.against]} on {bound} of the prompts"
        case "fraction recovered" | "fraction removed":
            effect = "recovers" if claim.quantity == "fraction recovered" else "removes"
            return f"{_intervention(claim)} {effect} {bound} of clean − corrupt"
        case "mediators":
            return _mediators(claim)
        case "attention probability":
            return f"{_each_of(claim.nodes)} attends from {claim.at} to {claim.to} with probability {bound}"
        case "direct logit attribution":
            who = (
                f"{comma_list(claim.nodes)} together write"
                if len(claim.nodes) > 1
                else f"{comma_list(claim.nodes)} writes"
            )
            return f"{who} {bound} directly into the clean logit difference"
        case "composition score":
            writers, readers = claim.path
            pair = f"{_one_of(writers)} with {_each_of(readers)}"
            return f"the composition score of {pair} is {bound} times that of random matrices"
        case "fraction of the input norm":
            writers, readers = claim.path
            return f"{_one_of(writers)} writes {bound} of the norm of {_each_of(readers)} at {claim.at}"
        case "role":
            return _role(claim)
        case "absence":
            denied = " and ".join(f"“{claim_text(each)}”" for each in claim.denied)
            return f"the behaviour is absent: {denied} {'are both' if len(claim.denied) > 1 else 'is'} false"
        case "baseline":
            return "every effect is as the baseline records it, within what these prompts can resolve"
        case "reference model":
            return f"the behaviour and its mechanism are those of {claim.against}"
        case "lint":
            return "nothing gives reason to doubt what the behaviour measures"
        case _:
            return _circuit(claim, bound)


def _intervention(claim: Claim) -> str:
    at = f" at {claim.at}" if claim.at else ""
    if claim.path:
        return f"{claim.method} the path {' → '.join(map(comma_list, claim.path))}{at}"
    method = claim.method if claim.method.endswith("noising") else f"{claim.method}-ablating"
    return f"{method} {comma_list(claim.nodes)}{at}"


def _mediators(claim: Claim) -> str:
    at = f" at {claim.at}" if claim.at else ""
    effect = f"more than {claim.threshold:g} of clean − corrupt{at}"
    if not claim.nodes:
        return f"no {claim.among} recovers {effect}"
    how_many = "exactly" if claim.exactly else "at least"
    verb = "each recover" if len(claim.nodes) > 1 else "recovers"
    return f"{how_many} {comma_list(claim.nodes)} {verb} {effect}"


def _role(claim: Claim) -> str:
    highest = f", the {claim.n} highest" if claim.n else ""
    scored = f"(score {claim.score}, at least {claim.at_least:g}{highest})"
    nodes = comma_list(claim.nodes) if claim.nodes else "a node"
    return f"the role {claim.role} is bound to {nodes}{f', as in {LOCK_FILE_NAME}' if claim.against else ''} {scored}"


def _circuit(claim: Claim, bound: str) -> str:
    whole = f"{{{', '.join(claim.edges or claim.nodes)}}}"
    circuit = f"the edges {whole}" if claim.edges else f"the circuit {whole}"
    rivals = f"{bound} of the other circuits of its size ({'all ' if claim.n == claim.of else ''}{claim.n}"
    rivals += ")" if claim.n == claim.of else f" drawn at random of {claim.of})"
    match claim.quantity:
        case "faithfulness":
            keeps = "keep" if claim.edges else "keeps"
            return f"{circuit} alone {keeps} {bound} of the score that ablating everything takes away"
        case "completeness":
            count = f", on average over {claim.n} knock-outs inside the circuit" if claim.n else ""
            return f"the scores of {circuit} and of the model differ by {bound}{count}"
        case "minimality":
            removed = "cutting any edge" if claim.edges else "taking any node out"
            return f"{removed} of {circuit} costs {bound} of {CIRCUIT_EFFECT_NAME}"
        case "sufficiency":
            return f"{circuit} alone scores above {rivals if claim.of else bound}"
        case "necessity":
            return f"ablating {circuit} costs more than ablating {rivals if claim.of else bound}"
    among = claim.among.replace("_", " ")
    return f"{claim.quantity} of circuits among {among}, by the fraction that each node recovers alone, is {bound}"


def _one_of(nodes: Sequence[str]) -> str:
    return f"one of {comma_list(nodes)}" if len(nodes) > 1 else comma_list(nodes)


def _each_of(nodes: Sequence[str]) -> str:
    return f"each of {comma_list(nodes)}" if len(nodes) > 1 else comma_list(nodes)
