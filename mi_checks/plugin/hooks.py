"""pytest hooks only: options, collection, and what the terminal says. The work is done by `mi_checks.suite.suite`.

Nothing heavy is imported here: this module is loaded by every pytest run in the environment, and torch and the model
libraries are wanted only when a behaviour runs.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mi_checks.errors import MiChecksError
    from mi_checks.plugin.session import Session
    from mi_checks.results.run import CheckResult, MutantsResult
    from mi_checks.spec.check import Check
    from mi_checks.spec.load_file import LoadedBehaviour
    from mi_checks.spec.yaml_source import Position

FULL_MESSAGES = 2  # verbosity from which failures are told in full
SESSION: pytest.StashKey[Session] = pytest.StashKey()
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
    from mi_checks.suite.conftests import HOOK_QUERY

    if config.pluginmanager.hasplugin(HOOK_QUERY):  # what this plugin is asked for here is another command's
        return
    if any(config.getoption(ini) is not None or config.getini(ini) for _, ini, _ in OPTIONS):
        from mi_checks.errors import MiChecksError
        from mi_checks.faults.unexpected import placed

        try:
            with placed("reading the options of mi-checks"):
                session_of(config)  # a value that cannot be used ends the run before anything is collected
        except MiChecksError as error:
            raise pytest.UsageError(str(error)) from None


def pytest_unconfigure(config: pytest.Config) -> None:
    if SESSION in config.stash:
        config.stash[SESSION].stop()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if file_path.suffix not in (".yaml", ".yml"):
        return None
    from mi_checks.plugin.collecting import is_collected

    if not is_collected(file_path, parent.session):
        return None
    from mi_checks.results.rerun import seen_from
    from mi_checks.spec.roles import LOCK

    kind = LockFile if file_path.name == LOCK else BehaviourFile
    # Spelled out: of a file outside its root directory pytest keeps the name at most, and nothing if it was named.
    nodeid = seen_from(file_path, parent.config.rootpath)
    file: pytest.File = kind.from_parent(parent, path=file_path, nodeid=nodeid)
    return file


def session_of(config: pytest.Config) -> Session:
    """The run's session, begun by the first option that is set or the first behaviour that is collected.

    Raises:
        MiChecksError: an option's value cannot be used.
    """
    if SESSION not in config.stash:
        from mi_checks.plugin.options import read_options
        from mi_checks.plugin.progress_bar import terminal_of
        from mi_checks.plugin.session import Session

        config.stash[SESSION] = Session(config.rootpath, read_options(config), terminal_of(config))
    return config.stash[SESSION]


@contextmanager
def collecting(collector: pytest.Collector, what: Path | str) -> Iterator[None]:
    """Turns whatever is raised within into one line, which ends the collection of this file alone."""
    from mi_checks.errors import MiChecksError
    from mi_checks.faults.unexpected import placed, tell_cause

    try:
        with placed(f"{what}: collecting it"):
            yield
    except MiChecksError as error:
        tell_cause(error)
        raise mistake(collector, error) from None


def mistake(collector: pytest.Collector, error: MiChecksError) -> Exception:
    """What ends the collection of a file, kept in mind for CI; without a session an option is wrong, and no file."""
    if SESSION in collector.config.stash:
        collector.config.stash[SESSION].ci.mistaken(error, collector.path)
    return collector.CollectError(str(error))


def shown(collector: pytest.Collector) -> str:
    """The collector's file, as messages show it."""
    path, root = collector.path, collector.config.rootpath
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


class BehaviourFile(pytest.File):
    """A behaviour: one child per model. A file with a table of cases: one child per case."""

    def collect(self) -> Iterator[CaseNode | ModelNode]:
        with collecting(self, shown(self)):
            own = session_of(self.config)
            if not own.is_first_path_of(self.path, named=self.session.isinitpath(self.path)):
                return
            found = own.load(self.path, self.ihook, self.config)
            for mark in found[0].behaviour.marks:  # a case does not change them
                self.config.addinivalue_line("markers", f"{mark}: set by behaviour files")
                self.add_marker(mark)
        for loaded in found:
            if loaded.case:
                yield CaseNode.from_parent(self, name=loaded.case, loaded=loaded)
            else:
                yield from model_nodes(self, loaded)


class LockFile(pytest.File):
    """What roles are bound to: no behaviour and no test, but named on a command line as its neighbours are."""

    def collect(self) -> Iterator[pytest.Item]:
        with collecting(self, shown(self)):
            session_of(self.config).locks.require(self.path.parent)
        return iter(())


