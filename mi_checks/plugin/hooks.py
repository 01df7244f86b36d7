"""The pytest hooks: options, collection and the terminal summary. `mi_checks.plugin.session` does the work.

This module imports nothing heavy, because every pytest run in the environment loads it, and torch and the model
libraries are needed only if a behaviour runs.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from mi_checks.plugin.collectors import (
    CRASHED,
    MEASURED_ITEMS,
    SESSION,
    BehaviourFile,
    CheckItem,
    LockFile,
    MutantsItem,
    session_of,
)
from mi_checks.plugin.measured_seconds import MEASURED_SECONDS

SKIPPED_FILES: pytest.StashKey[list[Path]] = pytest.StashKey()  # YAML files that were not collected
SCHEDULED: pytest.StashKey[bool] = pytest.StashKey()  # whether mi-checks may distribute the items over workers
COLLECTED: pytest.StashKey[list[str]] = pytest.StashKey()  # the ids of items in the order of their files
SECONDS = "mi_checks_seconds"  # the input of a worker that says how long behaviours took in earlier runs
OPTIONS = (
    (
        "--mi-model",
        "mi_model",
        "run on this model instead of those listed in each file: a name from `mi-checks models list`, a folder, "
        "gguf:FILE, org/name, NAME=MODEL to use MODEL under the claims made for NAME, or NAME@* for all training "
        "checkpoints of NAME (repeatable)",
    ),
    (
        "--mi-base",
        "mi_base",
        "run the model under the claims made for this reference model, and test whether it has the same behaviours by "
        "the same mechanism",
    ),
    ("--mi-count", "mi_count", "number of prompt pairs per behaviour (default: as each file says)"),
    ("--mi-seed", "mi_seed", "seed of the prompts (default: as each file says)"),
    ("--mi-device", "mi_device", "device: cpu, cuda, cuda:N or auto (default: auto)"),
    ("--mi-dtype", "mi_dtype", "precision: float32, bfloat16 or float16 (default: float32)"),
    (
        "--mi-engine",
        "mi_engine",
        "engine: replay (fast), reference (TransformerLens' hooks) or auto, which uses replay if it reproduces the "
        "model's logits (default: auto)",
    ),
    (
        "--mi-memory",
        "mi_memory",
        "memory that the replay engine may use, such as 2GB (default: a quarter of the free memory)",
    ),
    (
        "--mi-report",
        "mi_report",
        "where to write the HTML report; a folder (DIR/) gets one page per behaviour (default: reports/report.html)",
    ),
    ("--mi-run", "mi_run", "where to write the run as JSON (default: next to the report, reports/report.json)"),
    ("--mi-history", "mi_history", "add the run to this database, for `mi-checks history` (default: none)"),
    (
        "--mi-summary",
        "mi_summary",
        "write a Markdown summary of the run to this file; it is appended if GITHUB_STEP_SUMMARY names the same file",
    ),
    (
        "--mi-annotations",
        "mi_annotations",
        "when to print failures as GitHub annotations: github (always), none (never) or auto (if GITHUB_ACTIONS is "
        "true) (default: auto)",
    ),
    ("--mi-no-cache", "mi_no_cache", "measure everything again; do not read or write measurements in pytest's cache"),
    (
        "--mi-update",
        "mi_update",
        "record the nodes bound to each role (roles.lock.yaml) and the measurements (baselines/) next to the "
        "behaviour files, instead of comparing with those recorded before",
    ),
    (
        "--mi-update-new-only",
        "mi_update_new_only",
        "record baselines that do not exist yet, and compare with the others",
    ),
    ("--mi-prune", "mi_prune", "delete baselines whose behaviour or model no longer exists"),
    ("--mi-debug", "mi_debug", "print the tracebacks of unexpected errors at the end of the run"),
    (
        "--mi-mutants",
        "mi_mutants",
        "also run each check on mutants, which are models edited so that its claim is false; it must not pass on them",
    ),
    (
        "--mi-familywise",
        "mi_familywise",
        "correct the p-values of all checks of the run together (Holm's method): when the run ends, passes that are "
        "no longer significant become inconclusive, and fail. Checks without a p-value are not corrected: roles, "
        "comparisons with random circuits, with baselines and with a reference model",
    ),
    (
        "--mi-strict",
        "mi_strict",
        "fail if there is a reason to doubt what a behaviour measures: an answer that is never likely, a circuit that "
        "retains more than the whole model, an effect that is a bigram statistic (default: warn)",
    ),
)
# How `--help` names the values of options that take one; `--mi-model` takes a NAME.
METAVARS = {
    "--mi-base": "MODEL",
    "--mi-count": "N",
    "--mi-seed": "N",
    "--mi-device": "D",
    "--mi-dtype": "T",
    "--mi-engine": "E",
    "--mi-memory": "SIZE",
    "--mi-report": "PATH",
    "--mi-run": "PATH",
    "--mi-history": "PATH",
    "--mi-summary": "PATH",
    "--mi-annotations": "WHEN",
}
# Options without a value.
SWITCHES = (
    "--mi-no-cache",
    "--mi-update",
    "--mi-update-new-only",
    "--mi-prune",
    "--mi-mutants",
    "--mi-debug",
    "--mi-familywise",
    "--mi-strict",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("mi-checks", "behavioural checks of language models")
    for flag, ini, help_text in OPTIONS:
        if flag == "--mi-model":
            group.addoption(flag, action="append", default=None, metavar="NAME", help=help_text)
            parser.addini(ini, help_text, type="args", default=[])
        elif flag in SWITCHES:
            group.addoption(flag, action="store_true", default=None, help=help_text)
            parser.addini(ini, help_text, type="bool", default=False)
        else:
            group.addoption(flag, default=None, metavar=METAVARS[flag], help=help_text)
            parser.addini(ini, help_text, type="string", default="")
    parser.addini(
        "mi_behaviours", "folders whose YAML files are collected as behaviours", type="args", default=["behaviours"]
    )


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    from mi_checks.plugin import hookspecs

    pluginmanager.add_hookspecs(hookspecs)


@pytest.hookimpl(wrapper=True, tryfirst=True)  # before xdist replaces the default of --dist
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, object, object]:
    options = config.option
    config.stash[SCHEDULED] = getattr(options, "dist", "") == "no" and not options.distload
    return (yield)


@pytest.hookimpl(trylast=True)  # the session asks for the terminal reporter
def pytest_configure(config: pytest.Config) -> None:
    if not config.pluginmanager.hasplugin("xdist"):
        config.addinivalue_line("markers", "xdist_group(name): keep items on one worker (pytest-xdist)")
    from mi_checks.spec.additions import HOOK_QUERY

    if config.pluginmanager.hasplugin(HOOK_QUERY):  # a verb of mi-checks started pytest, and only its hooks are called
        return
    if any(config.getoption(ini) is not None or config.getini(ini) for _, ini, _ in OPTIONS):
        from mi_checks.errors import MiChecksError
        from mi_checks.faults.unexpected import report_errors_at

        try:
            with report_errors_at("reading the options of mi-checks"):
                session_of(config)  # an invalid value ends the run before anything is collected
        except MiChecksError as error:
            raise pytest.UsageError(str(error)) from None
        if session_of(config).options.familywise and not hasattr(config, "workerinput"):
            from mi_checks.plugin.familywise import FamilywiseCorrection

            config.pluginmanager.register(FamilywiseCorrection(config, session_of(config)), "mi_checks_familywise")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """Begin the session of a controller, whose workers collect and measure."""
    from mi_checks.errors import MiChecksError
    from mi_checks.plugin.yaml_files import only_behaviours_named

    try:
        own = session_of(config) if only_behaviours_named(config) else config.stash.get(SESSION, None)
    except MiChecksError:  # each worker reports it when it collects
        own = None
    config.stash[SCHEDULED] &= own is not None and only_behaviours_named(config)
    if own is not None:
        own.files.delete_journals()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    if node.config.stash[SCHEDULED]:
        node.workerinput[SECONDS] = node.config.stash[MEASURED_SECONDS].earlier


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    if not config.stash[SCHEDULED]:
        return None
    from mi_checks.plugin.scheduling import BehaviourScheduling

    return BehaviourScheduling(config, log, config.stash[MEASURED_SECONDS].earlier)


def pytest_unconfigure(config: pytest.Config) -> None:
    if SESSION in config.stash:
        config.stash[SESSION].stop()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if file_path.suffix not in (".yaml", ".yml"):
        return None
    from mi_checks.plugin.yaml_files import is_collected

    if not is_collected(file_path, parent.session):
        return None
    from mi_checks.files import relative_path
    from mi_checks.spec.roles import LOCK_FILE_NAME

    kind = LockFile if file_path.name == LOCK_FILE_NAME else BehaviourFile
    # The id is explicit: for a file outside its root directory, pytest would keep only the name, or nothing.
    nodeid = relative_path(file_path, parent.config.rootpath)
    file: pytest.File = kind.from_parent(parent, path=file_path, nodeid=nodeid)
    return file


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if SESSION not in config.stash or config.option.collectonly:
        return
    from mi_checks.plugin.item_order import in_order_of_measuring

    config.stash[COLLECTED] = [item.selectable_id for item in items if isinstance(item, CheckItem)]
    count = config.stash[SESSION].options.count
    alone = MEASURED_SECONDS in config.stash
    # Every worker gets the same seconds from the controller, because all must have the same order.
    seconds = config.stash[MEASURED_SECONDS].earlier if alone else getattr(config, "workerinput", {}).get(SECONDS)
    if seconds is not None:
        items[:] = in_order_of_measuring(items, count, seconds, longest_first=not alone)


def pytest_collection_finish(session: pytest.Session) -> None:
    if not session.items:
        from mi_checks.plugin.yaml_files import UNRECOGNISED

        session.config.stash[SKIPPED_FILES] = session.config.stash.get(UNRECOGNISED, [])
    if SESSION in session.config.stash:
        from mi_checks.plugin.build_suite import collect_garbage_rarely

        collect_garbage_rarely()
        own = session.config.stash[SESSION]
        collected = session.config.stash.get(COLLECTED, [])
        order = {node_id: place for place, node_id in enumerate(collected)}
        own.session_results.selected = _ids(session.items, MEASURED_ITEMS, order)
        own.session_results.mutants.selected = _ids(session.items, MutantsItem, order)
        for item in session.items:
            if isinstance(item, MEASURED_ITEMS):
                own.item_runner.result_cache.select(item.parent.loaded, item.parent.model, item.name)


def _ids(items: list[pytest.Item], kind: Any, order: dict[str, int]) -> list[str]:
    """Return the ids of the items of a kind, in the order in which they were collected, not that of measuring."""
    ids = [item.selectable_id for item in items if isinstance(item, kind)]
    return sorted(ids, key=lambda node_id: order.get(node_id, len(order)))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if SESSION not in session.config.stash:
        return
    own = session.config.stash[SESSION]
    if hasattr(session.config, "workeroutput"):  # on an xdist worker; the controller writes the files
        session.config.workeroutput["mi_checks"] = own.to_wire()
    elif not session.config.option.collectonly:
        session.config.stash[MEASURED_SECONDS].save()
        own.files.finish(crashed=CRASHED in session.config.stash)
        if own.files.failed and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add the results of an xdist worker that has finished."""
    output = getattr(node, "workeroutput", None)
    if output is None:
        node.config.stash[CRASHED] = True
    elif "mi_checks" in output:
        own = session_of(node.config)
        with own.session_results.omitted.suppressing("what a worker measured"):
            own.from_wire(output["mi_checks"])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if SKIPPED_FILES in config.stash:
        from mi_checks.plugin.yaml_files import skipped_file_lines

        for line in skipped_file_lines(config.stash[SKIPPED_FILES], config.invocation_params.dir):
            terminalreporter.write_line(line)
    if SESSION in config.stash:
        own = config.stash[SESSION]
        failures = (
            []
            if config.option.collectonly
            else own.terminal_summary.failure_lines(config.get_terminal_writer().fullwidth)
        )
        if failures and config.option.tbstyle != "no":
            terminalreporter.write_sep("=", "failures by behaviour and model")
            for line in failures:
                terminalreporter.write_line(line)
        for line in (
            *(() if config.option.collectonly else own.terminal_summary.summary()),
            *own.terminal_summary.ci_lines(),
        ):
            terminalreporter.write_line(line)
