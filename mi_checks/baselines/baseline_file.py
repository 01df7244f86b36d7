"""Baseline files: a `Baseline` as JSON, with sorted keys, a line per check, and a checksum over the rest.

A file is read in full before any of it is used: one that was edited, truncated or merged is an error with its remedy.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic import ValidationError

from mi_checks.compare.baseline_record import (
    HEADER_HASHES,
    HEADER_TEXTS,
    Baseline,
    BaselineHeader,
    RecordedCheck,
    without_rounding_changes,
)
from mi_checks.errors import MiChecksError
from mi_checks.files import conflict_line, delete_abandoned_files, replace_text
from mi_checks.results.claim import Claim
from mi_checks.results.evidence import Mediator
from mi_checks.results.older_runs import in_current_terms, reader_of
from mi_checks.results.read_run import record_from_data
from mi_checks.spec.load_file import LoadedBehaviour
from mi_checks.stats.estimate import Estimate, Parts, Refusal

# 3: estimates had neither clusters nor refusals; 2: claims were sentences; 1: no parts of fractions and no effect
# sizes; of `composes`, a sentence for the deciding reader.
SCHEMA = 4
PARTS_METHOD = "as of means"  # of the parts' intervals
REMEDY = "restore the file, or record it again with pytest --mi-update"


class NewerSchemaError(MiChecksError):
    """The file was written by a newer mi-checks, so it is not overwritten."""


class _InvalidBaseline(Exception):
    """The contents of the file are not a valid baseline."""


def read_baseline(path: Path, shown: str) -> Baseline:
    """Return the baseline in a file.

    Args:
        path: the file.
        shown: the path of the file in messages.

    Raises:
        MiChecksError: the file cannot be read, was changed since it was written, or was written by a newer mi-checks.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise MiChecksError(f"{shown}: cannot be read: {error.strerror or error}; {REMEDY}") from None
    except UnicodeDecodeError:
        raise MiChecksError(f"{shown}: is not UTF-8 text; {REMEDY}") from None
    line = conflict_line(text)
    if line is not None:
        raise MiChecksError(
            f"{shown}:{line}: a merge conflict; keep either side, or record it again with pytest --mi-update"
        )
    try:
        data = json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise MiChecksError(
            f"{shown}:{error.lineno}:{error.colno}: truncated or not JSON: {error.msg}; {REMEDY}"
        ) from None
    except (RecursionError, ValueError):
        raise MiChecksError(
            f"{shown}: not a baseline: nested too deeply, or a number that is not finite; {REMEDY}"
        ) from None
    schema = data.get("schema") if isinstance(data, dict) else None
    if isinstance(schema, int) and not isinstance(schema, bool) and schema > SCHEMA:
        raise NewerSchemaError(
            f"{shown}: written by a newer mi-checks (schema {schema}, and this one reads {SCHEMA}); update mi-checks, "
            "or delete the file and record it again with pytest --mi-update"
        )
    try:
        return _baseline(data)
    except _InvalidBaseline as wrong:
        raise MiChecksError(f"{shown}: {wrong}; {REMEDY}") from None


def write_baseline(path: Path, new: Baseline, shown: str, stand_in: str = "") -> bool:
    """Write a baseline, and return whether the file changed; numbers that differ by rounding only are left as they are.

    A file that was edited, truncated or merged is overwritten.

    Args:
        path: the file.
        new: the baseline to write.
        shown: the path of the file in messages.
        stand_in: the model that ran under the name, if it was another one, such as `nano-attn-2l=FOLDER`.

    Raises:
        MiChecksError: the file cannot be written, is from a newer mi-checks, or has other weights than the stand-in,
            which may be meant for this run only; the old file is unchanged.
    """
    old: Baseline | None = None
    try:
        old = read_baseline(path, shown)
    except NewerSchemaError as error:
        raise MiChecksError(f"{error}; it is unchanged") from None
    except MiChecksError:  # there is none yet, or an invalid one, which is replaced
        pass
    if stand_in and os.path.lexists(path) and (old is None or old.header.weights != new.header.weights):
        of = "cannot be read" if old is None else f"is of weights {old.header.weights[:12]}"
        raise MiChecksError(
            f"{shown}: {of}, and {stand_in} has {new.header.weights[:12]}; it is unchanged. If it is to be "
            f"{new.header.model} from now on, delete the file and run pytest --mi-update again"
        )
    text = baseline_text(new if old is None else without_rounding_changes(new, old))
    try:
        delete_abandoned_files(path)
        if path.exists() and path.read_bytes() == text.encode():
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, text)
    except OSError as error:
        state = "it is unchanged" if os.path.lexists(path) else "there is none"
        raise MiChecksError(
            f"{shown}: cannot be written: {error.strerror or error}; {state}. Make the folder writable or free space "
            "on the disk, and run pytest --mi-update again"
        ) from None
    return True


