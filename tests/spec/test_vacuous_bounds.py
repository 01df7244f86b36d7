"""Case 16: a bound that nothing can fail, or that nodes which do nothing pass, is refused with its place and reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
import yaml

from mi_checks.spec.behaviour import CheckEntry
from mi_checks.spec.check_refs import checks_with_paths
from mi_checks.spec.load_file import LoadedBehaviour

# Checks, with BOUND where their bound stands.
ACCURACY = "accuracy: {BOUND}"
ATTENTION = "attention: {nodes: L1H0, from: A2, to: B1, BOUND}"
FRACTIONS = {
    "patching: {nodes: L1H0, recovers: {BOUND}}": "the fraction that patching recovers",
    "patching: {nodes: L1H0, removes: {BOUND}}": "the fraction that patching removes",
    "ablation: {nodes: L1H0, removes: {BOUND}}": "the fraction that ablation removes",
    "ablation: {nodes: L1H0, with: zero, removes: {BOUND}}": "the fraction that ablation removes",
    "path: {from: L1H0, to: logits, recovers: {BOUND}}": "the fraction that path patching recovers",
    "path: {from: L1H0, to: logits, removes: {BOUND}}": "the fraction that path patching removes",
    "circuit: {nodes: L1H0, faithfulness: {BOUND}}": "faithfulness",
    "circuit: {edges: [L1H0 -> logits], faithfulness: {BOUND}}": "faithfulness",
    "curve: {with: zero, cpr: {BOUND}}": "cpr",
}
ERRORS = {
    "circuit: {nodes: L1H0, completeness: {BOUND}}": "completeness",
    "curve: {with: zero, cmd: {BOUND}}": "cmd",
}
FROM_ZERO = {
    **ERRORS,
    ACCURACY: "accuracy",
    "accuracy: {against: corrupt, BOUND}": "accuracy",
    "accuracy: {against: vocabulary, BOUND}": "accuracy",
    ATTENTION: "attention",
    "circuit: {nodes: L1H0, sufficient: {BOUND}}": "the fraction of random circuits",
    "circuit: {nodes: L1H0, necessary: {BOUND}}": "the fraction of random circuits",
    "circuit: {nodes: L1H0, minimal: {BOUND}}": "the change when a node is removed",
    "composes: {from: L0H0, to: L1H0, via: k, times_random: {BOUND}}": "a composition score relative to random",
    "composes: {from: L0H0, to: L1H0, via: k, at: A2, writes: {BOUND}}": "the fraction of an input's norm",
}
TO_ONE = {
    check: what
    for check, what in FROM_ZERO.items()
    if what in ("accuracy", "attention", "the fraction of random circuits")
}


def refused() -> Iterator[tuple[str, str, str]]:
    """Checks with bounds, and how what they are told begins."""
    for check, what in FROM_ZERO.items():
        of = f"{what} matrices" if what.endswith("random") else what
        yield check, "at_least: 0", f"{of} is always at least 0, so this check could never fail"
        yield check, "at_least: -0.0", f"{of} is always at least -0, so this check could never fail"
        yield check, "at_least: -1e-2", f"{of} is "
    for check, what in TO_ONE.items():
        yield check, "at_most: 1", f"{what} is always at most 1, so this check could never fail"
        yield (
            check,
            "at_least: 0, at_most: 1.0",
            f"{what} is always at least 0 and at most 1, so this check could never fail",
        )
        yield check, "at_most: 1.5", f"{what} is always between 0 and 1, so a bound of 1.5 makes no sense"
        yield (
            check,
            "at_least: 85",
            f"{what} is always between 0 and 1, so a bound of 85 makes no sense; did you mean 0.85?",
        )
    for check, what in FRACTIONS.items():
        for value in ("-1", "0", "-0.0"):
            nothing = f"is 0 for nodes without effect, so they would pass 'at least {float(value):g}'"
            yield check, f"at_least: {value}", f"{what} {nothing}; claim a value above 0, or give 'at_most' as well"
    for check, what in ERRORS.items():
        for value in ("1", "1.5"):
            nothing = f"is 1 for nodes without effect, so they would pass 'at most {value}'"
            yield check, f"at_most: {value}", f"{what} {nothing}; claim a value below 1, or give 'at_least' as well"


REFUSED = list(refused())
# Claims that say something, however little.
HELD = [
    (ACCURACY, "at_least: 1e-3"),
    (ACCURACY, "at_least: 1"),
    (ACCURACY, "at_most: 0"),
    (ACCURACY, "at_least: 0, at_most: 0.5"),
    ("logit_diff: {against: corrupt, BOUND}", "at_least: -.5"),  # the preference is not lost altogether
    ("direct_logit_attribution: {nodes: L1H0, BOUND}", "at_most: 0"),
    (ATTENTION, "at_most: 0.9"),
    *((check, "at_least: -0.1, at_most: 0.1") for check in FRACTIONS),  # they do nothing
    *((check, "at_most: 0") for check in FRACTIONS),
    *((check, "at_least: 0.5, at_most: 1") for check in ERRORS),
]


def written(check: str, bound: str) -> str:
    return f"  - {check.replace('BOUND', bound)}\n"


def some(check: str) -> str:
    """Return a bound that the check may have."""
    return "at_most: 0.5" if check in ERRORS else "at_least: 0.5"


@pytest.mark.parametrize(("check", "bound", "why"), REFUSED)
def test_case_16_a_bound_that_cannot_fail(
    connected: str, errors: Callable[[str], str], check: str, bound: str, why: str
) -> None:
    text = connected.replace("checks:\n", f"checks:\n{written(check, bound)}")
    told = re.fullmatch(r"x:(\d+):(\d+): (.*)", errors(text))  # one line
    assert told is not None
    assert told[3].startswith(why)
    at = text.splitlines()[int(told[1]) - 1][int(told[2]) - 1 :]
    key = re.search(r"(\w+): \{BOUND", check)  # the key under which the bound stands, or where it has none, its side
    assert at.startswith(f"{key[1]}: " if key and key.start() else bound)


@pytest.mark.parametrize(("check", "bound", "why"), list({check: (check, *rest) for check, *rest in REFUSED}.values()))
def test_case_16_nor_as_a_models_or_a_cases_own(
    connected: str, errors: Callable[[str], str], check: str, bound: str, why: str
) -> None:
    (mapping,) = yaml.safe_load(written(check, some(check)))
    id_ = CheckEntry.model_validate(mapping, by_alias=True, by_name=False).check.parts[0].id
    text = connected.replace("checks:\n", f"checks:\n{written(check, some(check))}")
    on_model = text.replace("induction: L1H4}", f'induction: L1H4}}, "{id_}": {{{bound}}}')
    in_case = text + f'cases: {{far: {{bounds: {{"{id_}": {{{bound}}}}}}}}}\n'
    for told in (errors(on_model), errors(in_case)):
        assert "\n" not in told
        assert told.partition(": ")[2].startswith(why)


@pytest.mark.parametrize(("check", "bound"), HELD)
def test_case_16_what_can_fail_is_claimed(
    connected: str, load: Callable[[str], LoadedBehaviour], check: str, bound: str
) -> None:
    behaviour = load(connected.replace("checks:\n", f"checks:\n{written(check, bound)}")).behaviour
    _, first = next(checks_with_paths(behaviour))
    assert first.key() == check.partition(":")[0]
    assert first.bound is not None
    assert any(value is not None for value in first.bound.sides.values())