class CaseNode(pytest.Collector):
    """A case, which is a behaviour of its own: one child per model."""

    def __init__(self, *, loaded: LoadedBehaviour, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.loaded = loaded

    def collect(self) -> Iterator[ModelNode]:
        yield from model_nodes(self, self.loaded)


def model_nodes(parent: BehaviourFile | CaseNode, loaded: LoadedBehaviour) -> Iterator[ModelNode]:
    from mi_checks.results.rerun import node_names

    models = session_of(parent.config).models_for(loaded)
    for name, model in zip(node_names(models), models, strict=True):
        yield ModelNode.from_parent(parent, name=name, loaded=loaded, model=model)


class ModelNode(pytest.Collector):
    """A behaviour on one model: one item per check."""

    def __init__(self, *, loaded: LoadedBehaviour, model: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.loaded = loaded
        self.model = model

    def collect(self) -> Iterator[CheckItem]:
        from mi_checks.suite.selection import checks_on

        with collecting(self, f"{shown(self)}: {self.model}"):
            checks = checks_on(self.loaded, self.model)
            items: list[tuple[type[CheckItem], str, Check | None, Position]] = [
                (kind, name, check, place)
                for check, place in checks
                for kind, name in self._kinds("absent" if check is None else check.id)
            ]
            place = self.loaded.place_of(("name",))
            if session_of(self.config).has_baseline(self.loaded, self.model, checks):  # last: all is measured by then
                items.append((BaselineItem, "baseline", None, place))
            if session_of(self.config).has_base(self.loaded):  # likewise
                items.append((BaseItem, "base", None, place))
            if session_of(self.config).options.strict:
                items.append((LintItem, "lint", None, place))
        # Not the name of a case, NAME[case]: xdist overlooks a group that has a bracket.
        group = "-".join(filter(None, (self.loaded.source.data["name"], self.loaded.case, self.model)))
        for kind, item_name, check, place in items:
            # Spelled out: pytest 9 reads a stored id's brackets as parameters, and --lf would not find it.
            item: CheckItem = kind.from_parent(
                self, name=item_name, nodeid=f"{self.nodeid}::{item_name}", check=check, place=place
            )
            item.add_marker(pytest.mark.xdist_group(group))
            yield item

    def _kinds(self, check: str) -> Iterator[tuple[type[CheckItem], str]]:
        """What a check is collected as, with names."""
        yield BehaviourItem, check
        if session_of(self.config).options.with_mutants:
            from mi_checks.results.run import mutants_id

            yield MutantsItem, mutants_id(check)

    def teardown(self) -> None:
        own = session_of(self.config)
        with own.omitted.unless(f"the evidence of {self.loaded.behaviour.name} on {self.model}"):
            own.close(self.loaded, self.model)


class CheckItem(pytest.Item):
    """One check of one behaviour on one model."""

    parent: ModelNode

    def __init__(self, *, check: Check | None, place: Position, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.check = check
        self.place = place
        self.user_properties.append(
            ("mi_location", f"{place.file}:{place.line}")
        )  # junit's xunit2 has no file and line
        self.written_id = self.nodeid  # `pytest -n --dist loadgroup` changes the other, and it selects nothing then

    def reportinfo(self) -> tuple[Path, int, str]:
        case = f"{self.parent.loaded.case}::" if self.parent.loaded.case else ""
        path = self.parent.loaded.source.files[self.place.file]
        return path, self.place.line - 1, f"{case}{self.parent.name}::{self.name}"

    def runtest(self) -> None:
        from mi_checks.errors import MiChecksError
        from mi_checks.faults.unexpected import placed

        try:
            with placed(f"{self.place.file}:{self.place.line}: {self.name} on {self.parent.model}"):
                result = self.measured()
        except MiChecksError as error:
            pytest.fail(str(error), pytrace=False)
        conclude(result, self)

    @abstractmethod
    def measured(self) -> CheckResult | MutantsResult:
        """Measure it; whatever cannot be measured is a result as well."""


def conclude(result: CheckResult | MutantsResult, item: CheckItem) -> None:
    if result.outcome == "skipped":
        pytest.skip(f"{result.location}: {result.message.splitlines()[0]}")
    if result.outcome != "pass":
        pytest.fail(_told(result, item), pytrace=False)


def _told(result: CheckResult | MutantsResult, item: CheckItem) -> str:
    """The message in full with -vv; otherwise briefly, as the report has it in full."""
    if item.config.get_verbosity() >= FULL_MESSAGES:
        return result.message
    from mi_checks.output.failure_lines import brief
    from mi_checks.results.run import CheckResult

    rerun = session_of(item.config).rerun(item.written_id, item.parent.model)
    return brief(result.message, result if isinstance(result, CheckResult) else None, rerun)


class BehaviourItem(CheckItem):
    """Whether it holds."""

    def measured(self) -> CheckResult:
        """Run the check."""
        result = session_of(self.config).run(
            self.parent.loaded, self.parent.model, self.check, self.written_id, self.place
        )
        if result.estimate is not None:
            self.user_properties += [
                ("mi_measured", result.estimate.value),
                ("mi_low", result.estimate.low),
                ("mi_high", result.estimate.high),
                ("mi_n", result.estimate.n),
            ]
        self.user_properties += [("mi_outcome", result.outcome), ("mi_bound", result.bound)]
        return result


class BaselineItem(CheckItem):
    """Whether all of it is as it was recorded."""

    def measured(self) -> CheckResult:
        """Compare it."""
        result = session_of(self.config).compare(self.parent.loaded, self.parent.model, self.written_id, self.place)
        self.user_properties += [("mi_outcome", result.outcome)]
        return result


class BaseItem(CheckItem):
    """Whether it is what the base is."""

    def measured(self) -> CheckResult:
        """Judge it."""
        result = session_of(self.config).judge(self.parent.loaded, self.parent.model, self.written_id, self.place)
        self.user_properties += [("mi_outcome", result.outcome), ("mi_verdict", result.claim)]
        return result


class LintItem(CheckItem):
    """Whether nothing gives reason to doubt what the behaviour measures."""

    def measured(self) -> CheckResult:
        """Look for such reasons."""
        result = session_of(self.config).lint(self.parent.loaded, self.parent.model, self.written_id, self.place)
        self.user_properties += [("mi_outcome", result.outcome)]
        return result


class MutantsItem(CheckItem):
    """Whether it could have failed."""

    def measured(self) -> MutantsResult:
        """Run the check on mutants."""
        result = session_of(self.config).run_mutants(
            self.parent.loaded, self.parent.model, self.check, self.written_id, self.place
        )
        killed = len(result.mutants) - len(result.survivors)
        self.user_properties += [("mi_mutants", len(result.mutants)), ("mi_mutants_killed", killed)]
        return result


MEASURING = BehaviourItem | BaselineItem | BaseItem | LintItem  # those whose results the run has


def pytest_collection_finish(session: pytest.Session) -> None:
    if not session.items:
        from mi_checks.plugin.collecting import UNRECOGNISED

        session.config.stash[SKIPPED_FILES] = session.config.stash.get(UNRECOGNISED, [])
    if SESSION in session.config.stash:
        own = session.config.stash[SESSION]
        own.selected = [item.written_id for item in session.items if isinstance(item, MEASURING)]
        own.mutants.selected = [item.written_id for item in session.items if isinstance(item, MutantsItem)]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if SESSION not in session.config.stash:
        return
    own = session.config.stash[SESSION]
    if hasattr(session.config, "workeroutput"):  # an xdist worker: the controller writes
        session.config.workeroutput["mi_checks"] = own.to_wire()
    elif not session.config.option.collectonly:
        own.finish(crashed=CRASHED in session.config.stash)
        if own.failed and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """xdist: a worker has finished; take over what it measured."""
    output = getattr(node, "workeroutput", None)
    if output is None:
        node.config.stash[CRASHED] = True
    elif "mi_checks" in output:
        own = session_of(node.config)
        with own.omitted.unless("what a worker measured"):
            own.from_wire(output["mi_checks"])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if SKIPPED_FILES in config.stash:
        from mi_checks.plugin.collecting import skipped_file_lines

        for line in skipped_file_lines(config.stash[SKIPPED_FILES], config.invocation_params.dir):
            terminalreporter.write_line(line)
    if SESSION in config.stash:
        own = config.stash[SESSION]
        failures = [] if config.option.collectonly else own.failure_lines(config.get_terminal_writer().fullwidth)
        if failures and config.option.tbstyle != "no":
            terminalreporter.write_sep("=", "failures by behaviour and model")
            for line in failures:
                terminalreporter.write_line(line)
        for line in (*(() if config.option.collectonly else own.summary()), *own.told()):
            terminalreporter.write_line(line)
