"""`run.json` → `Run`, or what is wrong with the file and what to do about it."""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from mi_checks.errors import MiChecksError
from mi_checks.results.claim import Claim
from mi_checks.results.journal import SUFFIX, joined, parts
from mi_checks.results.older_claims import reader_of
from mi_checks.results.run import BASE, SCHEMA_VERSION, Run
from mi_checks.spec.scoring import FIRST_TOKEN, LOG_PROBABILITY

_RUN = TypeAdapter(Run)
AGAIN = "run pytest again, or copy the file again"


class NoRun(MiChecksError):
    """A file is JSON of something else."""


def read_run(path: Path | str) -> Run:
    """Read the run in a file; one of an older schema as it would be written now.

    Raises:
        NoRun: it holds JSON of something else.
        MiChecksError: there is no such file, or it holds no run that can be read.
    """
    path = Path(path)
    if path.name.endswith(SUFFIX):
        return _journal(path)
    return parse_run(read_text(path), path)


def parse_run(text: str, path: Path | str) -> Run:
    """Parse the run in a text; `path` is what messages call it.

    Raises:
        MiChecksError: as `read_run`.
    """
    data = _data(text, Path(path))
    if not isinstance(data, dict) or not {"schema_version", "results", "command"} <= set(data):
        raise NoRun(f"{path} is JSON, but no run; name a file that pytest --mi-run has written")
    version = data["schema_version"]
    if type(version) is not int or version < 1:
        raise MiChecksError(f"{path}: schema_version {version!r} is none that ever was; {AGAIN}")
    if version > SCHEMA_VERSION:
        raise MiChecksError(
            f"{path} is a run of schema {version}, and this mi-checks reads up to {SCHEMA_VERSION}: install a newer "
            "mi-checks, or run pytest again with this one"
        )
    try:
        if version == 1:
            data = _from_1(data)
        if version <= 2:
            data = _from_2(data)
        if version <= 3:
            data = _from_3(data)
        if version <= 4:
            data = _from_4(data)
        if version <= 5:
            data = _from_5(_with_steps(data))
        return _validated(data)
    except ValidationError as error:
        first, *others = error.errors()
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".")
        more = f" (and {len(others)} more)" if others else ""
        raise MiChecksError(f"{path} is no run as pytest writes it: {place}: {first['msg']}{more}; {AGAIN}") from None
    except (AttributeError, KeyError, TypeError):  # an upgrade found something else than it was to upgrade
        raise MiChecksError(f"{path} is no run of schema {version}, as it says; {AGAIN}") from None


def _validated(data: dict[str, Any]) -> Run:
    try:
        return _RUN.validate_json(json.dumps(data), strict=True)
    except ValidationError:
        text = json.dumps(data, ensure_ascii=False)
        legible = text.encode(errors="replace").decode()
        if text == legible:
            raise
        # A lone surrogate, as a token may hold: pydantic reads it from JSON never, and otherwise is not as strict.
        _RUN.validate_json(legible, strict=True)
        return _RUN.validate_python(data)