def baseline_text(baseline: Baseline) -> str:
    """Return the text of a baseline file."""
    data: dict[str, Any] = {
        "checks": {
            name: _plain({**asdict(check), "claim": _brief(check.claim), "parts": _short(check.parts)})
            for name, check in baseline.checks.items()
        },
        "effect_sizes": _plain(baseline.effect_sizes),
        "header": asdict(baseline.header),
        "mediators": {
            (f"{each.node} at {each.at}" if each.at else each.node): _plain(asdict(each)) for each in baseline.mediators
        },
        "schema": SCHEMA,
    }
    data["checksum"] = _checksum(data)
    parts = []
    for key in sorted(data):
        value = data[key]
        if isinstance(value, dict) and value:
            lines = ",\n".join(f"  {_line(name)}: {_line(value[name])}" for name in sorted(value))
            parts.append(f" {_line(key)}: {{\n{lines}\n }}")
        else:
            parts.append(f" {_line(key)}: {_line(value)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _short(parts: Parts | None) -> dict[str, Any] | None:
    """Return the parts as value, low and high; the rest is as in the estimate of the fraction."""
    if parts is None:
        return None
    ends = {
        name: None if part is None else [part.value, part.low, part.high]
        for name, part in (("numerator", parts.numerator), ("denominator", parts.denominator))
    }
    return {**ends, "of": parts.of, "unit": parts.denominator.unit}


def _brief(claim: Claim | None) -> dict[str, Any] | None:
    """Return the fields of a claim that it sets."""
    if claim is None:
        return None
    given = {name: value for name, value in asdict(claim).items() if value not in (None, "", (), False, 0)}
    return {**given, **({"denied": [_brief(each) for each in claim.denied]} if claim.denied else {})}


def _line(data: object) -> str:
    return json.dumps(data, sort_keys=True, allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def _plain(value: Any) -> Any:
    """Return whole numbers without a decimal point."""
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _checksum(data: Mapping[str, Any]) -> str:
    rest = {name: value for name, value in data.items() if name != "checksum"}
    return hashlib.sha256(_line(rest).encode()).hexdigest()


def _no_constant(name: str) -> float:
    raise ValueError(name)


def _baseline(data: Any) -> Baseline:
    if not isinstance(data, dict) or data.get("schema") not in range(1, SCHEMA + 1):
        raise _InvalidBaseline("not a baseline: it has no schema")
    sizes = {"effect_sizes"} if data["schema"] > 1 else set()
    missing = sorted({"checks", "checksum", "header", "mediators", *sizes} - set(data))
    if missing:
        raise _InvalidBaseline(f"not a baseline: {', '.join(missing)} is missing")
    if data["checksum"] != _checksum(data):
        raise _InvalidBaseline("edited by hand or damaged: its checksum does not match its contents")
    for name in ("checks", "header", "mediators"):
        if not isinstance(data[name], dict):
            raise _InvalidBaseline(f"{name} is not a mapping")
    if data["schema"] <= 2:
        data = in_current_terms(data)
    read = {1: _check_of_schema_1, 2: _check_of_schema_2}.get(data["schema"], _check)
    checks = {name: read(name, check) for name, check in data["checks"].items()}
    mediators = tuple(_mediator(name, each) for name, each in data["mediators"].items())
    return Baseline(_header(data["header"]), checks, mediators, _numbers("effect_sizes", data.get("effect_sizes", [])))


def _header(data: Mapping[str, Any]) -> BaselineHeader:
    for name in HEADER_TEXTS:
        if not isinstance(data.get(name), str):
            raise _InvalidBaseline(f"header: {name} is not a string")
    for name in HEADER_HASHES:
        if not re.fullmatch("[0-9a-f]{64}", data[name]):
            raise _InvalidBaseline(f"header: {name} is not a SHA-256")
    versions = data.get("versions")
    if not isinstance(versions, dict) or not all(isinstance(version, str) for version in versions.values()):
        raise _InvalidBaseline("header: versions is not a mapping of strings")
    return BaselineHeader(**{name: data[name] for name in HEADER_TEXTS}, versions=versions)


def _check(name: str, data: Any) -> RecordedCheck:
    where = f"checks: {name}"
    if not isinstance(data, dict) or not isinstance(data.get("deciding"), str):
        raise _InvalidBaseline(f"{where} is not a check")
    values = _numbers(f"{where}: per_prompt", data.get("per_prompt"))
    estimate = None if data.get("estimate") is None else _estimate(where, data["estimate"])
    parts = None if data.get("parts") is None else _parts(where, data["parts"], estimate)
    return RecordedCheck(_claim(where, data.get("claim")), data["deciding"], estimate, values, parts)


def _check_of_schema_1(name: str, data: Any) -> RecordedCheck:
    """Read a check of schema 1, in which the deciding reader of `composes` was part of a sentence."""
    check = _check_of_schema_2(name, data)
    return replace(check, deciding=reader_of(check.deciding) or check.deciding)


def _check_of_schema_2(name: str, data: Any) -> RecordedCheck:
    """Read a check whose claim was a sentence, which nothing can be compared with."""
    return _check(name, {**data, "claim": None} if isinstance(data, dict) else data)


def _claim(where: str, data: Any) -> Claim | None:
    if data is None:
        return None
    try:
        return record_from_data(Claim, data)
    except ValidationError as error:
        raise _InvalidBaseline(f"{where}: the claim: {error.errors()[0]['msg']}") from None


def _numbers(where: str, values: Any) -> tuple[float, ...]:
    # By type: json makes these numbers and no others, and there are hundreds.
    if (
        not isinstance(values, list)
        or not set(map(type, values)) <= {int, float}
        or not all(map(math.isfinite, values))
    ):
        raise _InvalidBaseline(f"{where} is not a list of numbers")
    return tuple(map(float, values))


def _parts(where: str, data: Any, fraction: Estimate | None) -> Parts:
    if not isinstance(data, dict) or not all(isinstance(data.get(key), str) for key in ("of", "unit")):
        raise _InvalidBaseline(f"{where}: parts need a numerator and a denominator")
    n = 1 if fraction is None else fraction.n
    numerator, denominator = (
        None if data.get(name) is None else _ends(f"{where}: {name}", data[name], data["unit"], n)
        for name in ("numerator", "denominator")
    )
    if denominator is None:
        raise _InvalidBaseline(f"{where}: parts have no denominator")
    return Parts(numerator, denominator, data["of"])


def _ends(where: str, data: Any, unit: str, n: int) -> Estimate:
    numbers = _numbers(where, data)
    if len(numbers) != 3 or numbers[1] > numbers[2]:
        raise _InvalidBaseline(f"{where} is not a value with an interval")
    value, low, high = numbers
    return Estimate(value, low, high, n, unit, PARTS_METHOD)


def _mediator(name: str, data: Any) -> Mediator:
    if not isinstance(data, dict) or not all(isinstance(data.get(key), str) for key in ("node", "at")):
        raise _InvalidBaseline(f"mediators: {name} is not a mediator")
    return Mediator(data["node"], data["at"], _estimate(f"mediators: {name}", data.get("estimate")))


def _estimate(where: str, data: Any) -> Estimate:
    if not isinstance(data, dict) or not all(_is_number(data.get(name)) for name in ("value", "low", "high", "n")):
        raise _InvalidBaseline(f"{where}: the estimate has no value, low, high and n")
    if not all(isinstance(data.get(name), str) for name in ("unit", "method", "over")):
        raise _InvalidBaseline(f"{where}: the estimate has no unit, method and over")
    if data["low"] > data["high"] or data["n"] < 1:
        raise _InvalidBaseline(
            f"{where}: its numbers are inconsistent: from {data['low']} to {data['high']}, n {data['n']}"
        )
    numbers = {name: float(data[name]) for name in ("value", "low", "high")}
    return Estimate(
        numbers["value"],
        numbers["low"],
        numbers["high"],
        int(data["n"]),
        data["unit"],
        data["method"],
        data["over"],
        clusters=data.get("clusters"),
        clustered_by=data.get("clustered_by", ""),
        refusal=_refusal(where, data.get("refusal")),
    )


def _refusal(where: str, data: Any) -> Refusal | None:
    if data is None:
        return None
    try:
        return record_from_data(Refusal, data)
    except ValidationError:
        raise _InvalidBaseline(f"{where}: the reason why there is no interval is not valid") from None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


BASELINE_FOLDER = "baselines"


def baseline_path(loaded: LoadedBehaviour, model: str) -> Path:
    """Return the path of the baseline of a behaviour on a model, by the model's name in the file; it may not exist."""
    parts = [loaded.path.stem, *([loaded.case] if loaded.case else [])]
    return loaded.path.parent.joinpath(BASELINE_FOLDER, *map(_name, parts), f"{_name(model)}.json")


def orphaned_baselines(collected: Iterable[LoadedBehaviour]) -> Iterator[Path]:
    """Return the baselines whose behaviour file, case or model no longer exists.

    Baselines of a file that exists and was not collected are left alone.
    """
    loaded = list(collected)
    wanted = {baseline_path(each, model) for each in loaded for model in each.behaviour.models}
    files = {each.path for each in loaded}
    for folder in sorted({file.parent for file in files}):
        for path in sorted((folder / BASELINE_FOLDER).rglob("*.json")):
            stem = path.relative_to(folder / BASELINE_FOLDER).parts[0]
            there = [file for file in _sources(folder) if _name(file.stem) == stem]
            if path not in wanted and all(file in files for file in there):
                yield path


def _sources(folder: Path) -> list[Path]:
    return [*folder.glob("*.yaml"), *folder.glob("*.yml")]


def _name(text: str) -> str:
    """Return a file name that is valid on every system: the name of a model may have slashes and colons."""
    return quote(text, safe="@ +=,~()") if text.strip(".") else quote(text).replace(".", "%2E")
