"""What pytest collects of behaviours: files, cases, models, and the items that measure. Light to import."""

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
    from mi_checks.plugin.run_items import ItemRequest
    from mi_checks.plugin.session import Session
    from mi_checks.results.run import CheckResult, MutantsResult
    from mi_checks.spec.check import Check
    from mi_checks.spec.load_file import LoadedBehaviour
    from mi_checks.spec.yaml_source import Position

FULL_MESSAGES = 2  # verbosity from which failures are told in full
SESSION: pytest.StashKey[Session] = pytest.StashKey()


def session_of(config: pytest.Config) -> Session:
    """Return the run's session, begun by the first option that is set or the first behaviour that is collected.

    Raises:
        MiChecksError: an option's value cannot be used.
    """
    if SESSION not in config.stash:
        from mi_checks.plugin.read_options import read_options
        from mi_checks.plugin.session import Session

        config.stash[SESSION] = Session(config.rootpath, read_options(config), terminal_of(config))
    return config.stash[SESSION]


class Terminal(io.TextIOBase):
    """Writes past pytest's capture, which is on whenever a check runs."""

    def __init__(self, config: pytest.Config) -> None:
        self._writer = config.get_terminal_writer()
        self._capture = config.pluginmanager.getplugin("capturemanager")

    def isatty(self) -> bool:
        """Return True: one is made only where pytest writes to a terminal."""
        return True

    def write(self, text: str) -> int:
        """Characters written: all."""
        with nullcontext() if self._capture is None else self._capture.global_and_fixture_disabled():
            self._writer.write(text, flush=True)
        return len(text)


def terminal_of(config: pytest.Config) -> Terminal | None:
    """Where a progress bar may be drawn: nowhere on an xdist worker or when the output is a file."""
    reporter = config.pluginmanager.getplugin("terminalreporter")
    return Terminal(config) if reporter is not None and reporter.isatty else None


@contextmanager
def one_line_errors(collector: pytest.Collector, what: Path | str) -> Iterator[None]:
    """Turn whatever is raised within into one line, which ends the collection of this file alone."""
    from mi_checks.errors import MiChecksError
    from mi_checks.faults.unexpected import report_cause, report_errors_at

    try:
        with report_errors_at(f"{what}: collecting it"):
            yield
    except MiChecksError as error:
        report_cause(error)
        raise collect_error(collector, error) from None


def collect_error(collector: pytest.Collector, error: MiChecksError) -> Exception:
    """Return the exception that ends the collection of a file, and note it for CI if a session has begun."""
    if SESSION in collector.config.stash:
        collector.config.stash[SESSION].files.ci.mistaken(error, collector.path)
    return collector.CollectError(str(error))


def shown(collector: pytest.Collector) -> str:
    """Return the collector's file, as messages show it."""
    path, root = collector.path, collector.config.rootpath
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


class BehaviourFile(pytest.File):
    """A behaviour: one child per model. A file with a table of cases: one child per case."""

    def collect(self) -> Iterator[CaseNode | ModelNode]:
        with one_line_errors(self, shown(self)):
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
        with one_line_errors(self, shown(self)):
            session_of(self.config).locks.require(self.path.parent)
        return iter(())


