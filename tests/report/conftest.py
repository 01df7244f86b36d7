"""A run as real ones are: three behaviours on four models, with every outcome among them."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from mi_checks.results.claim import Claim
from mi_checks.results.evidence import (
    Architecture,
    Effect,
    Evidence,
    Example,
    Heatmap,
    Prediction,
    Preference,
    TokenView,
)
from mi_checks.results.run import CheckResult, FileLine, Run
from mi_checks.stats.estimate import Estimate, Outcome

MODELS = ("nano-attn-1l", "nano-attn-2l", "nano-gelu-2l", "nano-gelu-4l")
SOURCES = {
    "induction": "https://transformer-circuits.pub/2022/in-context-learning-and-induction-heads",
    "ioi": "https://arxiv.org/abs/2211.00593",
    "greater_than": "Hanna et al., How does GPT-2 compute greater-than? (2023)",
}
SUMMARIES = {
    "induction": "A B … A → B on random tokens",
    "ioi": "When Mary and John went to the store, John gave a drink to → Mary",
    "greater_than": "The war lasted from the year 1732 to the year 17 → a later year",
}
YAML = """\
# yaml-language-server: $schema=../mi_checks/spec/schema.json
name: {name}
summary: "{summary}"
prompts:
  count: 64
  seed: 0
  variables:
    pre: {{tokens: random, length: 9, distinct: true}}
    A:   {{tokens: random}}
    B:   {{tokens: random}}
    C:   {{tokens: random, differs_from: B}}
  template: "{{{{ pre }}}}{{{{ A | at('A1') }}}}{{{{ B | at('B1') }}}}{{{{ mid }}}}{{{{ A | at('A2') }}}}"
  corrupt: {{B: C}}
  answer: "{{{{ B }}}}"
  foils: ["{{{{ C }}}}"]
checks:
  - logit_diff: {{at_least: 2.0}}
  - accuracy: {{at_least: 0.9}}
  - patching: {{nodes: induction, at: A2, recovers: {{at_least: 0.5}}}}
  - ablation: {{nodes: induction, with: mean, removes: {{at_least: 0.5, at_most: 1.1}}}}
  - attention: {{nodes: induction, from: A2, to: B1, at_least: 0.3}}
  - mediators: {{component: head, above: 0.15, exactly: [previous_token, induction]}}
models:
  nano-attn-1l: absent
  nano-attn-2l: {{}}
