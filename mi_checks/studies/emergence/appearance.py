"""The effect of a behaviour over a series of checkpoints, and between which of them it appears and disappears."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from mi_checks.output.inconclusive_text import refusal_text
from mi_checks.results.evidence import Effect
from mi_checks.stats.estimate import ALPHA, ALPHA_PER_SIDE
from mi_checks.stats.floor import Floats
from mi_checks.stats.mean_tests import mean_p_value, ratio_p_values
from mi_checks.stats.p_values import holm
from mi_checks.stats.sampling import SamplingDesign

METHOD_TEXT = (
    "A behaviour appears at the first checkpoint where its mean effect reaches half of its largest in the series, "
    "and disappears where it falls below that for good. Both are given as 95 % confidence intervals of checkpoints, "
    "from paired tests in sequence and extended to the checkpoint before. Two-sided tests compare each checkpoint with "
    "zero and, paired, with the first and the last; p is Holm-corrected over the {} made here. The 95 % intervals of "
    "effects are not corrected."
)
Bools = npt.NDArray[np.bool_]
AppearanceKind = Literal["appears", "from the start", "does not appear", "inconclusive"]
# In the order of tables.
APPEARANCE_KINDS: tuple[AppearanceKind, ...] = (
    "appears",
    "from the start",
    "does not appear",
    "inconclusive",
)


@dataclass(frozen=True)
class Bracket:
    """The interval of checkpoints, by index in the series, within which an event happened.

    Attributes:
        after: the last checkpoint before the event; None if it may have happened before the first.
        by: the first checkpoint after the event.
    """

    after: int | None
    by: int


def rise_bracket(values: Floats, design: SamplingDesign) -> Bracket | None:
    """Return the checkpoints between which a mean first reaches half of its largest value.

    The threshold is halfway from zero, no preference, to the largest mean over the series: the point that the cards of
    the bundled models call 50 %. Checkpoints are compared with half of the largest by paired tests in a fixed order, up
    to the first that is not significant (Maurer, Hothorn & Lehmacher 1995), each at 2.5 %: from the first checkpoint
    on they are shown to be below, which gives the lower end; from the largest backwards they are shown to be above,
    which gives the upper. Each end is wrong only if one certain test is: that of the true place for the lower end, and
    that of the checkpoint before it for the upper. The bracket is extended to the checkpoint before, because nothing is
    known about the time between the two. `docs/decisions/a-behaviour-appears-at-half-its-largest-effect.md` has the
    error rates.

    Args:
        values: `checkpoint prompt`, the same prompts at every checkpoint.
        design: how the prompts were drawn.

    Returns:
        The bracket, or None if the largest mean is not significantly above zero.
    """
    below, above = _half_tests(values, design)
    return _rise(below, above, int(values.mean(1).argmax()))


def fall_bracket(values: Floats, design: SamplingDesign) -> Bracket | None:
    """Return the checkpoints between which a mean is last at half of its largest value.

    This is the rise of the series in reverse: see `rise_bracket`.

    Returns:
        The bracket, or None if the mean is not significantly below half at the end.
    """
    below, above = _half_tests(values, design)
    end = len(values) - 1
    rise = _rise(below[::-1], above[::-1], end - int(values.mean(1).argmax()))
    return None if rise is None or rise.after is None else Bracket(end - rise.by, end - rise.after)


def _rise(below: Bools, above: Bools, top: int) -> Bracket | None:
    by = top - _run_length(above[top::-1]) + 1
    if by > top:
        return None
    shown_below = min(_run_length(below), by)
    return Bracket(shown_below - 1 if shown_below else None, by)


def _half_tests(values: Floats, design: SamplingDesign) -> tuple[Bools, Bools]:
    """Return whether each mean is significantly below, and above, half of the largest true mean, `checkpoint`.

    Which checkpoint is the largest is not known, and the largest sample mean is likely to be too high. A mean is below
    half of the largest if it is below half of any one; the tests against each are combined by Simes' method (1986),
    which costs next to nothing if many checkpoints are nearly as high. To be above half of the largest sample mean is
    harder than to be above half of the largest true one.
    """
    n, top = len(values), int(values.mean(1).argmax())
    excess = (values - values[:, None] / 2).reshape(n * n, -1)  # of the later index over half of the earlier one
    above, below = (p.reshape(n, n) for p in ratio_p_values(excess, np.ones(values.shape[1]), 0.0, design))
    simes = (np.sort(below, axis=0) * n / np.arange(1, n + 1)[:, None]).min(0)
    return simes < ALPHA_PER_SIDE, above[top] < ALPHA_PER_SIDE


def _run_length(significant: Bools) -> int:
    """Return how many are significant before the first that is not."""
    return len(significant) if significant.all() else int(significant.argmin())


@dataclass(frozen=True)
class EffectCurve:
    """The effects of a behaviour over a series, on the same prompts."""

    behaviour: str
    effects: tuple[Effect, ...]

    @cached_property
    def values(self) -> Floats:
        """Return the effects, `checkpoint prompt`."""
        return np.array([effect.per_prompt for effect in self.effects])

    @property
    def design(self) -> SamplingDesign:
        """Return how the prompts were drawn."""
        return self.effects[0].design

    @property
    def means(self) -> tuple[float, ...]:
        """Return the mean effect at each checkpoint."""
        return tuple(effect.estimate.value for effect in self.effects)

    @property
    def top(self) -> int:
        """Return the index of the checkpoint with the largest effect, the first of several."""
        return int(np.argmax(self.means))


@dataclass(frozen=True)
class CurveTests:
    """The p values at each checkpoint, Holm-corrected over all tests; 1 if there was nothing to test.

    Attributes:
        zero: for the hypothesis that the effect is zero.
        first: for the hypothesis that it equals the effect at the first checkpoint, paired.
        last: for the hypothesis that it equals the effect at the last checkpoint, paired; there is one test between the
            first and the last checkpoint.
    """

    zero: tuple[float, ...]
    first: tuple[float, ...]
    last: tuple[float, ...]


def joint_tests(curves: Sequence[EffectCurve]) -> tuple[tuple[CurveTests, ...], int]:
    """Return the tests of all curves, corrected together, and their number."""
    raw = [_uncorrected(curve.values, curve.design) for curve in curves]
    all_p = [p for each in raw for p in each.values()]
    corrected = iter(holm(np.array(all_p)).tolist())
    results = []
    for curve, each in zip(curves, raw, strict=True):
        p = {key: next(corrected) for key in each}
        places = range(len(curve.effects))
        p["last", 0] = p["first", places[-1]]
        results.append(
            CurveTests(*(tuple(p.get((kind, k), 1.0) for k in places) for kind in ("zero", "first", "last")))
        )
    return tuple(results), len(all_p)


def _uncorrected(values: Floats, design: SamplingDesign) -> dict[tuple[str, int], float]:
    end = len(values) - 1
    return {
        **{("zero", k): mean_p_value(values[k], design) for k in range(end + 1)},
        **{("first", k): mean_p_value(values[k] - values[0], design) for k in range(1, end + 1)},
        **{("last", k): mean_p_value(values[k] - values[end], design) for k in range(1, end)},
    }


def method_text(tests: int) -> str:
    """Return a description of the method."""
    return METHOD_TEXT.format(f"{tests:,} test{'' if tests == 1 else 's'}")


@dataclass(frozen=True)
class Appearance:
    """The verdict on one behaviour in training.

    Attributes:
        curve: its effects.
        tests: the tests of their changes.
        kind: the verdict.
        appears: the checkpoints between which it appears, if it does; `by` is the first one if it exists from the
            start.
        disappears: the checkpoints between which it disappears again, if it significantly does.
        reason: why it does not appear, or why the tests are inconclusive; otherwise "".
    """

    curve: EffectCurve
    tests: CurveTests
    kind: AppearanceKind
    appears: Bracket | None = None
    disappears: Bracket | None = None
    reason: str = ""

    @property
    def shown(self) -> bool:
        """Return whether the effect is significantly above zero at any checkpoint."""
        return any(mean > 0 and p < ALPHA for mean, p in zip(self.curve.means, self.tests.zero, strict=True))


def judge_appearances(curves: Sequence[EffectCurve]) -> tuple[tuple[Appearance, ...], int]:
    """Return the verdict on every curve, and the number of tests over all of them."""
    tests, n_tests = joint_tests(curves)
    return tuple(_appearance(curve, each) for curve, each in zip(curves, tests, strict=True)), n_tests


def _appearance(curve: EffectCurve, tests: CurveTests) -> Appearance:
    short = all(effect.ability == "cannot" for effect in curve.effects)
    nothing = Appearance(
        curve,
        tests,
        "does not appear" if short else "inconclusive",
        reason="not significantly above zero at any checkpoint",
    )
    if not nothing.shown:
        refusal = curve.effects[curve.top].estimate.refusal
        return nothing if refusal is None else replace(nothing, kind="inconclusive", reason=refusal_text(refusal))
    if short:
        return Appearance(
            curve, tests, "does not appear", reason="significantly outside its bounds at every checkpoint"
        )
    appears = rise_bracket(curve.values, curve.design)
    if appears is None:
        return Appearance(curve, tests, "inconclusive", reason="too noisy to locate half of its largest effect")
    disappears = fall_bracket(curve.values, curve.design) if _differs(curve.top, tests.last) else None
    if appears.by == 0:
        return Appearance(curve, tests, "from the start", appears, disappears)
    if not _differs(curve.top, tests.first):
        return Appearance(
            curve,
            tests,
            "inconclusive",
            disappears=disappears,
            reason="no significant change since the first checkpoint",
        )
    return Appearance(curve, tests, "appears", appears, disappears)


def _differs(top: int, p_values: tuple[float, ...]) -> bool:
    """Return whether the largest effect differs significantly from that of the first, or of the last, checkpoint."""
    return p_values[top] < ALPHA
