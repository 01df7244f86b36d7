"""pytest hooks only: options, collection, and what the terminal says. The work is done by `mi_checks.plugin.session`.

Nothing heavy is imported here: this module is loaded by every pytest run in the environment, and torch and the model
libraries are wanted only when a behaviour runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mi_checks.plugin.collectors import MEASURED_ITEMS, SESSION, BehaviourFile, LockFile, MutantsItem, session_of

CRASHED: pytest.StashKey[bool] = pytest.StashKey()  # whether a worker of `pytest -n` did
SKIPPED_FILES: pytest.StashKey[list[Path]] = pytest.StashKey()  # YAML files, where nothing was collected
OPTIONS = (
    (
        "--mi-model",
        "mi_model",
        "run on this model: a name of `mi-checks models list`, a folder, gguf:FILE, org/name, NAME=these; NAME@* is "
        "all its training checkpoints (repeatable)",
    ),
    (
        "--mi-base",
        "mi_base",
        "judge the model against this one: same behaviour, same mechanism? It runs under the claims made for this one",
    ),
    ("--mi-count", "mi_count", "prompt pairs per behaviour, instead of what each file says"),
    ("--mi-seed", "mi_seed", "seed of the prompts, instead of what each file says"),
    ("--mi-device", "mi_device", "cpu, cuda, cuda:N, or auto (default: auto)"),
    ("--mi-dtype", "mi_dtype", "float32, bfloat16 or float16 (default: float32)"),
    ("--mi-engine", "mi_engine", "auto, replay (fast) or reference (TransformerLens hooks; default: auto)"),
    (
        "--mi-memory",
        "mi_memory",
        "how much the replay engine may take, such as 2GB (default: a quarter of what is free)",
    ),
    (
        "--mi-report",
        "mi_report",
        "where the HTML report is written (default: reports/report.html); a folder, or DIR/, gets a page per behaviour",
    ),
    ("--mi-run", "mi_run", "where the run is kept as JSON (default: beside the report, reports/report.json)"),
    ("--mi-history", "mi_history", "the database that the run is added to, for mi-checks history (default: none)"),
    (
        "--mi-summary",
        "mi_summary",
        "write the run as a paragraph of Markdown there; added to the file that GITHUB_STEP_SUMMARY names",
    ),
    (
        "--mi-annotations",
        "mi_annotations",
        "github: failures as GitHub's annotations; none; auto (default): where GITHUB_ACTIONS is true",
    ),
    ("--mi-no-cache", "mi_no_cache", "measure everything anew, and keep nothing of it in pytest's cache folder"),
    (
        "--mi-update",
        "mi_update",
        "write what roles are bound to (roles.lock.yaml) and what was measured (baselines/) beside the behaviours",
    ),
    ("--mi-update-new-only", "mi_update_new_only", "write baselines where there are none, compare with the others"),
    ("--mi-prune", "mi_prune", "delete baselines of which no behaviour is left"),
    ("--mi-debug", "mi_debug", "show the tracebacks of unexpected errors at the end"),
    ("--mi-mutants", "mi_mutants", "also run each check on models in which its claim is false: it must not pass there"),
    (
        "--mi-strict",
        "mi_strict",
        "fail where a behaviour gives reason to doubt what it measures: an answer that is never likely, a circuit that "
        "keeps more than the whole model, a bigram (default: warn)",
    ),
)
SWITCHES = (
    "--mi-no-cache",
    "--mi-update",
    "--mi-update-new-only",
    "--mi-prune",
    "--mi-mutants",
    "--mi-debug",
    "--mi-strict",
)  # options without a value


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
            group.addoption(flag, default=None, metavar=flag[5:].upper(), help=help_text)
            parser.addini(ini, help_text, type="string", default="")
    parser.addini("mi_behaviours", "folders whose YAML files are behaviours", type="args", default=["behaviours"])


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    from mi_checks.plugin import hookspecs

    pluginmanager.add_hookspecs(hookspecs)


@pytest.hookimpl(trylast=True)  # the session asks for the terminal reporter
def pytest_configure(config: pytest.Config) -> None:
    if not config.pluginmanager.hasplugin("xdist"):
        config.addinivalue_line("markers", "xdist_group(name): keep items on one worker (pytest-xdist)")
    from mi_checks.spec.additions import HOOK_QUERY

    if config.pluginmanager.hasplugin(HOOK_QUERY):  # what this plugin is asked for here is another command's
        return
    if any(config.getoption(ini) is not None or config.getini(ini) for _, ini, _ in OPTIONS):
        from mi_checks.errors import MiChecksError
        from mi_checks.faults.unexpected import report_errors_at

        try:
            with report_errors_at("reading the options of mi-checks"):
                session_of(config)  # a value that cannot be used ends the run before anything is collected
        except MiChecksError as error:
            raise pytest.UsageError(str(error)) from None


def pytest_unconfigure(config: pytest.Config) -> None:
    if SESSION in config.stash:
        config.stash[SESSION].stop()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if file_path.suffix not in (".yaml", ".yml"):
        return None
    from mi_checks.plugin.yaml_files import is_collected

    if not is_collected(file_path, parent.session):
        return None
    from mi_checks.results.rerun import seen_from
    from mi_checks.spec.roles import LOCK_FILE_NAME

    kind = LockFile if file_path.name == LOCK_FILE_NAME else BehaviourFile
    # Spelled out: of a file outside its root directory pytest keeps the name at most, and nothing if it was named.
    nodeid = seen_from(file_path, parent.config.rootpath)
    file: pytest.File = kind.from_parent(parent, path=file_path, nodeid=nodeid)
    return file


def pytest_collection_finish(session: pytest.Session) -> None:
    if not session.items:
        from mi_checks.plugin.yaml_files import UNRECOGNISED

        session.config.stash[SKIPPED_FILES] = session.config.stash.get(UNRECOGNISED, [])
    if SESSION in session.config.stash:
        own = session.config.stash[SESSION]
        own.gathered.selected = [item.written_id for item in session.items if isinstance(item, MEASURED_ITEMS)]
        own.gathered.mutants.selected = [item.written_id for item in session.items if isinstance(item, MutantsItem)]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if SESSION not in session.config.stash:
        return
    own = session.config.stash[SESSION]
    if hasattr(session.config, "workeroutput"):  # an xdist worker: the controller writes
        session.config.workeroutput["mi_checks"] = own.to_wire()
    elif not session.config.option.collectonly:
        own.files.finish(crashed=CRASHED in session.config.stash)
        if own.files.failed and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """xdist: a worker has finished; take over what it measured."""
    output = getattr(node, "workeroutput", None)
    if output is None:
        node.config.stash[CRASHED] = True
    elif "mi_checks" in output:
        own = session_of(node.config)
        with own.gathered.omitted.suppressing("what a worker measured"):
            own.from_wire(output["mi_checks"])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if SKIPPED_FILES in config.stash:
        from mi_checks.plugin.yaml_files import skipped_file_lines

        for line in skipped_file_lines(config.stash[SKIPPED_FILES], config.invocation_params.dir):
            terminalreporter.write_line(line)
    if SESSION in config.stash:
        own = config.stash[SESSION]
        failures = (
            [] if config.option.collectonly else own.last_words.failure_lines(config.get_terminal_writer().fullwidth)
        )
        if failures and config.option.tbstyle != "no":
            terminalreporter.write_sep("=", "failures by behaviour and model")
            for line in failures:
                terminalreporter.write_line(line)
        for line in (*(() if config.option.collectonly else own.last_words.summary()), *own.last_words.ci_lines()):
            terminalreporter.write_line(line)
