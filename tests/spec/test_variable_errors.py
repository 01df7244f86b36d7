"""Variables, pools and `corrupt` that contradict each other."""

from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "differs_from: pre}",
            "differs_from: B}",
            "x:7:39: 'B' is declared after 'A'; declare it earlier",
        ),
        (
            "differs_from: pre}",
            "differs_from: A}",
            "x:7:39: 'A' cannot differ from itself",
        ),
        (
            "differs_from: pre}",
            "differs_from: pree}",
            "x:7:39: unknown variable 'pree'; declared before it: pre; did you mean 'pre'?",
        ),
        (
            "differs_from: [pre, A]}",
            "differs_from: [pre, Q]}",
            "x:8:45: unknown variable 'Q'; declared before it: pre, A",
        ),
        (
            "{tokens: random, differs_from: pre}",
            "{same_as: prey}",
            "x:7:18: 'prey' is not declared; texts declared before it: pre; did you mean 'pre'?",
        ),
        (
            "{tokens: random, differs_from: pre}",
            "{same_as: verb}",
            (
                "x:7:18: 'verb' cannot be copied here; texts declared before it: pre\n"
                "x:8:45: 'A' has the value of 'verb'; name that variable instead\n"
                "x:9:45: 'A' has the value of 'verb'; name that variable instead"
            ),
        ),
        (
            "differs_from: [pre, A]}",
            "differs_from: pre}\n    Q: {same_as: A}\n    R: {pool: words, differs_from: Q}",
            "x:10:36: 'Q' has the value of 'A'; name that variable instead",
        ),
        (
            "    verb:",
            "    in:",
            "x:15:5: 'in' is a reserved word of the template language; choose another name",
        ),
        (
            "first_names",
            "first_name",
            (
                "x:10:18: unknown pool 'first_name'; pools: adjectives, first_names, identifiers, modules, words; "
                "did you mean 'first_names'?"
            ),
        ),
        (
            '{one: " dog", many: " dogs"}',
            '{one: " dog"}',
            ("x:14:11: this value has the fields one but the first has one, many; give every value the same fields"),
        ),
        (
            '{one: " dog", many: " dogs"}',
            "dog",
            "x:14:11: this value is plain text but the first is a mapping; use one kind for all",
        ),
        (
            "corrupt: {B: C, C: B}",
            "corrupt: {Bee: C, pree: B}",
            (
                "x:17:13: unknown variable 'Bee'; variables: pre, A, B, C, name, noun, verb\n"
                "x:17:21: unknown variable 'pree'; variables: pre, A, B, C, name, noun, verb; did you mean "
                "'pre'?"
            ),
        ),
        (
            "corrupt: {B: C, C: B}",
            "corrupt: {B: pree}",
            ("x:17:16: unknown variable 'pree'; variables: pre, A, B, C, name, noun, verb; did you mean 'pre'?"),
        ),
        (
            "corrupt: {B: C, C: B}",
            "corrupt: {B: B}",
            ("x:17:16: 'B' is replaced by itself, so clean and corrupt prompts would be the same; name another"),
        ),
        (
            "corrupt: {B: C, C: B}",
            "corrupt: {verb: C}",
            (
                "x:17:13: the template does not use 'verb', so replacing it changes nothing; it uses "
                "A, B, C, noun.one, pre"
            ),
        ),
        (
            "corrupt: {B: C, C: B}",
            "corrupt: {noun: C}",
            ("x:17:19: 'noun' has the fields one, many and 'C' has no fields; one cannot replace the other"),
        ),
        (
            "corrupt: {B: C, C: B}",
            "corrupt: {noun.many: noun.one}",
            (
                "x:17:13: the template does not use 'noun.many', so replacing it changes nothing; it "
                "uses A, B, C, noun.one, pre; did you mean 'noun.one'?"
            ),
        ),
        (
            "corrupt: {B: C, C: B}",
            "corrupt: {noun.on: noun.many}",
            "x:17:13: 'noun' has no field 'on'; fields: one, many; did you mean 'one'?",
        ),
    ],
)
def test_error_text(broken: Callable[[str, str], str], old: str, new: str, expected: str) -> None:
    assert broken(old, new) == expected
