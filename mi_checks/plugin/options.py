"""The options of a pytest run, as `read_options` reads and checks them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mi_checks.report.report_destination import ReportDestination


@dataclass(frozen=True)
class BaselineOptions:
    """What a run does about baselines.

    Attributes:
        update: whether to record the baseline of every behaviour and model of which all checks ran.
        new_only: whether to record baselines that do not exist yet, and to compare with the others.
        prune: whether to delete baselines that belong to no behaviour or model.
        overrides: the options that change the prompts or the precision, such as `--mi-count 16`; "" if none does.
        partial: whether only some of the tests were selected, by `-k`, `-m` or ids.
    """

    update: bool = False
    new_only: bool = False
    prune: bool = False
    overrides: str = ""
    partial: bool = False


@dataclass(frozen=True)
class CiOptions:
    """What a run writes for a CI server.

    Attributes:
        summary: the file that the Markdown summary is written to; None if none is written.
        annotate: whether failures are printed as GitHub annotations.
    """

    summary: Path | None = None
    annotate: bool = False


@dataclass(frozen=True)
class Options:
    """The options of a run.

    Attributes:
        models: the models to run on, as the user names them; if empty, those listed in each file.
        reference_model: the model that these are compared with; None if there is none.
        count: the number of prompt pairs; None if each file decides.
        seed: the seed of the prompts; None if each file decides.
        memory: the bytes that the replay engine may use; None for a quarter of the free memory.
        report: where the HTML report is written.
        draws: whether circuits, maps and curves are measured for the report. A run on mutants, which nobody reads as a
            report, does so only if the report is named.
        run_file: where the run is written as JSON.
        history: the database that the run is added to; None if there is none.
        cache_folder: the folder of the cache of measurements; None if it is neither read nor written.
        update: whether roles are bound again.
        with_mutants: whether each check also runs on models in which its claim is false.
        familywise: whether the p-values of all checks are corrected together when the run ends.
        strict: whether a lint fails an item of its own, instead of being only a warning.
        worker_id: the id of this process among the workers of `pytest -n`; "" if it is not a worker.
        debug: whether the tracebacks of unexpected errors are shown.
        invocation_folder: the folder in which pytest was invoked.
        pytest_options: pytest's own options that another run needs to collect the same items.
    """

    models: tuple[str, ...]
    reference_model: str | None
    count: int | None
    seed: int | None
    device: str
    dtype: str
    engine: str
    memory: int | None
    report: ReportDestination
    draws: bool
    run_file: Path
    history: Path | None
    cache_folder: Path | None
    update: bool
    with_mutants: bool
    familywise: bool
    strict: bool
    worker_id: str
    baselines: BaselineOptions
    ci: CiOptions
    invocation_folder: Path
    pytest_options: tuple[str, ...]
    debug: bool = False
