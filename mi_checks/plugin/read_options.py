"""Pytest's options and their ini twins → `Options`, each read and found usable before anything is collected."""

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
from mi_checks.results.rerun import repeated_options
from mi_checks.suite.selection import choose_models

ENGINES = ("auto", "replay", "reference")
DTYPES = ("float32", "bfloat16", "float16")
ANNOTATIONS = ("auto", "github", "none")


def read_options(config: pytest.Config) -> Options:
    """Return what the command line says or, where it is silent, the ini file.

    Raises:
        MiChecksError: an option's value is not one it can have, or a file cannot be written there.
    """

    def chosen(name: str) -> Any:
        value = config.getoption(name)
        return config.getini(name) if value is None else value

    base = chosen("mi_base") or None
    models = choose_models(chosen("mi_model"), "--mi-model", base)
    chosen_models = [resolve(model) for model in models]
    if base is not None:
        resolve(base).require()
        check_same_heads(base, models[0], (resolve(base).shape, chosen_models[0].shape))
        if chosen("mi_update") or chosen("mi_update_new_only"):
            raise MiChecksError(
                f"--mi-base {base}: --mi-update would record another model as the base; leave out one of them"
            )
    for option in ("--mi-update", "--mi-update-new-only"):
        for model in chosen_models if chosen(option[2:].replace("-", "_")) else ():
            refuse_update(model, option)
    dtype = chosen("mi_dtype") or "float32"
    if dtype not in DTYPES:
        raise MiChecksError(f"--mi-dtype {dtype!r}: use one of {', '.join(DTYPES)}{did_you_mean(dtype, DTYPES)}")
    engine = chosen("mi_engine") or "auto"
    if engine not in ENGINES:
        raise MiChecksError(f"--mi-engine {engine!r}: use one of {', '.join(ENGINES)}{did_you_mean(engine, ENGINES)}")
    count = _whole_number("--mi-count", chosen("mi_count"), least=2)
    seed = _whole_number("--mi-seed", chosen("mi_seed"), least=0)
    report = report_destination(chosen("mi_report") or "reports/report.html", config.rootpath)
    named = chosen("mi_run")
    kept_run = config.rootpath / named if named else report.run
    if kept_run == report.page:
        raise MiChecksError(f"--mi-run: {str(report.page)!r} is where the report goes; name another file")
    summary = config.rootpath / chosen("mi_summary") if chosen("mi_summary") else None
    if summary in (report.page, kept_run):
        raise MiChecksError(f"--mi-summary: {str(summary)!r} is where the report or the run goes; name another file")
    annotations = chosen("mi_annotations") or "auto"
    if annotations not in ANNOTATIONS:
        near = did_you_mean(annotations, ANNOTATIONS)
        raise MiChecksError(f"--mi-annotations {annotations!r}: use one of {', '.join(ANNOTATIONS)}{near}")
    return Options(
        models=models,
        base=base,
        count=count,
        seed=seed,
        device=chosen("mi_device") or "auto",
        dtype=dtype,
        engine=engine,
        memory=_bytes("--mi-memory", chosen("mi_memory")),
        report=ReportDestination(require_writable("--mi-report", report.page), report.folder),
        kept_run=require_writable("--mi-run", kept_run),
        history=_history(config.rootpath, chosen("mi_history")),
        kept=None if chosen("mi_no_cache") else _cache_folder(config),
        update=bool(chosen("mi_update")),
        with_mutants=bool(chosen("mi_mutants")),
        strict=bool(chosen("mi_strict")),
        worker=str(getattr(config, "workerinput", {}).get("workerid", "")),
        baselines=BaselineOptions(
            update=bool(chosen("mi_update")),
            new_only=bool(chosen("mi_update_new_only")),
            prune=bool(chosen("mi_prune")),
            other=_other_than_written(count, seed, dtype),
            selected=bool(config.option.keyword or config.option.markexpr or any("::" in a for a in config.args)),
        ),
        ci=CiOptions(
            summary=None if summary is None else require_writable("--mi-summary", summary),
            annotate=annotations == "github" or (annotations == "auto" and os.environ.get("GITHUB_ACTIONS") == "true"),
        ),
        debug=bool(chosen("mi_debug")),
        started_in=config.invocation_params.dir,
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
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([kmgt]?)(i?)b?", text.strip().lower())
    number = (
        0 if found is None else int(float(found[1]) * (1024 if found[3] else 1000) ** " kmgt".index(found[2] or " "))
    )
    if number < 1:
        raise MiChecksError(f"{option} {text!r}: use a size such as 2GB, 512MiB, or a number of bytes")
    return number


def _other_than_written(count: int | None, seed: int | None, dtype: str) -> str:
    given = {"--mi-count": count, "--mi-seed": seed, "--mi-dtype": dtype if dtype != "float32" else None}
    return " ".join(f"{option} {value}" for option, value in given.items() if value is not None)


def _history(root: Path, named: str | None) -> Path | None:
    if not named:
        return None
    path = require_writable("--mi-history", root / named)
    if path.exists():
        if not os.access(path, os.W_OK):
            raise MiChecksError(f"--mi-history: cannot write {str(path)!r}; it is read-only")
        with History.at(path):  # says what is no history now, and not when all is measured
            pass
    return path
