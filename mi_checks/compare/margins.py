"""The margins of a change: how much two measurements may differ and still count as the same, and why.

These are the questions about two measurements on the same prompts, each with its own margin:

- Has the value changed? `mi-checks compare` and the baseline item ask this with `change_margin`, so that they cannot
  disagree on the same two runs.
- Is the behaviour equivalent? `--mi-base` asks this with `equivalence_margin`, which is never smaller than
  `change_margin`. So a fine-tune may differ significantly from its reference model and still keep the behaviour.
- Is it the same model, prompt by prompt? Single prompts have no sampling error, so this is `prompt_margin`, not a test.
- Does a head mediate? That is a threshold and not a margin: `MIN_MEDIATOR_FRACTION` of `results.evidence`, which runs
  need too. A head has left the set of mediators only if it is also below by `MEDIATOR_CHANGE`.
- Do neighbouring models differ at all? `mi-checks matrix` compares different models and asks with `NO_MARGIN`.
"""

from __future__ import annotations

from mi_checks.stats.estimate import Estimate
from mi_checks.stats.floor import Floats

NO_MARGIN = 0.0

# Relative, and absolute in the value's own unit. Two estimates this close are one number: float32 on another machine
# or engine moves a mean by less than a tenth of it, and baselines store four decimals.
ROUNDING = 1e-4

# In the value's own unit: logits, nats, fraction recovered or of prompts. Rounding in float32 is a twentieth of
# it, and no claim of the bundled behaviours depends on so little.
MIN_CHANGE = 0.01
# Of the earlier mean, where that is more than `MIN_CHANGE`: bounds and messages give two or three digits.
MIN_RELATIVE_CHANGE = 0.01

# Of the reference model's mean, or of its standard deviation over prompts where that is more. A tenth of a standard
# deviation is half of what Cohen (1988) calls a small effect. Every fine-tune would fail at 1 %.
EQUIVALENCE = 0.1

# Of the standard deviation over prompts. On the bundled models both engines differ by 0.00001 of it in float32, and by
# 0.04 to 0.08 in bfloat16; weights rounded to 8 bits move prompts by 0.03 to 0.07 of it, to 6 bits by 0.1 to 0.25, to
# 4 bits by more than 0.5. At a tenth the values of two runs still correlate by 0.995.
PROMPT_SPREAD = 0.1
# Prompts whose yes or no may turn by rounding: it takes a tie.
MAX_ROUNDED_FLIPS = 1

# Of the fraction of clean − corrupt that a head recovers: `MIN_CHANGE`, in that unit.
MEDIATOR_CHANGE = MIN_CHANGE

# Of a fraction's change: a fraction has gained only if its numerator accounts for at least half of that.
MAIN_PART = 0.5

# The mean of the values per prompt is the estimate if it differs by no more than this, relative or absolute: baselines
# store three decimals per prompt, and the numerator of a fraction is read back as fraction × denominator.
MEAN_TOLERANCE, ABSOLUTE_MEAN_TOLERANCE = 0.01, 0.002


def change_margin(before: Estimate | None) -> float:
    """Return the smallest change that counts as one, in the value's unit."""
    return MIN_CHANGE if before is None else max(MIN_CHANGE, MIN_RELATIVE_CHANGE * abs(before.value))


def part_margin(before: Estimate) -> float:
    """Return the smallest change of a numerator or denominator; relative only, since one head may move few logits."""
    return MIN_RELATIVE_CHANGE * abs(before.value)


def equivalence_margin(before: Floats) -> float:
    """Return the largest difference from a reference model at which the behaviour is the same, in the value's unit.

    Args:
        before: `prompt`, the reference model's values.
    """
    return float(max(MIN_CHANGE, EQUIVALENCE * abs(before.mean()), EQUIVALENCE * before.std(ddof=1)))


def prompt_margin(before: Floats) -> float:
    """Return the largest root mean square difference of single prompts that rounding explains, in the value's unit.

    Args:
        before: `prompt`, the earlier values.
    """
    return float(max(MIN_CHANGE, MIN_RELATIVE_CHANGE * abs(before.mean()), PROMPT_SPREAD * before.std()))


def rounding_margin(before: Estimate, after: Estimate) -> float:
    """Return the largest difference of two estimates that are one number but for rounding."""
    return ROUNDING * max(1.0, abs(before.value), abs(after.value))