"""
WORDS = (
    *("river", "lamp", "stone", "paper", "window", "garden", "silver", "morning"),
    *("copper", "thread", "field", "sail", "amber", "winter", "hollow"),
)


def estimate(values: list[float], unit: str) -> Estimate:
    mean = sum(values) / len(values)
    spread = math.sqrt(sum((v - mean) ** 2 for v in values) / len(values))
    half = 1.96 * spread / math.sqrt(len(values)) or 0.004
    return Estimate(mean, mean - half, mean + half, len(values), unit, "bootstrap of the mean")


def result(
    behaviour: str,
    model: str,
    check: str,
    claim: str,
    outcome: Outcome,
    *,
    values: tuple[float, ...] = (),
    unit: str = "logits",
    at_least: float | None = None,
    at_most: float | None = None,
    message: str = "",
    line: int = 18,
) -> CheckResult:
    sides = [f"at least {at_least:g}"] if at_least is not None else []
    sides += [f"at most {at_most:g}"] if at_most is not None else []
    return CheckResult(
        behaviour=behaviour,
        model=model,
        check=check,
        kind=check.split("[")[0],
        node_id=f"behaviours/{behaviour}.yaml::{model}::{check}",
        claim=Claim("", text=claim),
        outcome=outcome,
        estimate=estimate(list(values), unit) if values else None,
        bound=" and ".join(sides),
        at_least=at_least,
        at_most=at_most,
        message=message,
        place=FileLine(f"behaviours/{behaviour}.yaml", line),
        per_prompt=values,
        seconds=0.12,
    )


def example(rng: random.Random) -> Example:
    words = [" " + word for word in rng.sample(WORDS, 12)]
    prefix, a, b, c, middle = words[:6], words[6], words[7], words[8], words[9:12]

    def side(second: str) -> tuple[TokenView, ...]:
        texts = ["<|bos|>", *prefix, a, second, *middle, a]
        labels = ["", *["pre"] * 6, "A1", "B1", *["mid"] * 3, "A2"]
        return tuple(TokenView(t, label, t == second) for t, label in zip(texts, labels, strict=True))

    def top(first: str, second: str) -> tuple[Prediction, ...]:
        others = rng.sample([" " + word for word in WORDS if " " + word not in (first, second)], 3)
        texts = [first, second, *others]
        return tuple(Prediction(t, p) for t, p in zip(texts, (0.81, 0.07, 0.03, 0.012, 0.004), strict=True))

    return Example(side(b), side(c), (b,), (c,), 4.31, -3.87, top(b, c), top(c, b))


def heatmap(rng: random.Random, title: str, layers: int, heads: int, strong: dict[tuple[int, int], float]) -> Heatmap:
    values = tuple(
        tuple(strong.get((row, column), rng.gauss(0, 0.04)) for column in range(heads)) for row in range(layers)
    )
    return Heatmap(title, tuple(f"L{row}" for row in range(layers)), tuple(f"H{c}" for c in range(heads)), values)


def effect(behaviour: str, model: str, declared: str, values: list[float]) -> Effect:
    _, kind, layers = model.split("-")
    return Effect(
        behaviour=behaviour,
        model=model,
        architecture=Architecture({"attn": "attention-only"}.get(kind, kind), int(layers[0]), 8),
        checkpoint="",
        declared="absent" if declared == "absent" else "present",
        against="corrupt" if behaviour == "greater_than" else "foils",
        estimate=estimate(values, "logits"),
        per_prompt=tuple(values),
        prompts_sha256=behaviour,
        preferences=(Preference("logit_diff", estimate(values, "logits"), 2.0, None),),
        ability="cannot" if declared == "absent" else "can",
        outcome="pass",
    )


def evidence(behaviour: str, model: str, declared: str, mean: float, layers: int = 2, heads: int = 8) -> Evidence:
    rng = random.Random(f"{behaviour} {model}")  # noqa: S311 — the same page in every session
    strong = {(layers - 1, 3): 0.62, (0, 5): 0.41, (layers - 1, 6): -0.27} if declared == "present" else {}
    maps = [heatmap(rng, "Heads, denoised at all positions", layers, heads, strong)]
    if declared == "present":
        rows = heatmap(rng, "Heads, denoised at A2", layers, heads, {(layers - 1, 3): 1.18, (0, 1): -0.12})
        maps.append(replace(rows, values=((None, *rows.values[0][1:]), *rows.values[1:])))
    values = [rng.gauss(mean, 1.4) for _ in range(64)]
    return Evidence(
        behaviour=behaviour,
        model=model,
        summary=SUMMARIES[behaviour],
        source=SOURCES[behaviour],
        declared=declared,
        yaml=YAML.format(name=behaviour, summary=SUMMARIES[behaviour]),
        yaml_path=f"behaviours/{behaviour}.yaml",
        n=64,
        logit_diff=estimate([v - 3 for v in values] if behaviour == "greater_than" else values, "logits"),
        effect=effect(behaviour, model, declared, values),
        examples=tuple(example(rng) for _ in range(3)),
        heatmaps=tuple(maps),
    )


def present(behaviour: str, model: str, mean: float = 4.0) -> list[CheckResult]:
    rng = random.Random(f"checks {behaviour} {model}")  # noqa: S311

    def around(centre: float, spread: float) -> tuple[float, ...]:
        return tuple(rng.gauss(centre, spread) for _ in range(64))

    share = "fraction of clean − corrupt"
    hits = tuple(float(rng.random() < 0.985) for _ in range(64))
    return [
        result(behaviour, model, "logit_diff", "the answer's logit exceeds the foils' by at least 2", "pass",
               values=around(mean, 1.4), at_least=2.0, line=17),
        result(behaviour, model, "accuracy", "the answer beats every foil on at least 0.85 of prompts", "pass",
               values=hits, unit="fraction of prompts", at_least=0.85, line=18),
        result(behaviour, model, "patching[induction@A2]", "L1H3 at A2 recovers at least 0.5 of clean − corrupt",
               "pass", values=(*around(0.66, 0.2)[:61], 7.2, -5.0, 9.1), unit=share, at_least=0.5, line=19),
        result(behaviour, model, "ablation[induction,mean]", "mean-ablating L1H3 removes 0.5 to 1.1 of clean − corrupt",
               "pass", values=around(0.81, 0.25), unit=share, at_least=0.5, at_most=1.1, line=20),
        result(behaviour, model, "attention[induction,A2->B1]", "L1H3 attends from A2 to B1 with at least 0.3",
               "pass", values=tuple(min(1, max(0, v)) for v in around(0.72, 0.15)), unit="attention probability",
               at_least=0.3, line=21),
        replace(
            result(behaviour, model, "mediators[head]", "L0H5 and L1H3, and no others, recover more than 0.15 alone",
                   "pass", line=22),
            estimate=Estimate(2, 2, 2, 64, "nodes", "Holm-corrected one-sided tests over 16 heads"),
        ),
    ]  # fmt: skip


def absent(behaviour: str, model: str) -> CheckResult:
    rng = random.Random(f"absent {behaviour} {model}")  # noqa: S311
    return result(behaviour, model, "absent", "the behaviour is absent: logit_diff does not reach 2", "pass",
                  values=tuple(rng.gauss(0.1, 0.9) for _ in range(64)), at_most=2.0, line=24)  # fmt: skip


def fail(results: list[CheckResult]) -> list[CheckResult]:
    weak = replace(
        results[2],
        outcome="fail",
        estimate=Estimate(0.31, 0.22, 0.4, 64, "fraction of clean − corrupt", "bootstrap of the ratio of means"),
        per_prompt=tuple(value - 0.35 for value in results[2].per_prompt[:61]),
        message="L1H3 at A2 recovers 0.31 [0.22, 0.40] of clean − corrupt, and the claim is at least 0.5\n"
        "  prompts: 64, denoising, ratio of means\n"
        "  nearest others: L1H6 −0.27, L0H5 0.41\n"
        "  run it alone: pytest 'behaviours/induction.yaml::nano-gelu-2l::patching[induction@A2]'",
    )
    return [*results[:2], weak, *results[3:]]


def doubt(results: list[CheckResult]) -> list[CheckResult]:
    unsure = replace(
        results[4],
        outcome="inconclusive",
        estimate=Estimate(0.33, 0.27, 0.39, 64, "attention probability", "bootstrap of the mean"),
        per_prompt=tuple(max(0.0, value - 0.4) for value in results[4].per_prompt),
        message="0.33 [0.27, 0.39] straddles 0.3; about 260 prompts would settle it (now 64)",
    )
    return [*results[:4], unsure, *results[5:]]


def broken(behaviour: str, model: str) -> list[CheckResult]:
    first = present(behaviour, model)[:2]
    crashed = result(behaviour, model, "patching[name_movers]", "the name movers recover at least 0.5", "error",
                     line=19, message="node set 'name_movers' is not bound for nano-gelu-4l\n"
                     "  behaviours/ioi.yaml:19:16\n  bound here: s_inhibition, duplicate_token")  # fmt: skip
    return [*first, crashed]


def make_run() -> Run:
    found, results = [], []
    for behaviour in SOURCES:
        for model in MODELS:
            if (behaviour, model) == ("greater_than", "nano-gelu-4l"):
                continue
            declared = "absent" if model == "nano-attn-1l" else "present"
            layers = int(model[-2])
            found.append(evidence(behaviour, model, declared, 0.1 if declared == "absent" else 4.0, layers))
            checks = [absent(behaviour, model)] if declared == "absent" else present(behaviour, model)
            if (behaviour, model) == ("induction", "nano-gelu-2l"):
                checks = fail(checks)
            if (behaviour, model) == ("ioi", "nano-attn-2l"):
                checks = doubt(checks)
            if (behaviour, model) == ("ioi", "nano-gelu-4l"):
                checks = broken(behaviour, model)
            results += checks
    return Run(
        command="pytest behaviours/ --mi-models 'nano-*' --mi-prompts 64 --mi-report reports/nightly.html",
        started="2026-02-11T09:41:07+00:00",
        seconds=83.2,
        versions={"mi-checks": "0.1.0", "python": "3.11.9", "torch": "2.8.0", "transformer-lens": "3.0.0"},
        settings={"engine": "replay", "confidence": "0.95", "seed": "0", "prompts": "as written"},
        models={
            model: {"source": "bundled", "weights": "sha256:9f2c" + "4be1" * 15, "dtype": "float32", "device": "cpu"}
            for model in MODELS
        },
        results=tuple(results),
        evidence=tuple(found),
    )


@pytest.fixture(scope="session")
def run() -> Run:
    return make_run()


@pytest.fixture(scope="session")
def large() -> Callable[[], Run]:
    """Six behaviours on six models with four layers of eight heads: twice as deep as the bundled models."""

    def make() -> Run:
        small = make_run()
        pairs = [(f"behaviour_{b}", f"model-{m}") for b in range(6) for m in range(6)]
        found, results = [], []
        for behaviour, model in pairs:
            whole = evidence("ioi", "nano-gelu-4l", "present", 4.0, 4)
            numbered = Architecture(f"kind {model[-1]}", 4, 8)  # each the neighbour of every other
            shown = replace(whole.effect, behaviour=behaviour, model=model, architecture=numbered)
            found.append(replace(whole, behaviour=behaviour, model=model, effect=shown))
            results += [replace(check, behaviour=behaviour, model=model) for check in present("ioi", "nano-gelu-4l")]
        return replace(small, models={}, evidence=tuple(found), results=tuple(results))

    return make
