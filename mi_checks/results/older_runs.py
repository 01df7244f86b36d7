"""Upgrades of runs of older schemas, which also read what older versions said only in sentences."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from mi_checks.results.claim import Claim
from mi_checks.results.run import REFERENCE, SCHEMA_VERSION
from mi_checks.spec.problems import SpecError
from mi_checks.spec.scoring import FIRST_TOKEN, LOG_PROBABILITY
from mi_checks.spec.yaml_source import parse_yaml

# What a claim of schema 4 ends with: "(Holm-corrected over 3 heads; deciding: L0H3)", "(most: L0H3)", "(most apart …)".
CLAIM_ENDING = re.compile(r" \((?=[^()]*(?:deciding:|most:|most apart))([^()]*)\)(?:; (redundant.*))?$", re.DOTALL)
MARKS_ENTRY = re.compile(r"^marks[ \t]*:.*(?:\n(?:[ \t#\-].*)?)*", re.MULTILINE)
MAX_MARKS_CHARS = 2000  # longer text is not a list of marks
HEAD_MAP_TITLE = "share recovered by each head"  # how the title of a heat map of heads began; " at LABEL" may follow


def upgraded(data: dict[str, Any], version: int) -> dict[str, Any]:
    """Return the JSON of a run of an older schema as the newest schema has it.

    Raises:
        AttributeError, KeyError, TypeError: the data is not a run of that schema.
    """
    for older, upgrade in enumerate(UPGRADES, start=1):
        data = upgrade(data) if version <= older else data
    return data


def unit_in_current_terms(stored: str) -> str:
    """Return a unit or title that an older version stored, with fraction where it wrote share."""
    return re.sub(r"\bshare\b", "fraction", stored)


def in_current_terms(node: Any) -> Any:
    """Return data with the terms of today: fraction for share, and inconclusive where an ability "cannot tell"."""
    if isinstance(node, list):
        return node if node and isinstance(node[0], float) else [in_current_terms(each) for each in node]
    if not isinstance(node, dict):
        return node
    node = {**node, "ability": "inconclusive"} if node.get("ability") == "cannot tell" else node
    return {
        key: unit_in_current_terms(value)
        if key in ("unit", "title") and isinstance(value, str)
        else in_current_terms(value)
        for key, value in node.items()
    }


def reader_of(claim: str) -> str:
    """Return the deciding reader in a claim of `composes`; older versions recorded it nowhere else."""
    found = re.search(r"(?:norm of|score of .* with) (L\d+H\d+\.[qkv])", claim)
    return "" if found is None else found[1]


def _from_1(data: dict[str, Any]) -> dict[str, Any]:
    """Upgrade schema 1, which had the hash of the prompts only in the evidence."""
    hashes = {(each["behaviour"], each["model"]): each["effect"]["prompts_sha256"] for each in data["evidence"]}
    results = [
        {
            **result,
            "prompts_sha256": ""
            if result["kind"] == "role" or result["estimate"] is None
            else hashes.get((result["behaviour"], result["model"]), ""),
        }
        for result in data["results"]
    ]
    return {**data, "results": results}


def _from_2(data: dict[str, Any]) -> dict[str, Any]:
    """Upgrade schema 2, which had no circuits and no curves."""
    evidence = [{**each, "circuit": None, "curves": []} for each in data["evidence"]]
    return {**data, "evidence": evidence}


def _from_3(data: dict[str, Any]) -> dict[str, Any]:
    """Upgrade schema 3, in which circuits had no cards of neurons, and cards of heads had no sources."""
    evidence = [{**each, "circuit": _with_neurons(each["circuit"])} for each in data["evidence"]]
    return {**data, "evidence": evidence}


def _with_neurons(circuit: dict[str, Any] | None) -> dict[str, Any] | None:
    if circuit is None:
        return None
    return {**circuit, "cards": [{**card, "sources": []} for card in circuit["cards"]], "neurons": []}


def _from_4(data: dict[str, Any]) -> dict[str, Any]:
    """Upgrade schema 4: deciding nodes in claims, the first pairs as examples, and no lints, guards or omissions."""
    return {
        **data,
        "results": [_with_deciding(result) for result in data["results"]],
        "mutants": [_placed(result) for result in data["mutants"]],
        "evidence": [{**_with_ranks(each), "omitted": []} for each in data["evidence"]],
        **_selected(data["settings"]),
        "lints": [],
        "omitted": [],
        "guards": {},
    }


def _with_steps(models: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """Add the training steps of models, which older runs recorded only in the text of the revision."""
    steps = {name: step_of_revision(model.get("revision", "")) for name, model in models.items()}
    return {name: {**model, **({"step": steps[name]} if steps[name] else {})} for name, model in models.items()}


def step_of_revision(revision: str) -> str:
    """Return the training step in a revision such as `checkpoint 500`, as older versions wrote it, in digits; or ""."""
    found = re.fullmatch(r"checkpoint (\d+)", revision)
    return "" if found is None else found[1]


def _from_5(data: dict[str, Any]) -> dict[str, Any]:
    """Upgrade schema 5: claims, unknown mediators, training steps and marks were only in text."""
    results = [{**each, "claim": _claim_in_words(each["claim"])} for each in data["results"]]
    evidence = [
        {**each, "mediators_known": _mediators_known(each["omitted"]), "marks": list(marks_of_text(each["yaml"]))}
        for each in data["evidence"]
    ]
    new = {"results": results, "evidence": evidence, "models": _with_steps(data["models"])}
    renamed: dict[str, Any] = in_current_terms({**data, **new})
    return renamed


def _from_6(data: dict[str, Any]) -> dict[str, Any]:
    """Upgrade schema 6, in which estimates did not say what clusters them; they were intervals over prompts."""
    return {**data, "schema_version": SCHEMA_VERSION}


def marks_of_text(yaml: str) -> tuple[str, ...]:
    """Return the pytest marks in the text of a behaviour; empty if it has none or its text cannot be parsed."""
    match = MARKS_ENTRY.search(yaml)
    if match is None or len(match[0]) > MAX_MARKS_CHARS:
        return ()
    try:
        entries = parse_yaml(match[0], "").data["marks"]
    except SpecError:
        return ()
    return tuple(each for each in entries if isinstance(each, str)) if isinstance(entries, list) else ()


def _mediators_known(omitted: Sequence[str]) -> bool:
    without = ("the sweep of all heads", "the list of mediators")
    return not any(sentence.lower().startswith(without) for sentence in omitted)


def _claim_in_words(text: str) -> dict[str, Any] | None:
    return asdict(Claim("", text=text)) if text else None


def _with_deciding(result: dict[str, Any]) -> dict[str, Any]:
    claim, deciding, detail = result["claim"], "", ""
    found = CLAIM_ENDING.search(claim)
    if found is not None:
        claim = claim[: found.start()]
        tested, named, last = found[1].rpartition("deciding: ")
        tested, deciding = (tested, last) if named else (last, "")
        detail = "; ".join(filter(None, (tested.removesuffix("; "), found[2])))
    if result["kind"] == "composes":
        deciding = reader_of(claim)
    new: dict[str, Any] = {
        "deciding": deciding,
        "detail": detail,
        "reason": "",
        "parts": None,
        "verdict": result["claim"].rpartition(", against ")[0] if result["kind"] == REFERENCE else "",
        "nodes_lost": [],
        "nodes_gained": [],
    }
    return {**_placed(result), "claim": claim, **new}


def _placed(record: dict[str, Any]) -> dict[str, Any]:
    """Upgrade schema 4, in which the file and the line were one text."""
    others = {name: value for name, value in record.items() if name != "location"}
    file, _, line = record["location"].rpartition(":")
    place = {"file": file, "line": int(line)} if line.isdecimal() else {"file": record["location"], "line": 0}
    return {**others, "place": place}


def _selected(settings: dict[str, str]) -> dict[str, Any]:
    """Upgrade schema 4, in which the number of selected checks was a setting, such as "3 of 7"."""
    found = re.fullmatch(r"\d+ of (\d+)", settings.get("checks run", ""))
    others = {name: value for name, value in settings.items() if name != "checks run"}
    return {"settings": others, "selected": None if found is None else int(found[1])}


def _with_component(heatmap: dict[str, Any]) -> dict[str, Any]:
    """Upgrade schema 4, in which only the title of a heat map said what was denoised, and where."""
    of_heads = heatmap["title"].startswith(HEAD_MAP_TITLE)
    at = heatmap["title"].removeprefix(HEAD_MAP_TITLE).removeprefix(" at ") if of_heads else ""
    return {**heatmap, "component": "head" if of_heads else "", "at": at}


def _with_ranks(evidence: dict[str, Any]) -> dict[str, Any]:
    examples = [{**example, "prompt": place, "rank": ""} for place, example in enumerate(evidence["examples"])]
    score = {"logits": FIRST_TOKEN, "nats": LOG_PROBABILITY}
    unit = evidence["logit_diff"]["unit"]
    heatmaps = [_with_component(each) for each in evidence["heatmaps"]]
    return {**evidence, "heatmaps": heatmaps, "examples": examples, "score": score.get(unit, unit), "effect_sizes": []}


UPGRADES: tuple[Callable[[dict[str, Any]], dict[str, Any]], ...] = (
    _from_1,
    _from_2,
    _from_3,
    _from_4,
    _from_5,
    _from_6,
)