def read_text(path: Path) -> str:
    """Read the text of a run's file.

    Raises:
        MiChecksError: there is no such file, or it is no text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        left = f"; a run that was killed left {str(path) + SUFFIX!r}" if parts(path) else ""
        beside = left or "; pytest writes one beside its report (--mi-run)"
        raise MiChecksError(f"there is no run {str(path)!r}{beside}") from None
    except IsADirectoryError:
        raise MiChecksError(f"{path} is a folder; name the run in it, such as {path / 'report.json'}") from None
    except OSError as error:
        raise MiChecksError(f"{path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise MiChecksError(f"{path} is no text, so no run; name a file that pytest --mi-run has written") from None


def _journal(path: Path) -> Run:
    """Read what is left of a run that was killed: the complete lines of its journals."""
    found = []
    for part in parts(path.with_name(path.name.removesuffix(SUFFIX))):
        *lines, _ = read_text(part).split("\n")  # behind the last line break: nothing, or a line that was cut
        found += [parse_run(line, part) for line in lines]
    if not found:
        raise MiChecksError(f"{path} holds nothing of a run that was killed; {AGAIN}")
    try:
        return joined(found)
    except ValueError:
        raise MiChecksError(f"{path} says not when its run began, as pytest does; {AGAIN}") from None


def _data(text: str, path: Path) -> Any:
    if re.search(r"^(<{7}|>{7}) ", text, re.MULTILINE):
        raise MiChecksError(f"{path} has conflict markers of a merge; take one side's file whole")
    try:
        return json.loads(text, parse_constant=_no_number, parse_float=_finite)
    except json.JSONDecodeError as error:
        if text.lstrip().startswith("{") and (error.pos >= len(text.rstrip()) or "Unterminated" in error.msg):
            raise MiChecksError(f"{path} is cut short: it ends within the run; {AGAIN}") from None
        beside = f"; the run beside a report is {path.with_suffix('.json')}" if path.suffix == ".html" else ""
        raise MiChecksError(f"{path}:{error.lineno}:{error.colno}: not JSON: {error.msg}{beside}") from None
    except RecursionError:
        raise MiChecksError(f"{path} is nested too deeply for a run; {AGAIN}") from None
    except _NotFiniteError as error:
        raise MiChecksError(f"{path} holds {error}, which no run does; {AGAIN}") from None


class _NotFiniteError(Exception):
    pass


def _no_number(word: str) -> float:
    raise _NotFiniteError(word)


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise _NotFiniteError(text)
    return value


def _from_1(data: dict[str, Any]) -> dict[str, Any]:
    """Upgrade schema 1, which had the hash of the prompts in the evidence alone."""
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
    """Upgrade schema 2, which had neither circuits nor curves."""
    evidence = [{**each, "circuit": None, "curves": []} for each in data["evidence"]]
    return {**data, "evidence": evidence}


def _from_3(data: dict[str, Any]) -> dict[str, Any]:
    """Upgrade schema 3, whose circuits had no cards of neurons, and cards of heads no sources."""
    evidence = [{**each, "circuit": _with_neurons(each["circuit"])} for each in data["evidence"]]
    return {**data, "evidence": evidence}


def _with_neurons(circuit: dict[str, Any] | None) -> dict[str, Any] | None:
    if circuit is None:
        return None
    return {**circuit, "cards": [{**card, "sources": []} for card in circuit["cards"]], "neurons": []}


def _from_4(data: dict[str, Any]) -> dict[str, Any]:
    """Upgrade schema 4: deciding nodes in claims, the first pairs as examples, no lints, guards or omissions."""
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


def _with_steps(data: dict[str, Any]) -> dict[str, Any]:
    """Add the training steps of models, which runs of schema 5 first recorded only as text, in the revision."""
    models = {
        name: model
        if "step" in model or not step_of_revision(model.get("revision", ""))
        else {**model, "step": step_of_revision(model["revision"])}
        for name, model in data["models"].items()
    }
    return {**data, "models": models}


def step_of_revision(revision: str) -> str:
    """Return the training step in a revision such as `checkpoint 500`, as older versions wrote it, in digits; or ""."""
    found = re.fullmatch(r"checkpoint (\d+)", revision)
    return "" if found is None else found[1]


def _from_5(data: dict[str, Any]) -> dict[str, Any]:
    """Upgrade schema 5, whose claims were sentences."""
    results = [{**each, "claim": _claim_in_words(each["claim"])} for each in data["results"]]
    return {**data, "results": results, "schema_version": SCHEMA_VERSION}


def _claim_in_words(text: str) -> dict[str, Any] | None:
    return asdict(Claim("", text=text)) if text else None


# What a claim of schema 4 ends with: "(Holm-corrected over 3 heads; deciding: L0H3)", "(most: L0H3)", "(most apart …)".
_SEEN = re.compile(r" \((?=[^()]*(?:deciding:|most:|most apart))([^()]*)\)(?:; (redundant.*))?$", re.DOTALL)


def _with_deciding(result: dict[str, Any]) -> dict[str, Any]:
    claim, deciding, detail = result["claim"], "", ""
    found = _SEEN.search(claim)
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
        "verdict": result["claim"].rpartition(", against ")[0] if result["kind"] == BASE else "",
        "nodes_lost": [],
        "nodes_gained": [],
    }
    return {**_placed(result), "claim": claim, **new}


def _placed(record: dict[str, Any]) -> dict[str, Any]:
    """Upgrade schema 4, which had file and line in one text."""
    others = {name: value for name, value in record.items() if name != "location"}
    file, _, line = record["location"].rpartition(":")
    place = {"file": file, "line": int(line)} if line.isdecimal() else {"file": record["location"], "line": 0}
    return {**others, "place": place}


def _selected(settings: dict[str, str]) -> dict[str, Any]:
    """Upgrade schema 4, which had the number of selected checks among the settings: "3 of 7"."""
    found = re.fullmatch(r"\d+ of (\d+)", settings.get("checks run", ""))
    others = {name: value for name, value in settings.items() if name != "checks run"}
    return {"settings": others, "selected": None if found is None else int(found[1])}


_OF_HEADS = "share recovered by each head"  # how the title of a heat map of heads began, " at LABEL" after it


def _with_component(heatmap: dict[str, Any]) -> dict[str, Any]:
    """Upgrade schema 4, which named what was denoised, and where, in the title of a heat map alone."""
    of_heads = heatmap["title"].startswith(_OF_HEADS)
    at = heatmap["title"].removeprefix(_OF_HEADS).removeprefix(" at ") if of_heads else ""
    return {**heatmap, "component": "head" if of_heads else "", "at": at}


def _with_ranks(evidence: dict[str, Any]) -> dict[str, Any]:
    examples = [{**example, "prompt": place, "rank": ""} for place, example in enumerate(evidence["examples"])]
    score = {"logits": FIRST_TOKEN, "nats": LOG_PROBABILITY}
    unit = evidence["logit_diff"]["unit"]
    heatmaps = [_with_component(each) for each in evidence["heatmaps"]]
    return {**evidence, "heatmaps": heatmaps, "examples": examples, "score": score.get(unit, unit), "effect_sizes": []}
