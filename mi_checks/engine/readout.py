"""The readout at END: scores, results of the clean and corrupted runs, and how far rounding may change them.

A score is a difference of logits, which are sums of many terms in float32, so that its error grows with the size of the
logits and not with its own: a difference of 1e-6 between two logits of 10 is no measurement. The replay engine and
TransformerLens' hooks, which add the same terms in another order, differ on the nano models by up to 117 float32
roundings of the largest logit on single prompts, and by up to 10 in the mean over 16 prompts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mi_checks.engine.prompt_layout import PromptRow
from mi_checks.errors import MiChecksError
from mi_checks.faults.project_code import report_project_errors, source_file
from mi_checks.prompts.batch import PromptBatch
from mi_checks.spec.scoring import LOG_PROBABILITY
from mi_checks.stats.floor import Floats

MAX_FLOAT32_ROUNDINGS = 256  # relative to the largest value: twice the largest difference seen between two engines


def relative_floor(dtype: torch.dtype) -> float:
    """Return the fraction of the largest value that rounding may change: 3.1e-5, or one rounding of a coarser dtype."""
    return max(MAX_FLOAT32_ROUNDINGS * torch.finfo(torch.float32).eps, torch.finfo(dtype).eps)


FLOAT32_FLOOR = relative_floor(torch.float32)


N_TOP_TOKENS = 5  # number of most probable tokens stored for each prompt


@dataclass(frozen=True)
class SideRun:
    """The clean or the corrupted run at the answer position.

    Attributes:
        logit_diff: logit(answer) − mean (or max) logit(foils), `prompt`.
        beats_foils: the answer's logit is above every foil's by more than rounding, `prompt`.
        is_top: the answer's logit is the highest of the vocabulary by more than rounding, `prompt`.
        top_tokens: ids of the most probable tokens, most probable first, `prompt rank`.
        top_probabilities: their probabilities, `prompt rank`.
        rounding: by how much rounding may change the score, in its units, `prompt`; see `relative_floor`.
    """

    logit_diff: Floats
    beats_foils: npt.NDArray[np.bool_]
    is_top: npt.NDArray[np.bool_]
    top_tokens: npt.NDArray[np.int64]
    top_probabilities: Floats
    rounding: Floats

    def guesses(self, prompt: int) -> list[tuple[int, float]]:
        """Return the most probable tokens of one prompt, as (token id, probability)."""
        return list(zip(self.top_tokens[prompt].tolist(), self.top_probabilities[prompt].tolist(), strict=True))


@dataclass(frozen=True)
class UnpatchedRuns:
    """The clean and the corrupted run of a batch."""

    clean: SideRun
    corrupt: SideRun

    @property
    def effect_size(self) -> Floats:
        """Return the effect size, `prompt`: clean − corrupted logit difference, which patching can recover."""
        return self.clean.logit_diff - self.corrupt.logit_diff

    @property
    def rounding(self) -> Floats:
        """Return by how much rounding may change a difference of two scores, `prompt`."""
        larger: Floats = np.maximum(self.clean.rounding, self.corrupt.rounding)
        return larger


# (logits `row d_vocab`, answer tokens `row answer`, foil tokens `row foil`) → score of each row, `row`
ScoreFunction = Callable[[Tensor, Tensor, Tensor], Tensor]


class Readout:
    """The score of a batch.

    It is logit(answer) − logit(foil), or log P(answer) − log P(foil) over all their tokens (teacher-forced); several
    answers, or foils, count as their mean or their maximum. It can also be a function of the logits that the project
    defines.

    Args:
        batch: the prompts.
        rows: the rows that are run, see `mi_checks.engine.prompt_layout.prompt_rows`.
        device: the device of the logits.
        score_function: the project's own score function, or None.

    Attributes:
        answers: the first scored token of each answer, `row answer`.
        foils: the first scored token of each foil, `row foil`.
        tokens: the tokens whose logits are read, `row token`; None if the whole vocabulary is read.
        bare_rows: the row of each bare prompt, `prompt`.
    """

    def __init__(
        self,
        batch: PromptBatch,
        rows: Sequence[PromptRow],
        device: torch.device,
        function: ScoreFunction | None = None,
    ) -> None:
        self.batch = batch
        self.score_function = function
        self.n_answers = len(batch.pairs[0].answer_tokens)
        self.continuations = self.n_answers + len(batch.pairs[0].foil_tokens)
        self.by_log_probability = batch.score == LOG_PROBABILITY
        starts = [index for index, row in enumerate(rows) if index == 0 or rows[index - 1].pair != row.pair]
        self.bare_rows = torch.tensor(starts, device=device)
        scored = [(*pair.answer_tokens, *pair.foil_tokens) for pair in batch.pairs]
        firsts = [[tokens[0] for tokens in scored[row.pair]] for row in rows]
        self._first_tokens = torch.tensor(firsts, device=device)
        self.answers, self.foils = self._first_tokens[:, : self.n_answers], self._first_tokens[:, self.n_answers :]
        self.tokens = None if self.by_log_probability or function is not None else self._first_tokens
        places = [row.pair * self.continuations + row.continuation for row in rows]
        self._continuation_of_row = torch.tensor(places, device=device)
        targets = [scored[row.pair][row.continuation][len(row.forced)] for row in rows]
        self._next_tokens = torch.tensor(targets, device=device)

    def score(self, logits: Tensor) -> Tensor:
        """Return the score of logits at END, `… row d_vocab` → `… prompt`.

        Raises:
            MiChecksError: the project's function raises, or does not return one number for each prompt.
        """
        if self.score_function is not None:
            flat = logits.reshape(-1, *logits.shape[-2:])
            with report_project_errors(f"the score {self.batch.score!r}", source_file(self.score_function)):
                by_run = [self.score_function(flat_logits, self.answers, self.foils) for flat_logits in flat]
            scores = torch.stack([self._checked_scores(scores) for scores in by_run])
            return scores.reshape(*logits.shape[:-2], len(self.batch))
        return self._answer_minus_foil(self._continuation_scores(logits))

    def score_of_tokens(self, logits: Tensor) -> Tensor:
        """Return the score from the logits of `tokens` alone, `… row token` → `… prompt`."""
        return self._answer_minus_foil(logits)

    def answer_wins(self, logits: Tensor, floor: float) -> tuple[Tensor, Tensor]:
        """Return whether an answer is above every foil, and whether it is above every other token, each `prompt`.

        An answer whose lead is within rounding does not win: that is a tie.

        Args:
            logits: the logits at END, `row d_vocab`.
            floor: the fraction of the largest logit that rounding may change.
        """
        values = self._continuation_scores(logits)
        answers, foils = values[:, : self.n_answers], values[:, self.n_answers :]
        beats = answers.amax(1) - foils.amax(1) > self._rounding_of_logits(logits, floor)
        is_largest = self._lead(logits) > floor * logits.abs().amax(-1)
        if not self.by_log_probability:
            return beats, is_largest
        lost = torch.zeros(len(self.batch) * self.continuations, device=logits.device)
        lost.index_add_(0, self._continuation_of_row, (~is_largest).float())
        return beats, (lost.view(len(self.batch), -1)[:, : self.n_answers] == 0).any(1)

    def rounding(self, logits: Tensor, floor: float) -> Tensor:
        """Return by how much rounding may change the score, in its units, `prompt`.

        For the project's own score function, this is found by moving the logits: once the answers' logits one way and
        all others the other way, and once each in a random direction (seeded).

        Args:
            logits: the logits at END, `row d_vocab`.
            floor: the fraction of the largest logit that rounding may change.
        """
        if self.score_function is None:
            return self._rounding_of_logits(logits, floor)
        half = floor * logits.abs().amax(-1, keepdim=True) / 2
        answers_up = torch.full_like(logits, -1.0).scatter(-1, self.answers, 1.0)
        generator = torch.Generator().manual_seed(0)
        at_random = (torch.randint(0, 2, logits.shape, generator=generator) * 2 - 1).to(logits)
        scores = self.score(logits)
        moved = [(self.score(logits + half * signs) - scores).abs() for signs in (answers_up, at_random)]
        return torch.stack([*moved, floor * scores.abs()]).nan_to_num(0.0).amax(0)

    def _rounding_of_logits(self, logits: Tensor, floor: float) -> Tensor:
        """Return by how much rounding may change a difference of logits, or of log-probabilities, `prompt`."""
        of_rows = floor * logits.abs().amax(-1)
        if not self.by_log_probability:
            return of_rows
        summed = torch.zeros(len(self.batch) * self.continuations, device=logits.device)
        summed.index_add_(0, self._continuation_of_row, of_rows)
        return summed.view(len(self.batch), -1).amax(1)

    def _lead(self, logits: Tensor) -> Tensor:
        """Return by how much an answer, or the one token that a row reads, is above every other token, `row`."""
        read_tokens = self._next_tokens[:, None] if self.by_log_probability else self.answers
        best = logits.topk(min(read_tokens.shape[1] + 1, logits.shape[-1]))
        is_own = (best.indices[:, :, None] == read_tokens[:, None]).any(-1)
        others = best.values.masked_fill(is_own, float("-inf")).amax(-1)
        return logits.gather(-1, read_tokens).amax(-1) - others

    def _continuation_scores(self, logits: Tensor) -> Tensor:
        """Return the value of each continuation, `… row d_vocab` → `… prompt continuation`."""
        if not self.by_log_probability:
            return logits.gather(-1, self._first_tokens.expand(*logits.shape[:-1], -1))
        target = logits.gather(-1, self._next_tokens.expand(logits.shape[:-1])[..., None])[..., 0]
        read = target - logits.logsumexp(-1)  # … row
        values = read.new_zeros(*read.shape[:-1], len(self.batch) * self.continuations)
        values.index_add_(-1, self._continuation_of_row, read)
        return values.view(*read.shape[:-1], len(self.batch), self.continuations)

    def _checked_scores(self, scores: Any) -> Tensor:
        """Return the result of the project's function as float32, or raise if it is not one number for each prompt."""
        if not isinstance(scores, Tensor) or scores.shape != (len(self.batch),):
            what = f"shape {tuple(scores.shape)}" if isinstance(scores, Tensor) else type(scores).__name__
            raise MiChecksError(
                f"the score {self.batch.score!r} must return a tensor with one number for each of the "
                f"{len(self.batch)} prompts, not {what}"
            )
        return scores.float()

    def _answer_minus_foil(self, values: Tensor) -> Tensor:
        answers = _reduce(values[..., : self.n_answers], self.batch.answer_reduction)
        return answers - _reduce(values[..., self.n_answers :], self.batch.foil_reduction)


def _reduce(values: Tensor, reduction: str) -> Tensor:
    return values.amax(-1) if reduction == "max" else values.mean(-1)
