"""The options of a pytest run, read and checked. See `read_options`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mi_checks.report.report_destination import ReportDestination


@dataclass(frozen=True)
class BaselineOptions:
    """What a run is to do about baselines.

    Attributes:
        update: write that of every behaviour and model whose checks all ran.
        new_only: write where there is none yet; compare with the others.
        prune: delete those of which no behaviour is left.
        other: the options that make this run one of other prompts or precision, such as `--mi-count 16`.
        selected: only a part of the tests was asked for, by `-k`, `-m` or ids.
    """

    update: bool = False
    new_only: bool = False
    prune: bool = False
    other: str = ""
    selected: bool = False


@dataclass(frozen=True)
class CiOptions:
    """What a run is to tell.

    Attributes:
        summary: where the Markdown paragraph goes; None: nowhere.
        annotate: whether failures are printed as GitHub's annotations.
    """

    summary: Path | None = None
    annotate: bool = False


@dataclass(frozen=True)
class Options:
    """What a run was asked for.

    Attributes:
        models: as the user names them; none: those of each file.
        base: the model that these are judged against; None: they are not.
        count: prompt pairs; None: as each file says.
        seed: of the prompts, likewise.
        memory: bytes that the replay engine may take; None: a quarter of what is free.
        report: where the HTML report goes.
        kept_run: where the run is written as JSON.
        history: the database that the run is added to; None: none.
        kept: the folder of measurements that outlive a run; None: nothing is kept or recalled.
        update: roles are bound anew.
        worker: which of `pytest -n` this process is; "" for one that is none.
        with_mutants: each check is also run on models in which its claim is false.
        strict: a reason to doubt a behaviour fails an item of its own, and is not a warning alone.
        baselines: what to do about those.
        ci: what a CI server is told.
        debug: the tracebacks of unexpected errors are shown.
        started_in: the folder that pytest was started in.
        pytest_options: pytest's own options that another run needs to collect the same items.
    """

    models: tuple[str, ...]
    base: str | None
    count: int | None
    seed: int | None
    device: str
    dtype: str
    engine: str
    memory: int | None
    report: ReportDestination
    kept_run: Path
    history: Path | None
    kept: Path | None
    update: bool
    with_mutants: bool
    strict: bool
    worker: str
    baselines: BaselineOptions
    ci: CiOptions
    started_in: Path
    pytest_options: tuple[str, ...]
    debug: bool = False
