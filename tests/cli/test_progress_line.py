"""What is said of a long command while it runs."""

import io

import pytest

from mi_checks.cli.progress_line import ERASE, ProgressLine


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def waiting():
    """`waiting(stream)`: not entered, so that a test says when it looks; and its clock."""

    def waiting(stream):
        clock = Clock()
        return ProgressLine(stream, clock=clock), clock

    return waiting


def test_nothing_is_said_in_the_first_three_seconds(waiting):
    stream = Terminal()
    shown, clock = waiting(stream)
    with shown.step("loading a model"):
        clock.now += 2.9
        shown.update()
        assert stream.getvalue() == ""
        clock.now += 0.2
        shown.update()
    assert stream.getvalue() == f"{ERASE}loading a model, 3 s so far"


def test_case_25_a_sweep_is_shown_with_the_time_left(waiting):
    stream = Terminal()
    shown, clock = waiting(stream)
    for _ in shown.progress(range(10), 10, "heads"):
        clock.now += 30
        shown.update()
    said = stream.getvalue().split(ERASE)[1:]
    assert said[:3] == [
        "heads: 0 of 10, 30 s so far",
        "heads: 1 of 10, about 9 min 0 s left",
        "heads: 2 of 10, about 6 min 0 s left",
    ]
    assert said[-1] == "heads: 9 of 10, about 33 s left"


def test_what_is_done_is_said_when_it_is_asked_for(waiting):
    shown, _ = waiting(Terminal())
    assert shown.current_step == ""
    for done, _ in enumerate(shown.progress("abc", 3, "heads")):
        assert shown.current_step == f"heads: {done} of 3"
    assert shown.current_step == ""


def test_where_there_is_no_terminal_a_line_is_said_now_and_then(waiting):
    stream = io.StringIO()
    shown, clock = waiting(stream)
    for _ in shown.progress(range(30), 30, "heads"):
        clock.now += 1
        shown.update()
    assert stream.getvalue().splitlines() == [
        "heads: 2 of 30, about 42 s left",
        "heads: 12 of 30, about 20 s left",
        "heads: 22 of 30, about 8 s left",
    ]


def test_between_steps_it_is_said_that_something_goes_on(waiting):
    stream = io.StringIO()
    shown, clock = waiting(stream)
    clock.now += 4
    shown.update()
    assert stream.getvalue() == "working, 4 s so far\n"


def test_the_line_on_a_terminal_is_taken_away_at_the_end():
    stream, clock = Terminal(), Clock()
    with ProgressLine(stream, clock=clock) as shown, shown.step("loading"):
        clock.now += 5
        shown.update()
    assert stream.getvalue().startswith(f"{ERASE}loading, 5 s so far")
    assert stream.getvalue().endswith(ERASE)


def test_an_error_leaves_the_step_that_it_happened_in():
    with ProgressLine(io.StringIO()) as shown:
        with pytest.raises(ValueError, match="broken"), shown.step("loading"):
            raise ValueError("broken")
        assert shown.current_step == "loading"


def test_a_thread_looks_at_how_far_it_is():
    class Heard(io.StringIO):
        def write(self, text):
            heard.append(text)
            return len(text)

    heard, clock = [], Clock()
    with ProgressLine(Heard(), clock=clock) as shown, shown.step("loading"):
        clock.now += 5
        while not heard:
            shown._thread.join(0.05)
    assert heard == ["loading, 5 s so far\n"]
