"""Lints: reasons to doubt that a behaviour measures what it is meant to, even if its checks pass.

Lints are computed on models for which the behaviour is not declared absent, and cost little compared with the checks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from mi_checks.checks.effect import against
from mi_checks.checks.measurements import Measurements
from mi_checks.engine.clean_run_quantities import TokenRanks
from mi_checks.engine.direct_attribution import DirectEffects, nonlinearity
from mi_checks.engine.interventions import noise
from mi_checks.engine.nodes import Node
from mi_checks.errors import MiChecksError
from mi_checks.output.numbers import estimate_text
from mi_checks.prompts.batch import END, PromptPair
from mi_checks.prompts.tokenization import Tokenization
from mi_checks.results.run import CheckResult, FileLine, Lint, LintKind
from mi_checks.spec.circuit_checks import CircuitCheck
from mi_checks.spec.load_file import LoadedBehaviour
from mi_checks.spec.problems import Keys
from mi_checks.spec.scoring import FIRST_DIFFERENCE
from mi_checks.stats.estimate import Estimate
from mi_checks.stats.floor import Floats
from mi_checks.stats.intervals import NoEffectSize, ratio_interval

UNLIKELY_RANK = 100  # a token with this rank (0 is the most probable) or a higher one is unlikely
# Fractions of prompts on which the answer may be unlikely. A behaviour with foils claims that the answer is likely. One
# that only compares with the corrupt prompts does not, so the answer must be unlikely nearly everywhere: the bundled
# behaviours of random tokens reach 0.95.
MOST_PROMPTS_FRACTION, NEARLY_ALL_PROMPTS_FRACTION = 0.5, 0.98
SPACE_FACTOR = 10  # by which the rank of the answer with the other spacing must be lower
# Above 1. Ablation takes the model off its distribution, and most bundled circuits have a faithfulness of 1 to 1.1.
FAITHFULNESS_MARGIN = 0.1
EMBEDDING_FRACTION = 0.5  # of the effect, above which most of it bypasses all heads and MLPs


@dataclass(frozen=True)
class _UnplacedLint:
    """A lint of which only the path in the file is known, not yet the line."""

    kind: LintKind
    message: str
    path: Keys
    estimate: Estimate | None = None
    check: str = ""


def lints(loaded: LoadedBehaviour, measured: Measurements, results: Mapping[str, CheckResult]) -> tuple[Lint, ...]:
    """Return all lints of a behaviour on a model, except those that cannot be measured.

    Args:
        loaded: the behaviour.
        measured: its measurements on the model.
        results: the results of its checks on the model, by id.
    """
    behaviour, model = loaded.behaviour, measured.loaded_model.name
    if behaviour.is_absent(model):
        return ()
    unplaced: list[_UnplacedLint] = []
    for lint in (_unlikely_answers, _by_embedding):
        try:
            unplaced += lint(measured)
        except (MiChecksError, NoEffectSize):  # the checks have reported it, or this quantity is undefined here
            continue
    unplaced += _too_faithful(loaded, model, results)
    places = [loaded.place_of(each.path) for each in unplaced]
    return tuple(
        Lint(
            behaviour.name, model, each.kind, each.message, FileLine(place.file, place.line), each.estimate, each.check
        )
        for each, place in zip(unplaced, places, strict=True)
    )


def _unlikely_answers(measured: Measurements) -> Iterator[_UnplacedLint]:
    """Find answers whose first token is never likely, such as an answer that lacks its leading space."""
    batch, tokenization = measured.batch, measured.loaded_model.tokenization
    answers = np.array([[tokens[0] for tokens in pair.answer_tokens] for pair in batch.pairs])
    respaced = np.array([_respaced_tokens(pair, tokenization, batch.score) for pair in batch.pairs])
    tokens = np.concatenate([answers, np.where(respaced < 0, answers, respaced)], 1)
    ranks = measured.measure(TokenRanks(tuple(map(tuple, tokens.tolist()))))
    own = ranks[:, : answers.shape[1]].min(1)
    other = np.where(respaced < 0, np.inf, ranks[:, answers.shape[1] :]).min(1)
    n, vocabulary = len(own), measured.loaded_model.tokenization.tokenizer.get_vocab_size()
    unlikely = int((own >= UNLIKELY_RANK).sum())
    rank = f"its median rank after the clean prompts is {np.median(own) + 1:.0f} of {vocabulary:,}"
    path = ("prompts", "answer")
    if (own >= SPACE_FACTOR * (other + 1)).mean() > MOST_PROMPTS_FRACTION:
        answer = batch.pairs[0].answers[0]
        how = "without its leading space" if answer.startswith(" ") else "with a leading space"
        yield _UnplacedLint(
            "answer",
            f"the first token of the answer {answer!r} is not likely: {rank}; {how}, as "
            f"{_respaced(answer)!r}, its rank is {np.median(other) + 1:.0f}; write the answer and the foils {how}",
            path,
        )
    elif unlikely / n > (
        MOST_PROMPTS_FRACTION if against(measured.behaviour) == "foils" else NEARLY_ALL_PROMPTS_FRACTION
    ):
        yield _UnplacedLint(
            "answer",
            f"the answer's first token is not among the {UNLIKELY_RANK} most probable on {unlikely} of {n} prompts: "
            f"{rank}; check that the answer continues the template as the model would write it",
            path,
        )


def _respaced(answer: str) -> str:
    return answer[1:] if answer.startswith(" ") else f" {answer}"


def _respaced_tokens(pair: PromptPair, tokenization: Tokenization, score: str) -> list[int]:
    """Return the first token of each answer with its leading space removed or, if it has none, added; −1 if none."""
    own = pair.clean.tokens[0 if tokenization.bos is None else 1 :]
    tokens: list[int] = []
    for answer in pair.answers:
        text = _respaced(answer)
        ids = tokenization.ids(pair.clean.text + text) if text and score != FIRST_DIFFERENCE else ()
        tokens.append(ids[len(own)] if len(ids) > len(own) and ids[: len(own)] == own else -1)
    return tokens


def _by_embedding(measured: Measurements) -> Iterator[_UnplacedLint]:
    """Find effects that go from the embedding directly to the logits: a bigram statistic of the last token."""
    for part, whole, of in _embedding_parts(measured):
        estimate = ratio_interval(part, whole, measured.design, of)
        if estimate.lies_above(EMBEDDING_FRACTION):
            yield _UnplacedLint(
                "embedding",
                f"the direct path from the embedding to the logits carries {estimate_text(estimate)} of "
                f"{of}, bypassing all heads and MLPs: the behaviour measures what usually follows the last token; "
                "make the answer depend on earlier tokens, or use foils that follow that token as often",
                ("prompts", "template"),
                estimate,
            )
            return


def _embedding_parts(measured: Measurements) -> Iterator[tuple[Floats, Floats, str]]:
    """Yield the part of the effect size, and of the score, that the embedding transmits directly."""
    unpatched, loaded_model = measured.unpatched, measured.loaded_model
    if any(pair.clean.tokens[-1] != pair.corrupt.tokens[-1] for pair in measured.batch.pairs):
        layers = [
            Node(layer, kind)
            for layer in range(loaded_model.shape.n_layers)
            for kind in (("attn", "mlp") if loaded_model.shape.d_mlp else ("attn",))
        ]
        # If every layer is as in the corrupted run, END differs from it only by the embedding: a denoised direct path.
        alone = measured.logit_diff(noise(*layers, at=END)) - unpatched.corrupt.logit_diff
        yield alone, unpatched.effect_size, "clean − corrupt"
    if against(measured.behaviour) == "foils" and nonlinearity(measured.batch, loaded_model) is None:
        yield (
            measured.measure(DirectEffects((Node(0, "resid_pre"),)))[0],
            unpatched.clean.logit_diff,
            "the clean logit difference",
        )


def _too_faithful(loaded: LoadedBehaviour, model: str, results: Mapping[str, CheckResult]) -> Iterator[_UnplacedLint]:
    """Find circuits that retain more than the whole model, because nodes that work against them are left out."""
    for index, entry in enumerate(loaded.behaviour.checks):
        for check in entry.check.parts:
            result = results.get(check.id)
            if not isinstance(check, CircuitCheck) or check.aspect != "faithfulness" or result is None:
                continue
            bound = loaded.behaviour.bound_for(check, model)
            bounded = bound is not None and bound.at_most is not None  # then the author has considered this
            estimate = result.estimate
            if estimate is not None and not bounded and estimate.lies_above(1 + FAITHFULNESS_MARGIN):
                yield _UnplacedLint(
                    "faithfulness",
                    f"{check.id}: the circuit alone retains {estimate_text(estimate)} of the "
                    f"score, more than the whole model: nodes that work against it are "
                    "left out; add them, or set the intended maximum with 'at_most'",
                    ("checks", index),
                    estimate,
                    check.id,
                )
