"""The reading of pytest's options and ini settings; each is checked before anything is collected."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

from mi_checks.errors import MiChecksError, did_you_mean
from mi_checks.history.run_store import History
from mi_checks.models.model_names import resolve
from mi_checks.models.stand_in_models import check_same_heads, refuse_update
from mi_checks.plugin.options import BaselineOptions, CiOptions, Options
from mi_checks.report.report_destination import ReportDestination, report_destination, require_writable
from mi_checks.results.pytest_ids import repeated_options
from mi_checks.suite.selection import choose_models

ENGINES = ("auto", "replay", "reference")
DTYPES = ("float32", "bfloat16", "float16")
ANNOTATIONS = ("auto", "github", "none")


def read_options(config: pytest.Config) -> Options:
    """Read each option from the command line or, if it is not given there, from the ini file.

    Raises:
        MiChecksError: the value of an option cannot be used, or a file cannot be written there.
    """

    def value_of(name: str) -> Any:
        value = config.getoption(name)
        return config.getini(name) if value is None else value

    reference = value_of("mi_base") or None
    models = choose_models(value_of("mi_model"), "--mi-model", reference)
    chosen_models = [resolve(model) for model in models]
    if reference is not None:
        resolve(reference).check_loadable()
        check_same_heads(reference, models[0], (resolve(reference).shape, chosen_models[0].shape))
        if value_of("mi_update") or value_of("mi_update_new_only"):
            raise MiChecksError(
                f"--mi-base {reference}: --mi-update would record another model's baselines; use only one of the two "
                "options"
            )
    for option in ("--mi-update", "--mi-update-new-only"):
        for model in chosen_models if value_of(option[2:].replace("-", "_")) else ():
            refuse_update(model, option)
    dtype = value_of("mi_dtype") or "float32"
    if dtype not in DTYPES:
        raise MiChecksError(f"--mi-dtype {dtype!r}: use one of {', '.join(DTYPES)}{did_you_mean(dtype, DTYPES)}")
    engine = value_of("mi_engine") or "auto"
    if engine not in ENGINES:
        raise MiChecksError(f"--mi-engine {engine!r}: use one of {', '.join(ENGINES)}{did_you_mean(engine, ENGINES)}")
    count = _whole_number("--mi-count", value_of("mi_count"), least=2)
    seed = _whole_number("--mi-seed", value_of("mi_seed"), least=0)
    report = report_destination(value_of("mi_report") or "reports/report.html", config.rootpath)
    named_run = value_of("mi_run")
    run_file = config.rootpath / named_run if named_run else report.run
    if run_file == report.page:
        raise MiChecksError(f"--mi-run: {str(report.page)!r} is where the report is written; name another file")
    summary = config.rootpath / value_of("mi_summary") if value_of("mi_summary") else None
    if summary in (report.page, run_file):
        raise MiChecksError(
            f"--mi-summary: {str(summary)!r} is where the report or the run is written; name another file"
        )
    annotations = value_of("mi_annotations") or "auto"
    if annotations not in ANNOTATIONS:
        near = did_you_mean(annotations, ANNOTATIONS)
        raise MiChecksError(f"--mi-annotations {annotations!r}: use one of {', '.join(ANNOTATIONS)}{near}")
    return Options(
        models=models,
        reference_model=reference,
        count=count,
        seed=seed,
        device=value_of("mi_device") or "auto",
        dtype=dtype,
        engine=engine,
        memory=_bytes("--mi-memory", value_of("mi_memory")),
        report=ReportDestination(require_writable("--mi-report", report.page), report.folder),
        draws=bool(value_of("mi_report")) or not value_of("mi_mutants"),
        run_file=require_writable("--mi-run", run_file),
        history=_history(config.rootpath, value_of("mi_history")),
        cache_folder=None if value_of("mi_no_cache") else _cache_folder(config),
        update=bool(value_of("mi_update")),
        with_mutants=bool(value_of("mi_mutants")),
        familywise=bool(value_of("mi_familywise")),
        strict=bool(value_of("mi_strict")),
        worker_id=str(getattr(config, "workerinput", {}).get("workerid", "")),
        baselines=BaselineOptions(
            update=bool(value_of("mi_update")),
            new_only=bool(value_of("mi_update_new_only")),
            prune=bool(value_of("mi_prune")),
            overrides=_overrides(count, seed, dtype),
            partial=bool(config.option.keyword or config.option.markexpr or any("::" in a for a in config.args)),
        ),
        ci=CiOptions(
            summary=None if summary is None else require_writable("--mi-summary", summary),
            annotate=annotations == "github" or (annotations == "auto" and os.environ.get("GITHUB_ACTIONS") == "true"),
        ),
        debug=bool(value_of("mi_debug")),
        invocation_folder=config.invocation_params.dir,
        pytest_options=repeated_options(config.invocation_params.args),
    )


def _cache_folder(config: pytest.Config) -> Path | None:
    """Return a folder in pytest's cache; None without a cache (`-p no:cacheprovider`) or without write permission."""
    cache = getattr(config, "cache", None)
    try:
        return None if cache is None else Path(cache.mkdir("mi_checks"))
    except OSError:
        return None


def _whole_number(option: str, text: str | None, *, least: int) -> int | None:
    if not text:
        return None
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if number < least:
        raise MiChecksError(f"{option} {text!r}: use a whole number of at least {least}")
    return number


def _bytes(option: str, text: str | None) -> int | None:
    if not text:
        return None
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([kmgt]?)(i?)b?", text.strip().lower())
    number = (
        0 if match is None else int(float(match[1]) * (1024 if match[3] else 1000) ** " kmgt".index(match[2] or " "))
    )
    if number < 1:
        raise MiChecksError(f"{option} {text!r}: use a size such as 2GB, 512MiB, or a number of bytes")
    return number


def _overrides(count: int | None, seed: int | None, dtype: str) -> str:
    """Return the options that change the prompts or the precision, as on the command line."""
    values = {"--mi-count": count, "--mi-seed": seed, "--mi-dtype": dtype if dtype != "float32" else None}
    return " ".join(f"{option} {value}" for option, value in values.items() if value is not None)


def _history(root: Path, name: str | None) -> Path | None:
    if not name:
        return None
    path = require_writable("--mi-history", root / name)
    if path.exists():
        if not os.access(path, os.W_OK):
            raise MiChecksError(f"--mi-history: cannot write {str(path)!r}; it is read-only")
        with History.at(path):  # raises now, before anything is measured, if the file is not a history
            pass
    return path
