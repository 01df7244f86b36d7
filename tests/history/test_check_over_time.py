"""A check over time, and the list of runs."""

import pytest

from mi_checks.errors import MiChecksError
from mi_checks.history import history_text
from mi_checks.history.check_over_time import check_histories, check_summaries
from mi_checks.history.run_store import History, run_summaries
from mi_checks.output import numbers
from tests.effects import around
from tests.history.conftest import month
from tests.made_results import result, run_of


def shown(mean):
    """The estimate of a month with that mean, as text."""
    return numbers.estimate_text(month(1, float(mean)).results[0].estimate)


def course_of(path, **how):
    with History.at(path) as history:
        (found,) = check_histories(history, "induction", "logit_diff", **how)
    return found


def test_one_line_for_each_run_in_the_order_of_time(history_of):
    found = course_of(history_of(month(3, 3.0), month(1, 6.0), month(2, None), month(4, 1.0, step=9)))
    called = [point.model_run.short_name for point in found.results]
    assert history_text.check_history(found) == [
        "induction logit_diff on nano-attn-2l, 4 runs  █ ▄▁  1.00 to 6.00 logits",
        f"  2026-01-01 12:00:00  {called[0]}  111111111111                ✓ {shown(6)}",
        f"  2026-02-01 12:00:00  {called[1]}  222222222222                ! error, nothing measured",
        f"  2026-03-01 12:00:00  {called[2]}  333333333333                ✓ {shown(3)}",
        f"  2026-04-01 12:00:00  {called[3]}  444444444444, checkpoint 9  ✗ {shown(1)}",
    ]


def test_other_prompts_and_bounds_are_told(history_of):
    path = history_of(month(1), month(2, prompts_sha256="others"), month(3, prompts_sha256="others", at_least=3))
    lines = history_text.check_history(course_of(path))
    assert lines[1].endswith(shown(6))
    assert lines[2].endswith("]  (other prompts)")
    assert lines[3].endswith("]  (bound at least 2 → at least 3)")


def test_the_last_ones_and_the_order_of_training(history_of):
    path = history_of(month(1), month(2, 5.0, step=30), month(3, 4.0, step=4))
    assert course_of(path, last=2).values == pytest.approx([5, 4])
    assert course_of(path, order="training").values == pytest.approx([4, 5, 6])
    assert course_of(path, order="training", last=2).values == pytest.approx([5, 6])
    with History.at(path) as history:
        (short,) = check_summaries(history, "induction", order="training", last=2)
    assert short.values == pytest.approx([5, 6])
    assert short.last == course_of(path).results[0]


def test_a_behaviour_is_a_line_for_each_check_and_model(history_of):
    other = result("accuracy", around(0.95, 0.05, n=16), at_least=0.5, model="nano-gelu-2l", unit="fraction of prompts")
    path = history_of(month(1), month(2, 3.0), run_of(other))
    with History.at(path) as history:
        found = check_summaries(history, "induction")
        assert [each.model for each in check_summaries(history, "induction", "nano-gelu-2l")] == ["nano-gelu-2l"]
    assert history_text.check_summaries(found) == [
        "induction: every check, its values over the runs, and the last of them",
        f"  logit_diff  nano-attn-2l  █▁  ✓ {shown(3)}  2 runs",
        f"  accuracy    nano-gelu-2l  ▁   ✓ {numbers.estimate_text(other.estimate)}  1 run",
    ]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            ("inducton", "logit_diff"),
            "the history has no behaviour 'inducton'; it has induction; did you mean 'induction'?",
        ),
        (
            ("induction", "logit_dif"),
            "the history of induction has no check 'logit_dif'; it has logit_diff; did you mean 'logit_diff'?",
        ),
        (
            ("induction", "accuracy", "nano-attn-2l"),
            "the history of induction on nano-attn-2l has no check 'accuracy'; it has logit_diff",
        ),
        (
            ("induction", "logit_diff", "gpt2"),
            "the history of induction has no model 'gpt2'; it has nano-attn-2l",
        ),
    ],
)
def test_what_is_not_there(history_of, asked, message):
    with History.at(history_of(month(1))) as history, pytest.raises(MiChecksError) as told:
        check_histories(history, *asked)
    assert str(told.value) == message


def test_nothing_is_there(history_of):
    with History.at(history_of()) as history, pytest.raises(MiChecksError) as told:
        check_summaries(history, "induction")
    assert str(told.value) == (
        "the history has no behaviour 'induction': it is empty; pytest --mi-history PATH adds runs to it"
    )


def test_the_list_of_runs(history_of):
    many = run_of(*(result("logit_diff", around(1), model=f"model-{number}") for number in range(5)))
    path = history_of(month(2), month(3, 1.0), many)
    with History.at(path) as history:
        found = run_summaries(history)
        last = run_summaries(history, last=1)
    called = [each.short_name for each in found]
    assert history_text.run_list(path, found) == [
        f"{path}: 3 runs",
        f"  2026-01-01 00:00:00  {called[0]}  5 pass  5 models      pytest",
        f"  2026-02-01 12:00:00  {called[1]}  1 pass  nano-attn-2l  pytest",
        f"  2026-03-01 12:00:00  {called[2]}  1 fail  nano-attn-2l  pytest",
    ]
    assert last == found[-1:]


def test_an_empty_list(history_of):
    with History.at(history_of()) as history:
        assert history_text.run_list(history.path, run_summaries(history)) == [f"{history.path} is empty"]
