"""The pytest collectors of behaviours (files, cases, models) and their items. Light to import."""

from __future__ import annotations

import io
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mi_checks.errors import MiChecksError
    from mi_checks.plugin.item_request import ItemRequest
    from mi_checks.plugin.session import Session
    from mi_checks.results.run import CheckResult, MutantsResult
    from mi_checks.spec.check import Check
    from mi_checks.spec.load_file import LoadedBehaviour
    from mi_checks.spec.yaml_source import Position

MIN_FULL_VERBOSITY = 2  # the verbosity (-vv) from which failure messages are shown in full
CRASHED: pytest.StashKey[bool] = pytest.StashKey()  # whether a worker of `pytest -n` crashed
SESSION: pytest.StashKey[Session] = pytest.StashKey()


def session_of(config: pytest.Config) -> Session:
    """Return the run's session; the first option that is set or the first behaviour that is collected begins it.

    Raises:
        MiChecksError: the value of an option cannot be used.
    """
    if SESSION not in config.stash:
        from mi_checks.plugin.interim_report import register_interim_report
        from mi_checks.plugin.measured_seconds import register_measured_seconds
        from mi_checks.plugin.read_options import read_options
        from mi_checks.plugin.session import Session

        config.stash[SESSION] = Session(config.rootpath, read_options(config), terminal_of(config))
        if not hasattr(config, "workerinput"):
            register_measured_seconds(config)
            register_interim_report(config, config.stash[SESSION])
    return config.stash[SESSION]


class Terminal(io.TextIOBase):
    """A stream that writes to the terminal in spite of pytest's capture, which is active whenever a check runs."""

    def __init__(self, config: pytest.Config) -> None:
        self._writer = config.get_terminal_writer()
        self._capture = config.pluginmanager.getplugin("capturemanager")

    def isatty(self) -> bool:
        """Return True: one is made only where pytest writes to a terminal."""
        return True

    def write(self, text: str) -> int:
        """Write the text and return its length."""
        with nullcontext() if self._capture is None else self._capture.global_and_fixture_disabled():
            self._writer.write(text, flush=True)
        return len(text)


def terminal_of(config: pytest.Config) -> Terminal | None:
    """Return the stream for progress bars; None on an xdist worker or if the output is not a terminal."""
    reporter = config.pluginmanager.getplugin("terminalreporter")
    return Terminal(config) if reporter is not None and reporter.isatty else None


@contextmanager
def one_line_errors(collector: pytest.Collector, what: Path | str) -> Iterator[None]:
    """Turn any exception raised inside into a one-line error, which ends only the collection of this file."""
    from mi_checks.errors import MiChecksError
    from mi_checks.faults.unexpected import report_cause, report_errors_at

    try:
        with report_errors_at(f"{what}: collecting it"):
            yield
    except MiChecksError as error:
        report_cause(error)
        raise collect_error(collector, error) from None


def collect_error(collector: pytest.Collector, error: MiChecksError) -> Exception:
    """Return the exception that ends the collection of a file, and record it for CI if a session has begun."""
    if SESSION in collector.config.stash:
        collector.config.stash[SESSION].files.ci.add_mistakes(error, collector.path)
    return collector.CollectError(str(error))


def shown_file(collector: pytest.Collector) -> str:
    """Return the collector's file as messages show it."""
    path, root = collector.path, collector.config.rootpath
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


class BehaviourFile(pytest.File):
    """A behaviour file, with one child per model or, if it has a table of cases, one child per case."""

    def collect(self) -> Iterator[CaseNode | ModelNode]:
        with one_line_errors(self, shown_file(self)):
            own = session_of(self.config)
            if not own.is_first_path_of(self.path, named=self.session.isinitpath(self.path)):
                return
            behaviours = own.load(self.path, self.ihook, self.config)
            for mark in behaviours[0].behaviour.marks:  # the same for all cases
                self.config.addinivalue_line("markers", f"{mark}: set by behaviour files")
                self.add_marker(mark)
        for loaded in behaviours:
            if loaded.case:
                yield CaseNode.from_parent(self, name=loaded.case, loaded=loaded)
            else:
                yield from model_nodes(self, loaded)


