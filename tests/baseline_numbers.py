"""Results and baselines made of nothing but numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mi_checks.compare.baseline_record import Baseline, BaselineHeader, baseline_of
from mi_checks.results.claim import Claim
from mi_checks.results.evidence import Evidence, Mediator
from mi_checks.results.run import CheckResult, FileLine
from mi_checks.stats.estimate import Estimate
from mi_checks.stats.floor import Floats
from mi_checks.stats.intervals import mean_interval
from mi_checks.stats.sampling import independent
from tests.effects import effect, evidence_of

HEADER = BaselineHeader(
    behaviour="ab", model="m", revision="", weights="1" * 64, tokenizer="2" * 64, prompts="3" * 64, engine="replay",
    mode="raw", dtype="float32", device="cpu", versions={"torch": "2.8.0", "numpy": "2.0.0"},
)  # fmt: skip
CLAIM = Claim("logit difference", against="foils", score="first_token")
NOISE = np.random.default_rng(0).normal(size=256)


def result(name="logit_diff", *, mean=2.0, spread=1.0, deciding="", per_prompt=True, at_most=None) -> CheckResult:
    values = mean + spread * (NOISE - NOISE.mean())
    reach = 2 * spread / 16
    bound = "at most 3" if at_most else "at least 1"
    return CheckResult(
        behaviour="ab", model="m", check=name, kind="logit_diff", node_id=f"x::{name}",
        claim=replace(CLAIM, at_least=None if at_most else 1.0, at_most=3 if at_most else None),
        outcome="pass", deciding=deciding,
        detail="Holm-corrected over 3 heads" if deciding else "",
        estimate=Estimate(mean, mean - reach, mean + reach, 256, "logits", "bootstrap of the mean"), bound=bound,
        at_least=None if at_most else 1.0, at_most=at_most, message="", place=FileLine("x", 1),
        per_prompt=tuple(values.tolist()) if per_prompt else (),
    )  # fmt: skip


def with_values(of: CheckResult, values: Floats) -> CheckResult:
    """The check with other values per prompt, and the estimate that is their mean."""
    return replace(
        of, per_prompt=tuple(values.tolist()), estimate=mean_interval(values, "logits", independent(len(values)))
    )


def unmeasured(name="logit_diff") -> CheckResult:
    return replace(result(name), estimate=None, per_prompt=())


def made(*results: CheckResult, mediators: tuple[Mediator, ...] = ()) -> Baseline:
    return baseline_of(HEADER, results, mediators)


def evidence(*, mediators: tuple[Mediator, ...] = (), effect_sizes: tuple[float, ...] = ()) -> Evidence:
    measured = effect("nano-attn-2l", NOISE + 3)
    return evidence_of(measured, behaviour="ab", model="m", mediators=mediators, effect_sizes=effect_sizes)


def mediator(node: str, share: float, reach: float = 0.02, at: str = "") -> Mediator:
    return Mediator(
        node, at, Estimate(share, share - reach, share + reach, 256, "fraction of clean − corrupt", "bootstrap")
    )