class CaseNode(pytest.Collector):
    """The collector of a case, which is a behaviour of its own, with one child per model."""

    def __init__(self, *, loaded: LoadedBehaviour, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.loaded = loaded

    def collect(self) -> Iterator[ModelNode]:
        yield from model_nodes(self, self.loaded)


def model_nodes(parent: BehaviourFile | CaseNode, loaded: LoadedBehaviour) -> Iterator[ModelNode]:
    """Make a child for each model that a behaviour is run on."""
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
        from mi_checks.results.run import BASE, BASELINE, LINT
        from mi_checks.suite.selection import checks_on

        with one_line_errors(self, f"{shown(self)}: {self.model}"):
            checks = checks_on(self.loaded, self.model)
            items: list[tuple[type[CheckItem], str, Check | None, Position]] = [
                (kind, name, check, place) for check, place in checks for kind, name in self._kinds(check.id)
            ]
            place = self.loaded.place_of(("name",))
            if session_of(self.config).has_baseline(self.loaded, self.model, checks):  # last: all is measured by then
                items.append((BaselineItem, BASELINE, None, place))
            if session_of(self.config).has_base(self.loaded):  # likewise
                items.append((BaseItem, BASE, None, place))
            if session_of(self.config).options.strict:
                items.append((LintItem, LINT, None, place))
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
        """Yield the kinds of items that a check is collected as, with their names."""
        yield BehaviourItem, check
        if session_of(self.config).options.with_mutants:
            from mi_checks.results.run import mutants_id

            yield MutantsItem, mutants_id(check)

    def teardown(self) -> None:
        own = session_of(self.config)
        with own.gathered.omitted.suppressing(f"the evidence of {self.loaded.behaviour.name} on {self.model}"):
            own.measuring.close(self.loaded, self.model)


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

    @property
    def asked(self) -> ItemRequest:
        """What is measured."""
        from mi_checks.plugin.run_items import ItemRequest

        return ItemRequest(self.parent.loaded, self.parent.model, self.check, self.written_id, self.place)

    def runtest(self) -> None:
        from mi_checks.errors import MiChecksError
        from mi_checks.faults.unexpected import report_errors_at

        try:
            with report_errors_at(f"{self.place.file}:{self.place.line}: {self.name} on {self.parent.model}"):
                result = self.measured()
        except MiChecksError as error:
            pytest.fail(str(error), pytrace=False)
        conclude(result, self)

    @abstractmethod
    def measured(self) -> CheckResult | MutantsResult:
        """Measure it; whatever cannot be measured is a result as well."""


def conclude(result: CheckResult | MutantsResult, item: CheckItem) -> None:
    """Skip or fail an item whose result is not a pass."""
    if result.outcome == "skipped":
        pytest.skip(f"{result.place}: {result.message.splitlines()[0]}")
    if result.outcome != "pass":
        pytest.fail(_told(result, item), pytrace=False)


def _told(result: CheckResult | MutantsResult, item: CheckItem) -> str:
    """Return the full message with -vv, otherwise a brief one: the report has it in full."""
    if item.config.get_verbosity() >= FULL_MESSAGES:
        return result.message
    from mi_checks.output.failure_lines import brief
    from mi_checks.results.run import CheckResult

    rerun = session_of(item.config).measuring.rerun(item.written_id, item.parent.model)
    return brief(result.message, result if isinstance(result, CheckResult) else None, rerun)


class BehaviourItem(CheckItem):
    """Whether it holds."""

    def measured(self) -> CheckResult:
        """Run the check."""
        result = session_of(self.config).measuring.run(self.asked)
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
        result = session_of(self.config).measuring.compare(self.asked)
        self.user_properties += [("mi_outcome", result.outcome)]
        return result


class BaseItem(CheckItem):
    """Whether it is what the base is."""

    def measured(self) -> CheckResult:
        """Judge it."""
        from mi_checks.output.claim_text import claim_text

        result = session_of(self.config).measuring.judge(self.asked)
        said = result.verdict or claim_text(result.claim)
        self.user_properties += [("mi_outcome", result.outcome), ("mi_verdict", said)]
        return result


class LintItem(CheckItem):
    """Whether nothing gives reason to doubt what the behaviour measures."""

    def measured(self) -> CheckResult:
        """Look for such reasons."""
        result = session_of(self.config).measuring.lint(self.asked)
        self.user_properties += [("mi_outcome", result.outcome)]
        return result


class MutantsItem(CheckItem):
    """Whether it could have failed."""

    def measured(self) -> MutantsResult:
        """Run the check on mutants."""
        result = session_of(self.config).measuring.run_mutants(self.asked)
        killed = len(result.mutants) - len(result.survivors)
        self.user_properties += [("mi_mutants", len(result.mutants)), ("mi_mutants_killed", killed)]
        return result


MEASURED_ITEMS = BehaviourItem | BaselineItem | BaseItem | LintItem  # those whose results the run has