class LockFile(pytest.File):
    """A lock file of roles. It has no items, but it may be named on a command line among behaviour files."""

    def collect(self) -> Iterator[pytest.Item]:
        with one_line_errors(self, shown_file(self)):
            session_of(self.config).locks.require(self.path.parent)
        return iter(())


class CaseNode(pytest.Collector):
    """The collector of one case of a behaviour file, with one child per model."""

    def __init__(self, *, loaded: LoadedBehaviour, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.loaded = loaded

    def collect(self) -> Iterator[ModelNode]:
        yield from model_nodes(self, self.loaded)


def model_nodes(parent: BehaviourFile | CaseNode, loaded: LoadedBehaviour) -> Iterator[ModelNode]:
    """Yield a child for each model that a behaviour runs on."""
    from mi_checks.results.pytest_ids import collector_names

    models = session_of(parent.config).models_for(loaded)
    for name, model in zip(collector_names(models), models, strict=True):
        yield ModelNode.from_parent(parent, name=name, loaded=loaded, model=model)


class ModelNode(pytest.Collector):
    """A behaviour on one model, with one item per check."""

    def __init__(self, *, loaded: LoadedBehaviour, model: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.loaded = loaded
        self.model = model

    def collect(self) -> Iterator[CheckItem]:
        from mi_checks.results.run import BASELINE, LINT, REFERENCE
        from mi_checks.suite.selection import checks_on

        with one_line_errors(self, f"{shown_file(self)}: {self.model}"):
            checks = checks_on(self.loaded, self.model)
            items: list[tuple[type[CheckItem], str, Check | None, Position]] = [
                (kind, name, check, place) for check, place in checks for kind, name in self._kinds(check.id)
            ]
            place = self.loaded.place_of(("name",))
            if session_of(self.config).has_baseline(
                self.loaded, self.model, checks
            ):  # last, when everything is measured
                items.append((BaselineItem, BASELINE, None, place))
            if session_of(self.config).has_reference_model(self.loaded):  # last, for the same reason
                items.append((ReferenceItem, REFERENCE, None, place))
            if session_of(self.config).options.strict:
                items.append((LintItem, LINT, None, place))
        # Not the full name of a case, NAME[CASE]: xdist ignores a group whose name contains a bracket.
        group = "-".join(filter(None, (self.loaded.source.data["name"], self.loaded.case, self.model)))
        for kind, item_name, check, place in items:
            # The id is explicit: pytest 9 would read its brackets as parameters, and --lf would not find it.
            item: CheckItem = kind.from_parent(
                self, name=item_name, nodeid=f"{self.nodeid}::{item_name}", check=check, place=place
            )
            item.add_marker(pytest.mark.xdist_group(group))
            yield item

    def _kinds(self, check: str) -> Iterator[tuple[type[CheckItem], str]]:
        """Yield the classes of items that a check is collected as, with their names."""
        yield BehaviourItem, check
        if session_of(self.config).options.with_mutants:
            from mi_checks.results.run import mutants_id

            yield MutantsItem, mutants_id(check)

    def teardown(self) -> None:
        own = session_of(self.config)
        with own.session_results.omitted.suppressing(f"the evidence of {self.loaded.behaviour.name} on {self.model}"):
            own.item_runner.close(self.loaded, self.model)


class CheckItem(pytest.Item):
    """One check of one behaviour on one model."""

    parent: ModelNode

    def __init__(self, *, check: Check | None, place: Position, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.check = check
        self.place = place
        # junit's xunit2 has no file and line.
        self.user_properties.append(("mi_location", f"{place.file}:{place.line}"))
        # `pytest -n --dist loadgroup` changes `nodeid` so that it no longer selects the item.
        self.selectable_id = self.nodeid

    def reportinfo(self) -> tuple[Path, int, str]:
        case = f"{self.parent.loaded.case}::" if self.parent.loaded.case else ""
        path = self.parent.loaded.source.files[self.place.file]
        return path, self.place.line - 1, f"{case}{self.parent.name}::{self.name}"

    @property
    def request(self) -> ItemRequest:
        """Return what the item measures."""
        from mi_checks.plugin.item_request import ItemRequest

        return ItemRequest(self.parent.loaded, self.parent.model, self.check, self.selectable_id, self.place)

    def runtest(self) -> None:
        from mi_checks.errors import MiChecksError
        from mi_checks.faults.unexpected import report_errors_at

        try:
            with report_errors_at(f"{self.place.file}:{self.place.line}: {self.name} on {self.parent.model}"):
                result = self.measure()
        except MiChecksError as error:
            pytest.fail(str(error), pytrace=False)
        conclude(result, self)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Return the reason of an expected failure without its traceback, which takes long and says nothing."""
        if isinstance(excinfo.value, pytest.xfail.Exception):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    @abstractmethod
    def measure(self) -> CheckResult | MutantsResult:
        """Return the result; an error while measuring is a result too."""


def conclude(result: CheckResult | MutantsResult, item: CheckItem) -> None:
    """Skip or fail an item unless its result is a pass; one that is inconclusive as declared is an expected failure."""
    from mi_checks.results.run import CheckResult

    if result.outcome == "skipped":
        pytest.skip(f"{result.place}: {result.message.splitlines()[0]}")
    if isinstance(result, CheckResult) and result.is_as_declared:
        from mi_checks.output.declared_text import expected_reason

        pytest.xfail(expected_reason(result))  # with --runxfail this does nothing, and the item fails
    if result.outcome != "pass":
        pytest.fail(_failure_text(result, item), pytrace=False)


def _failure_text(result: CheckResult | MutantsResult, item: CheckItem) -> str:
    """Return the full message with -vv, otherwise a brief one; the report has the full message."""
    if item.config.get_verbosity() >= MIN_FULL_VERBOSITY:
        return result.message
    from mi_checks.output.failure_lines import brief_message
    from mi_checks.results.run import CheckResult

    rerun = session_of(item.config).item_runner.rerun(item.selectable_id, item.parent.model)
    return brief_message(result.message, result if isinstance(result, CheckResult) else None, rerun)


class BehaviourItem(CheckItem):
    """The item of a check."""

    def measure(self) -> CheckResult:
        """Run the check."""
        result = session_of(self.config).item_runner.run(self.request)
        if result.estimate is not None:
            estimate = result.estimate
            ends = [("mi_low", estimate.low), ("mi_high", estimate.high)] if estimate.refusal is None else []
            self.user_properties += [("mi_measured", estimate.value), *ends, ("mi_n", estimate.n)]
        self.user_properties += [("mi_outcome", result.outcome), ("mi_bound", result.bound)]
        return result


class BaselineItem(CheckItem):
    """The item that compares a behaviour on a model with its baseline."""

    def measure(self) -> CheckResult:
        """Compare the two."""
        result = session_of(self.config).item_runner.compare(self.request)
        self.user_properties += [("mi_outcome", result.outcome)]
        return result


class ReferenceItem(CheckItem):
    """The item that compares a behaviour on a model with the reference model."""

    def measure(self) -> CheckResult:
        """Compare the two models."""
        from mi_checks.output.claim_text import claim_text

        result = session_of(self.config).item_runner.judge(self.request)
        verdict = result.verdict or claim_text(result.claim)
        self.user_properties += [("mi_outcome", result.outcome), ("mi_verdict", verdict)]
        return result


class LintItem(CheckItem):
    """The item of `--mi-strict`, which fails if there is a reason to doubt what the behaviour measures."""

    def measure(self) -> CheckResult:
        """Look for such reasons."""
        result = session_of(self.config).item_runner.lint(self.request)
        self.user_properties += [("mi_outcome", result.outcome)]
        return result


class MutantsItem(CheckItem):
    """The item that runs a check on mutants, where it must not pass."""

    def measure(self) -> MutantsResult:
        """Run the check on mutants."""
        result = session_of(self.config).item_runner.run_mutants(self.request)
        killed = len(result.mutants) - len(result.survivors)
        self.user_properties += [("mi_mutants", len(result.mutants)), ("mi_mutants_killed", killed)]
        return result


MEASURED_ITEMS = BehaviourItem | BaselineItem | ReferenceItem | LintItem  # the items whose results are in the run
