"""Effects as models would have them, for whatever compares them."""

import numpy as np

from mi_checks.results.evidence import Architecture, Effect, Evidence, Preference
from mi_checks.stats.intervals import mean_interval
from mi_checks.stats.sampling import independent

KINDS = {"attn": "attention-only"}


def effect(model, values, behaviour="induction", *, at_least=1.0, ability=None, declared="present", **given):
    """An effect of these values per prompt; `nano-gelu-2l` is of kind gelu and has 2 layers, of 6 heads."""
    kind, layers = model.split("-")[1:3]
    values = np.asarray(values, dtype=float)
    estimate = mean_interval(values, "logits", independent(len(values)))
    found = ability or ("can" if estimate.low > at_least else "cannot" if estimate.high < at_least else "inconclusive")
    as_declared = {"can": "present", "cannot": "absent"}.get(found)
    return Effect(
        behaviour=behaviour,
        model=model,
        architecture=Architecture(KINDS.get(kind, kind), int(layers[0]), 6),
        checkpoint=given.get("checkpoint", ""),
        declared=declared,
        against=given.get("against", "foils"),
        estimate=estimate,
        per_prompt=tuple(values.tolist()),
        prompts_sha256=given.get("prompts", behaviour),
        preferences=(Preference("logit_diff", estimate, at_least, None),),
        ability=found,
        outcome="inconclusive" if found == "inconclusive" else "pass" if declared == as_declared else "fail",
    )


def around(mean, spread=1.0, seed=0, n=64):
    """Values per prompt, the same each time, whose mean is exactly that."""
    noise = np.random.default_rng(seed).normal(0, spread, n)
    return mean + noise - noise.mean()


def mirrored(mean, spread=1.0, seed=0, n=64):
    """Values like `around`, without any skewness, so that the tests of a mean agree closely with Student's."""
    half = np.random.default_rng(seed).normal(0, spread, n // 2)
    return mean + np.concatenate([half, -half])


def simulated_p_value(values, draws=20_000):
    """The two-sided p-value of a mean of zero for mirrored values, by drawing Dirichlet weights: see `mean_tests`."""
    values = np.asarray(values) * np.sign(np.mean(values))
    weights = np.random.default_rng(0).exponential(size=(draws, len(values) + 1))
    return 2 * np.mean(weights @ np.append(values, values.min()) <= 0)


def evidence_of(measured, **given):
    """Evidence of nothing but an effect."""
    fields = {
        "behaviour": measured.behaviour,
        "model": measured.model,
        "summary": "",
        "source": "",
        "yaml": "",
        "declared": "present",
        "yaml_path": "",
        "n": measured.estimate.n,
        "examples": (),
        "heatmaps": (),
    }
    return Evidence(**{**fields, "logit_diff": measured.estimate, "effect": measured, **given})
