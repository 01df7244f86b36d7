"""Exceptions that nobody foresaw, as a line; and those that are none."""

import bdb
import functools
import unittest

import numpy as np
import pytest
import torch

from mi_checks.errors import MiChecksError
from mi_checks.faults.omissions import Omissions, require_storable
from mi_checks.faults.project_code import report_project_errors, source_file
from mi_checks.faults.unexpected import (
    MAX_LINE_LENGTH,
    UnexpectedError,
    failure_reason,
    is_out_of_memory,
    one_line,
    report_errors_at,
)


class Unreadable(Exception):
    def __str__(self):
        raise ValueError("no text")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("two\n  lines."), "ValueError: two lines"),
        (KeyError("prompts"), "KeyError: 'prompts'"),
        (AssertionError(), "AssertionError"),
        (Unreadable(), "Unreadable"),
        (ValueError("\x1b[31mred\ud800"), "ValueError: �[31mred�"),
        (FileNotFoundError(2, "No such file", "x"), "FileNotFoundError: [Errno 2] No such file: 'x'"),
    ],
)
def test_in_a_line(error, line):
    assert one_line(error) == line


def test_kilobytes_are_cut():
    """As case 14 had them: a message with all names of a vocabulary."""
    assert len(one_line(ValueError("name " * 10_000))) == MAX_LINE_LENGTH
    assert len(failure_reason(MiChecksError("name " * 10_000))) == MAX_LINE_LENGTH
    assert failure_reason(MiChecksError("one\n  two")) == "one"


def test_an_error_of_ours_is_left_as_it_is():
    with pytest.raises(MiChecksError, match=r"^ours$") as found, report_errors_at("here"):
        raise MiChecksError("ours")
    assert not isinstance(found.value, UnexpectedError)


@pytest.mark.parametrize(
    "error",
    [
        KeyboardInterrupt(), SystemExit(3), GeneratorExit(), bdb.BdbQuit(), unittest.SkipTest("no"),
        pytest.exit.Exception("x"),
    ],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_what_is_no_failure_passes_through(error):
    with pytest.raises(type(error)), report_errors_at("here"):
        raise error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (np._core._exceptions._ArrayMemoryError((9,), np.dtype(float)), True),
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory"), True),
        (OSError(12, "Cannot allocate memory"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory lane"), False),
    ],
    ids=str,
)
def test_out_of_memory(error, expected):
    assert is_out_of_memory(error) is expected
    with pytest.raises(UnexpectedError) as found, report_errors_at("here", "use less"):
        raise error
    assert str(found.value).endswith("; use less") is expected
    assert found.value.__cause__ is error


def of_the_project(number):
    return 1 / number


class Callable:
    def __call__(self, number):
        return of_the_project(number)


@pytest.mark.parametrize(
    "function",
    [of_the_project, functools.partial(of_the_project), Callable(), functools.lru_cache(of_the_project)],
    ids=["function", "partial", "object", "wrapped"],
)
def test_a_function_of_the_project_is_named_with_its_line(function):
    with pytest.raises(MiChecksError) as found, report_project_errors("the score 'inverse'", source_file(function)):
        function(0)
    line = of_the_project.__code__.co_firstlineno + 1
    assert f"test_unexpected.py:{line}: the score 'inverse' raised ZeroDivisionError: division by zero; " in str(
        found.value
    )


def test_a_function_without_a_file():
    with (
        pytest.raises(MiChecksError, match=r"^the score 'x' raised ValueError: "),
        report_project_errors("the score 'x'", source_file(len)),
    ):
        raise ValueError("odd")


def test_memory_that_runs_out_in_a_function_of_the_project_is_the_engine_s_to_save():
    with pytest.raises(MemoryError), report_project_errors("the score 'x'", ()):
        raise MemoryError


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        ((1.0, float("nan")), "nan"), (((1.0, 2.0), (3.0, float("inf"))), "inf"), ({"a": [torch.ones(1)]}, "a Tensor"),
        ((np.float32(1), 2.0), "a float32"), ((float("inf"), float("-inf")), "inf"),
    ],
    ids=str,
)  # fmt: skip
def test_what_json_cannot_hold(value, wrong):
    with pytest.raises(MiChecksError, match=f"contains {wrong}, which"):
        require_storable("it", value)


@pytest.mark.parametrize("value", [(), (1, "a", None), (1e308, 1e308, 1e308), (np.float64(1), 2), {"a": ((1.5,),)}])
def test_what_json_can_hold(value):
    require_storable("it", value)


def test_what_is_left_out_is_said_once():
    omitted = Omissions()
    for _ in range(2):
        assert omitted.attempt("the circuit", lambda: 1 / 0, None) is None
    assert omitted.attempt("the map", lambda: 3, None) == 3
    assert omitted.sentences == ("The circuit was left out: ZeroDivisionError: division by zero",)
    assert omitted.has("the circuit")
    assert not omitted.has("the map")
