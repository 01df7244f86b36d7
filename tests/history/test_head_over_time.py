"""When a head mediated, and when no longer."""

import pytest

from mi_checks.errors import MiChecksError
from mi_checks.history.head_over_time import head_histories, mediation_sentence
from mi_checks.history.history_text import head_history as lines
from mi_checks.history.run_store import History
from tests.history.conftest import heads, month


@pytest.fixture
def over(history_of):
    """The mediation of L1H2 by what it recovered each month."""

    def over(*values, node="L1H2", order="time", steps=(), others=None):
        steps = steps or [None] * len(values)
        path = history_of(
            *(
                month(number, evidence=(heads(**{"L1H2": value} | (others or {})),), step=step)
                for number, (value, step) in enumerate(zip(values, steps, strict=True), start=1)
            )
        )
        with History.at(path) as history:
            (found,) = head_histories(history, "induction", node, order=order)
        return found

    return over


def named(of, place):
    return of.results[place].model_run.short_name


def test_it_stopped(over):
    found = over(0.6, 0.5, 0.02, 0.01)
    assert [each.mediates for each in found.results] == [True, True, False, False]
    assert mediation_sentence(found) == (
        f"L1H2 mediated induction on nano-attn-2l until {named(found, 1)} (2026-02-01 12:00:00, 222222222222), and no "
        f"longer from {named(found, 2)} (2026-03-01 12:00:00, 333333333333)."
    )


def test_it_began(over):
    found = over(0.02, 0.5, steps=(200, None))
    assert mediation_sentence(found) == (
        f"L1H2 mediates induction on nano-attn-2l since {named(found, 1)} (2026-02-01 12:00:00, 222222222222), and did "
        f"not in {named(found, 0)} (2026-01-01 12:00:00, 111111111111, checkpoint 200)."
    )


def test_it_came_and_went(over):
    assert mediation_sentence(over(0.6, 0.02, 0.5, 0.03)).endswith(". It changed 3 times.")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ((0.6, 0.5), "L1H2 mediates induction on nano-attn-2l in each of 2 runs."),
        ((0.01, 0.02, 0.03), "L1H2 does not mediate induction on nano-attn-2l in each of 3 runs."),
        ((0.6,), "L1H2 mediates induction on nano-attn-2l in the only run, * (2026-01-01 12:00:00, 111111111111)."),
    ],
)
def test_it_never_changed(over, values, words):
    found = over(*values)
    assert mediation_sentence(found) == words.replace("*", named(found, 0))


def test_about_the_threshold_it_does_not(over):
    assert [each.mediates for each in over(0.11, 0.13).results] == [False, True]


def test_a_head_that_is_not_among_the_strongest_was_not_measured_as_zero(over):
    found = over(0.6, 0.03)
    assert found.results[1].low is None
    assert found.results[1].value == 0.03
    text = lines(found)
    assert text[0] == mediation_sentence(found)
    assert text[1] == "2 runs  █▁  fraction of clean − corrupt that L1H2 recovers alone"
    assert text[2].endswith("  111111111111  0.60 [0.58, 0.62]  mediates")
    assert text[3].endswith("  222222222222  0.03               does not: not among the strongest")


def test_a_large_share_without_an_interval_cannot_tell(history_of):
    many = heads(L1H2=0.3, L0H0=0.2)
    cut = tuple(each for each in many.mediators if each.node != "L1H2")
    path = history_of(month(1, evidence=(type(many)(**{**vars(many), "mediators": cut}),)))
    with History.at(path) as history:
        (found,) = head_histories(history, "induction", "L1H2")
    assert [each.mediates for each in found.results] == [None]
    assert mediation_sentence(found) == "No run shows whether L1H2 mediates induction on nano-attn-2l."
    assert lines(found)[2].endswith("0.30  inconclusive: not among the strongest")


def test_without_an_effect_size_there_is_nothing_to_mediate(over):
    found = over(None, 0.6)
    assert [each.mediates for each in found.results] == [False, True]
    assert lines(found)[2].endswith(
        "  –                  does not: nothing to recover, since clean and corrupt do not differ"
    )


def test_a_run_that_swept_no_heads_says_nothing(history_of):
    path = history_of(month(1, evidence=(heads(L1H2=0.6),)), month(2))
    with History.at(path) as history:
        (found,) = head_histories(history, "induction", "L1H2")
    assert len(found.results) == 1


def test_in_the_order_of_training(over):
    given = {"steps": (None, 1000, 200)}
    assert [each.value for each in over(0.6, 0.5, 0.02, **given).results] == [0.6, 0.5, 0.02]
    found = over(0.6, 0.5, 0.02, order="training", **given)
    assert [each.model_run.step for each in found.results] == [200, 1000, None]
    assert "since" in mediation_sentence(found)


def told(history_of, *asked, evidence, **how):
    with History.at(history_of(month(1, evidence=evidence))) as history, pytest.raises(MiChecksError) as raised:
        head_histories(history, *asked, **how)
    return str(raised.value)


def test_what_is_not_there(history_of):
    swept = (heads(L1H2=0.6),)
    assert told(history_of, "induction", "L1H9", evidence=swept) == (
        "the history of induction has no head 'L1H9'; it has L0H0, L0H1, L0H2, L1H0, L1H1, L1H2; did you mean 'L1H2'?"
    )
    assert told(history_of, "inductoin", "L1H2", evidence=swept) == (
        "the history has no behaviour 'inductoin'; it has induction; did you mean 'induction'?"
    )
    assert told(history_of, "induction", "L1H2", "nano-attn-1l", evidence=swept) == (
        "the history of induction has no model 'nano-attn-1l'; it has nano-attn-2l; did you mean 'nano-attn-2l'?"
    )
    assert told(history_of, "induction", "L1H2", None, "B1", evidence=swept) == (
        "the history of L1H2 in induction has no label 'B1'; it has all positions"
    )


def test_no_sweep_at_all(history_of):
    assert told(history_of, "induction", "L1H2", evidence=()) == (
        "no run in the history has swept the heads of induction: none of its checks names nodes"
    )
