"""The bisection of a check over checkpoints, which measures only what the history does not have yet."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mi_checks import __version__
from mi_checks.faults.omissions import Omissions
from mi_checks.faults.unexpected import CLI_MEMORY_REMEDY, report_errors_at
from mi_checks.history.check_over_time import KnownResultQuery, known_result
from mi_checks.history.run_rows import CLAIMS_SETTING, claims_digest, run_digest
from mi_checks.history.run_store import History, NewRun
from mi_checks.models.model_names import resolve
from mi_checks.results.build import library_versions, run_record, settings_text
from mi_checks.results.evidence import HEAD_SWEEP
from mi_checks.results.pytest_ids import collector_names
from mi_checks.results.run import CheckResult, FileLine
from mi_checks.results.write_run import run_text
from mi_checks.roles.role_lock import read_lock
from mi_checks.spec.behaviour import BEHAVIOUR_KINDS
from mi_checks.spec.load_file import LoadedBehaviour, claimed_check
from mi_checks.stats.estimate import Estimate
from mi_checks.suite.loaded_models import SuiteSettings
from mi_checks.suite.suite import Suite
from mi_checks.suite.threads import limit_to_one_thread

DTYPE = "float32"


@dataclass(frozen=True)
class TurningPoint:
    """The place where an answer turns.

    Attributes:
        before: the last index with the answer of the first end.
        after: the next index, which has the answer of the last end.
    """

    before: int
    after: int


def bisect(number: int, passes: Callable[[int], bool]) -> TurningPoint | None:
    """Evaluate both ends, then always the middle between two that differ: at most 2 + ⌈log₂(number − 1)⌉ times.

    Args:
        number: the length of the list, at least two.
        passes: returns the answer at an index; it is called at most once for each.

    Returns:
        One change, or one of several if there are more. None if both ends agree.
    """
    first, last = 0, number - 1
    begins = passes(first)
    if passes(last) == begins:
        return None
    while last - first > 1:
        middle = (first + last) // 2
        if passes(middle) == begins:
            first = middle
        else:
            last = middle
    return TurningPoint(first, last)


@dataclass(frozen=True)
class CheckpointOutcome:
    """The result of a check on one checkpoint.

    Attributes:
        model: the checkpoint's name, as in the list.
        outcome: `pass`, `fail` or `inconclusive`.
        estimate: the estimate; None if nothing could be measured, for example because clean − corrupt is not above
            zero.
        weights_sha256: the digest of the weights.
        run: the digest of the run in the history.
        known: whether the history had the result already.
    """

    model: str
    outcome: str
    estimate: Estimate | None
    weights_sha256: str
    run: str
    known: bool

    @property
    def passes(self) -> bool:
        """Return whether the check passes here; inconclusive is not a pass."""
        return self.outcome == "pass"


@dataclass(frozen=True)
class Bisection:
    """The result of a bisection.

    Attributes:
        behaviour: the behaviour's name.
        check: the id of one of its checks.
        claims: the name of the model whose claims the checkpoints are held to.
        models: the whole list, in order.
        checkpoints: the checkpoints that were evaluated, in the order of the list.
        turns: the two neighbours between which the outcome turns; None if both ends agree.
    """

    behaviour: str
    check: str
    claims: str
    models: tuple[str, ...]
    checkpoints: tuple[CheckpointOutcome, ...]
    turns: tuple[CheckpointOutcome, CheckpointOutcome] | None


class CheckBisection:
    """One bisection: the models, the claims that they are held to, and the history that stores the results."""

    def __init__(
        self,
        loaded: LoadedBehaviour,
        check: str,
        models: Sequence[str],
        claims: str,
        history: History,
        *,
        command: str,
        count: int | None = None,
        seed: int | None = None,
        on_checkpoint: Callable[[CheckpointOutcome], None] = lambda _: None,
    ) -> None:
        """Prepare the bisection; no model is loaded yet.

        Args:
            loaded: the behaviour.
            check: the id of one of its checks.
            models: two or more checkpoints in order, by names that `mi_checks.models.model_names.resolve` accepts.
            claims: the name of the model whose claims they are held to.
            history: read first; every new measurement is added to it immediately.
            command: the user's command, for the record.
            count: the number of prompt pairs; None for the file's.
            seed: the seed of the prompts; None for the file's.
            on_checkpoint: called with each checkpoint as soon as its result is known.

        Raises:
            MiChecksError: a model or the check does not exist.
        """
        self.check, self.place = claimed_check(loaded, claims, check)
        self.loaded, self.check_id, self.claims, self.history = loaded, check, claims, history
        self.command, self.settings, self.on_checkpoint = (
            command,
            SuiteSettings(count, seed, dtype=DTYPE),
            on_checkpoint,
        )
        self.models = tuple(models)
        self.model_names = [
            model if resolve(model).stands_in or model == claims else f"{claims}={model}" for model in models
        ]
        for model in map(resolve, self.model_names):
            model.check_loadable()
        locked = read_lock(loaded.path.parent).of(loaded.behaviour.name, claims)
        self.claims_sha256 = claims_digest(loaded.text, {role: list(nodes) for role, nodes in locked.items()})
        self.outcomes: dict[int, CheckpointOutcome] = {}
        # set once a checkpoint is loaded; the other checkpoints of a series have the same prompts
        self.prompts_sha256 = ""

    def run(self) -> Bisection:
        """Evaluate both ends, then always the middle.

        Raises:
            MiChecksError: a checkpoint cannot be measured, or the history cannot be written; earlier measurements are
                in the history.
        """
        limit_to_one_thread()
        change = bisect(len(self.models), self._passes)
        turns = None if change is None else (self.outcomes[change.before], self.outcomes[change.after])
        checkpoints = tuple(self.outcomes[place] for place in sorted(self.outcomes))
        return Bisection(self.loaded.behaviour.name, self.check_id, self.claims, self.models, checkpoints, turns)

    def _passes(self, place: int) -> bool:
        where = f"{self.place.file}:{self.place.line}: {self.check_id} on {self.model_names[place]}"
        with report_errors_at(where, CLI_MEMORY_REMEDY):
            return self._evaluate(place).passes

    def _evaluate(self, place: int) -> CheckpointOutcome:
        suite = Suite(self.settings)  # a new suite for each checkpoint: two checkpoints share nothing but a name
        model_name = self.model_names[place]
        weights = resolve(model_name).weights_sha256()
        weights = weights or suite.loaded_models.loaded_model(model_name).provenance.weights_sha256
        query = KnownResultQuery(
            self.loaded.behaviour.name, self.claims, self.check_id, self.claims_sha256, DTYPE, __version__
        )  # fmt: skip
        known = None
        if not self.loaded.is_scored_by_project:
            known = known_result(self.history, query, weights, lambda: self._prompts(suite, model_name))
        if known is None:
            result, run = self._measure(suite, model_name)
            checkpoint = CheckpointOutcome(
                self.models[place], result.outcome, result.estimate, weights, run, known=False
            )
        else:
            checkpoint = CheckpointOutcome(
                self.models[place], known.outcome, known.estimate, weights, known.model_run.run, known=True
            )
        self.outcomes[place] = checkpoint
        self.on_checkpoint(checkpoint)
        return checkpoint

    def _prompts(self, suite: Suite, model_name: str) -> str:
        self.prompts_sha256 = self.prompts_sha256 or suite.prompts(self.loaded, model_name).sha256
        return self.prompts_sha256

    def _measure(self, suite: Suite, model_name: str) -> tuple[CheckResult, str]:
        """Measure one checkpoint and add the run to the history; return the result and the run's digest."""
        began = time.time()
        case = [self.loaded.case] if self.loaded.case else []
        node_id = "::".join([self.loaded.source.display_path, *case, *collector_names([model_name]), self.check_id])
        options = {"--mi-model": model_name, "--mi-count": self.settings.count, "--mi-seed": self.settings.seed}
        words = [word for flag, value in options.items() if value is not None for word in (flag, str(value))]
        result = suite.check(
            self.loaded,
            model_name,
            self.check,
            node_id=node_id,
            claimed_at=FileLine(self.place.file, self.place.line),
            rerun=shlex.join(["pytest", node_id, *words]),
        )
        self.prompts_sha256 = self.prompts_sha256 or result.prompts_sha256
        omissions = Omissions()
        if self.check.kind not in BEHAVIOUR_KINDS:  # then it is worth knowing which heads mediate
            omissions.attempt(HEAD_SWEEP, lambda: suite.evidence(self.loaded, model_name), None)
        evidence = omissions.attempt("the evidence", lambda: suite.close(self.loaded, model_name), None)
        settings = settings_text(
            engine=self.settings.engine,
            device=self.settings.device,
            dtype=self.settings.dtype,
            count=self.settings.count,
            seed=self.settings.seed,
            unchanged="as in the file",
        )
        run = run_record(
            self.command,
            began,
            library_versions(),
            {**settings, CLAIMS_SETTING: self.claims_sha256},
            suite.provenance(),
            results=(result,),
            evidence=() if evidence is None else (evidence,),
            selected=1,
            omitted=omissions.sentences,
        )
        self.history.add([NewRun(run, run_text(run), "")])
        return result, run_digest(run)
