"""`composes`: each reading head reads a writer through one of its inputs, in the weights or on the prompts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mi_checks.checks.attention import WORST_FIRST, margin
from mi_checks.checks.measurements import Measurements
from mi_checks.checks.path import receivers
from mi_checks.checks.verdict import Verdict, node_names_of, verdict
from mi_checks.engine.composition import InputFraction, RandomInputFractions
from mi_checks.engine.nodes import Node
from mi_checks.engine.readout import FLOAT32_FLOOR
from mi_checks.errors import MiChecksError
from mi_checks.output.numbers import number
from mi_checks.results.claim import Claim
from mi_checks.spec.check import Bound
from mi_checks.spec.path_checks import ComposesCheck
from mi_checks.spec.problems import comma_list
from mi_checks.stats.estimate import ALPHA_PER_SIDE, Estimate
from mi_checks.stats.floor import RoundingFloor
from mi_checks.stats.intervals import mean_interval
from mi_checks.stats.judgement import judge
from mi_checks.stats.mean_tests import bound_p_value


def check_composes(check: ComposesCheck, bound: Bound, measured: Measurements) -> Verdict:
    """Judge every reader by the writer that it composes with most, and the claim by the least certain reader.

    Raises:
        MiChecksError: a reader is not in a later layer than any writer; or the replay engine does not support the
            model.
    """
    writers = measured.nodes(check.from_)
    readers = receivers(measured, check.to, check.via)
    in_weights = check.times_random is not None
    claim = Claim(
        "composition score" if in_weights else "fraction of the input norm",
        path=(node_names_of(writers), node_names_of(readers)),
        at=str(check.at) if not in_weights else "",
        **bound.sides,
    )
    verdicts = [_of_reader(check, claim, bound, measured, writers, reader) for reader in readers]
    deciding = min(verdicts, key=lambda v: (WORST_FIRST.index(v.outcome), margin(v)))
    return deciding if in_weights else replace(deciding, p_value=max(each.p_value or 0.0 for each in verdicts))


def _of_reader(
    check: ComposesCheck, claim: Claim, bound: Bound, measured: Measurements, writers: tuple[Node, ...], reader: Node
) -> Verdict:
    before = [writer for writer in writers if writer.layer < reader.layer]
    if not before:
        raise MiChecksError(
            f"{check.id}: on {measured.loaded_model.name}, none of {comma_list(writers)} is in a layer before "
            f"{reader}; name an earlier writer or a later reader"
        )
    if check.times_random is not None:
        estimate = _times_random(check.id, measured, before, reader)
        outcome = judge(estimate, bound)
        reason = {
            "pass": "",
            "fail": "the whole interval is outside the bound",
            "inconclusive": "the interval, the spread of random matrices, contains the bound",
        }[outcome]
        return Verdict(outcome, claim, estimate, bound, reason, deciding=str(reader))
    # A fraction of a norm that is rounding error on every prompt counts as zero.
    floor = RoundingFloor(np.full(len(measured.batch), FLOAT32_FLOOR), "fraction")
    fractions = [
        floor.without_rounding(measured.measure(InputFraction(writer, reader, str(check.at)))[0]) for writer in before
    ]
    best = int(np.argmax([values.mean() for values in fractions]))
    values, unit = fractions[best], "fraction of the input's norm"
    estimate = mean_interval(values, unit, measured.design, floor=floor, cache=measured.intervals)
    p_value = bound_p_value(values, bound, measured.design)
    result = verdict(claim, estimate, bound, tuple(values.tolist()), p_value, is_zero=not values.any())
    result = replace(result, deciding=str(reader), detail=f"most from {before[best]}")
    return result if bound.at_least is None else _beside_random_directions(result, check, measured, before, reader)


def _beside_random_directions(
    result: Verdict, check: ComposesCheck, measured: Measurements, writers: list[Node], reader: Node
) -> Verdict:
    """Return the verdict that also requires more than random directions in place of what the writers write.

    A fraction of a norm has no natural zero: a head reads something of everything in its input, and in a small model
    much. The writer's mean fraction must therefore exceed all but 2.5 % of those with its output rotated at random.
    """
    draws = [measured.measure(RandomInputFractions(writer, reader, str(check.at)))[0] for writer in writers]
    null = np.max(draws, axis=0)  # the best of as many writers
    own = result.estimate.value if result.estimate is not None else 0.0
    p_value = (1 + int((null >= own).sum())) / (1 + len(null))
    random = f"of random directions in its place {number(float(null.mean()), 3)}"
    result = replace(result, p_value=max(p_value, result.p_value or 0.0), detail=f"{result.detail}; {random}")
    if result.outcome != "pass" or p_value < ALPHA_PER_SIDE:
        return result
    highest = number(float(np.quantile(null, 1 - ALPHA_PER_SIDE)), 3)
    reason = (
        f"{reader} reads no more of it than of a random direction of the same size: with random directions the "
        f"fraction is up to {highest} (97.5 % of {len(null)})"
    )
    return replace(result, outcome="inconclusive", reason=reason)


def _times_random(check_id: str, measured: Measurements, writers: list[Node], reader: Node) -> Estimate:
    """Divide the highest score by the mean highest score of random matrices, with an interval from 2.5 % to 97.5 %."""
    scores, random = measured.composition(reader.kind)
    undefined = [w for w in writers if not np.isfinite(scores[w.layer, w.index, reader.layer, reader.index])]
    if undefined:
        raise MiChecksError(
            f"{check_id}: on {measured.loaded_model.name}, the composition score of {comma_list(undefined)} with "
            f"{reader} is undefined, because all weights of one of the heads are zero; name other heads"
        )
    own = max(float(scores[writer.layer, writer.index, reader.layer, reader.index]) for writer in writers)
    generator = np.random.default_rng(len(writers))
    null = random[generator.integers(len(random), size=(len(random), len(writers)))].max(1)  # as many, the best
    low, high = np.quantile(null, [ALPHA_PER_SIDE, 1 - ALPHA_PER_SIDE])
    mean = float(null.mean())
    return Estimate(
        own / mean, own / float(high), own / float(low), len(random), "times random", "random matrices", "random pairs"
    )
