"""The answers on the findings page: a question and the facts become a section with the answer, figures and checks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import singledispatch

from gallery.facts import HEADER, Facts, difference_result, observations_needed
from gallery.questions import BUGS, AbilityQuestion, BugFixQuestion, DifferenceQuestion, ModelPair
from mi_checks.compare.neighbouring_models import NeighbourDifference
from mi_checks.output import numbers
from mi_checks.output.inconclusive_text import refusal_text
from mi_checks.output.tables import markdown_table
from mi_checks.results.evidence import Effect
from mi_checks.spec.check import Bound
from mi_checks.stats.judgement import observations_to_settle

MAX_DIFFERENCES = 5  # differences without a turn that a section shows; the end of the page has all


@singledispatch
def answer(question: object, facts: Facts) -> list[str]:
    """Return the lines below the question."""
    raise TypeError(f"{question} over {facts}")


@answer.register
def _(question: DifferenceQuestion, facts: Facts) -> list[str]:
    tests = [test for pair in question.pairs for test in facts.between(pair)]
    gains = [test for test in tests if test.turn == "cannot → can"]
    losses = [test for test in tests if test.turn == "can → cannot"]
    if not tests:
        verdict = "not measured"
    elif question.criterion == "gain":
        bugs = {test.behaviour for test in gains} & set(facts.matching(BUGS))
        tasks = {test.behaviour for test in gains} - bugs
        verdict = f"yes, {numbers.count(len(tasks), 'behaviour')}" if tasks else "no, none of these behaviours"
        verdict += f", and {numbers.count(len(bugs), 'bug')} with them" if bugs else ""
    elif any(test.significant for test in tests):
        verdict = f"they differ; {len(gains)} gained, {len(losses)} lost"
    else:
        verdict = f"inconclusive; {observations_needed(*_nearest(tests))}"
    lines = [f"**Answer: {verdict}.**", "", *_counts(question.pairs, facts), ""]
    for pair in question.pairs:
        shown = [test for test in facts.between(pair) if test.turn]
        if question.criterion == "difference":
            shown += sorted((t for t in facts.between(pair) if t.significant and not t.turn), key=_size)[
                :MAX_DIFFERENCES
            ]
        rows = [facts.row(test, difference_result(test)) for test in shown]
        lines += [*markdown_table(HEADER, rows), ""] if rows else []
    return lines


@answer.register
def _(question: BugFixQuestion, facts: Facts) -> list[str]:
    missing = [f"`{bug}`" for bug in question.bugs if not facts.matching([bug])]
    tests = [t for pair in question.pairs for t in facts.between(pair) if t.behaviour in facts.matching(question.bugs)]
    bugs = [test for test in tests if test.before.ability == "can"]
    readings = [(test, bug_fix_result(test)) for test in bugs]
    fixed_tests = [test for test, reading in readings if reading == "fixed"]
    inconclusive_tests = [test for test, reading in readings if reading.startswith("inconclusive")]
    if not tests:
        verdict = f"not measured, no behaviour {' or '.join(missing)} ran on these models"
    elif not bugs:
        verdict = "not applicable, no smaller model here has the bug"
    elif fixed_tests:
        verdict = f"yes, in {len(fixed_tests)} of {numbers.count(len(bugs), 'comparison')}: {_models(fixed_tests)}"
    elif inconclusive_tests:
        verdict = (
            f"inconclusive in {len(inconclusive_tests)} of {numbers.count(len(bugs), 'comparison')}, no in the others"
        )
    else:
        n_weaker = sum(reading.startswith("weaker") for _, reading in readings)
        verdict = f"no, in none of {numbers.count(len(bugs), 'comparison')}; weaker in {n_weaker} of them"
    lines = [f"**Answer: {verdict}.**" + (f" {question.caveat}" if question.caveat else ""), ""]
    if missing and tests:
        lines += [f"Not measured: {', '.join(missing)}.", ""]
    lines += _unmeasured(question.pairs, facts)
    return [
        *lines,
        *(markdown_table(HEADER, [facts.row(test, reading) for test, reading in readings]) if bugs else []),
        "",
    ]


@answer.register
def _(question: AbilityQuestion, facts: Facts) -> list[str]:
    lines: list[str] = []
    behaviours = facts.matching(question.behaviours)
    missing = [name for name in question.behaviours if not facts.matching([name])]
    lines += [line for name in missing for line in (f"**Answer, `{name}`: not measured.**", "")]
    for name in behaviours:
        effects = _trained(facts, name)
        by_ability = {
            ability: [e for e in effects if e.ability == ability] for ability in dict.fromkeys(map(_ability, effects))
        }
        verdict = "yes" if by_ability.get("can") else "inconclusive" if by_ability.get("inconclusive") else "no"
        abilities = "; ".join(
            f"{ability}: {', '.join(map(_with_prompts_needed, some))}" for ability, some in sorted(by_ability.items())
        )
        lines += [f"**Answer, {facts.behaviour_link(name)}: {verdict}.** {abilities}.", ""]
    shown = [*behaviours, *facts.matching(question.controls)]
    models = [model for model in facts.matrix.architectures if model in facts.models.values()]
    rows = [
        [model, *(facts.value_link(cell) if (cell := facts.matrix.cells.get((name, model))) else "·" for name in shown)]
        for model in models
    ]
    lines += [*markdown_table(["model", *map(facts.behaviour_link, shown)], rows), ""] if shown else []
    tests = [t for pair in question.pairs for t in facts.between(pair) if t.behaviour in behaviours]
    return (
        [*lines, *markdown_table(HEADER, [facts.row(test, difference_result(test)) for test in tests]), ""]
        if tests
        else lines
    )


def bug_fix_result(test: NeighbourDifference) -> str:
    """Return what became of a bug that the smaller model has."""
    if test.turn == "can → cannot":
        return "fixed"
    if test.after.ability == "can":
        if not test.significant:
            return f"not fixed, {difference_result(test)}"
        return "weaker, not fixed" if test.estimate.value < 0 else "not fixed, stronger"
    return f"inconclusive; {_needed(test.after)}"


def _nearest(tests: Sequence[NeighbourDifference]) -> tuple[int | None, str]:
    """Return how many observations would make the nearest of the differences significant, and the factor of these."""
    known = [(test.observations, test.estimate.clustered_by) for test in tests if test.observations]
    return min(known, default=(None, ""))


def _needed(effect: Effect) -> str:
    """Return about how many prompts, or rows, would settle every inconclusive preference check."""
    refusal = next((each.estimate.refusal for each in effect.preferences if each.estimate.refusal is not None), None)
    if refusal is not None:
        return refusal_text(refusal)
    needed = [
        observations_to_settle(check.estimate, Bound(at_least=check.at_least, at_most=check.at_most))
        for check in effect.preferences
    ]
    most = None if None in needed else max((n for n in needed if n is not None), default=None)
    return observations_needed(most, effect.estimate.clustered_by)


def _with_prompts_needed(effect: Effect) -> str:
    return f"{effect.model} ({_needed(effect)})" if effect.ability == "inconclusive" else effect.model


def _ability(effect: Effect) -> str:
    return effect.ability


def _trained(facts: Facts, behaviour: str) -> list[Effect]:
    names = list(facts.models.values())
    cells = (facts.matrix.cells.get((behaviour, model)) for model in facts.matrix.architectures if model in names)
    return [cell for cell in cells if cell is not None]


def _counts(pairs: Iterable[ModelPair], facts: Facts) -> list[str]:
    lines: list[str] = []
    for pair in pairs:
        tests = facts.between(pair)
        if not tests:
            lines += _unmeasured([pair], facts)[:1]
            continue
        step = tests[0].step
        readings = [difference_result(test) for test in tests]
        words = {"cannot → can": "gained", "can → cannot": "lost", "higher": "stronger", "lower": "weaker"}
        parts = [f"{readings.count(reading)} {word}" for reading, word in words.items()]
        parts.append(f"{sum(reading.startswith('not') for reading in readings)} not significant")
        lines.append(f"- {step.change} ({step.before} → {step.after}), of {len(tests)}: {', '.join(parts)}")
    return lines


def _unmeasured(pairs: Sequence[ModelPair], facts: Facts) -> list[str]:
    """Return a line for each pair in which a model is missing."""
    lines = []
    for pair in pairs:
        missing = [f"{kind} with {numbers.count(n, 'layer')}" for kind, n in pair if (kind, n) not in facts.models]
        if missing:
            (kind, n), (other, m) = pair
            lines.append(f"- {kind} {n}L → {other} {m}L: not measured, no behaviour names {' or '.join(missing)}")
    return [*lines, ""] if lines else []


def _models(tests: Iterable[NeighbourDifference]) -> str:
    return ", ".join(f"{test.behaviour} {test.step.before} → {test.step.after}" for test in tests)


def _size(test: NeighbourDifference) -> tuple[float, str]:
    return -round(abs(test.estimate.value), 2), test.behaviour
