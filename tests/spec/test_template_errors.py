"""Templates that are none, or name what is not there."""

from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "{{ C }}{{ noun",
            "{{ C }{{ noun",
            "x:16:13: template syntax: unexpected '}'",
        ),
        (
            "{{ C }}{{ noun",
            "{{ D }}{{ noun",
            (
                "x:16:13: unknown variable 'D'; variables: pre, A, B, C, name, noun, verb\n"
                "x:17:19: the template does not use 'C', so replacing it changes nothing; it uses A, "
                "B, noun.one, pre"
            ),
        ),
        (
            "{{ C }}{{ noun",
            "{{ prre }}{{ noun",
            (
                "x:16:13: unknown variable 'prre'; variables: pre, A, B, C, name, noun, verb; did you "
                "mean 'pre'?\n"
                "x:17:19: the template does not use 'C', so replacing it changes nothing; it uses A, "
                "B, noun.one, pre"
            ),
        ),
        (
            "noun.one",
            "noun.on",
            "x:16:13: 'noun' has no field 'on'; fields: one, many; did you mean 'one'?",
        ),
        (
            "noun.one",
            "noun",
            "x:16:13: 'noun' has fields; name one of them: noun.one, noun.many",
        ),
        (
            "noun.one",
            "A.one",
            "x:16:13: 'A' has no fields, so 'A.one' does not exist; write 'A'",
        ),
        (
            "noun.one",
            "noun.one.x",
            "x:16:13: '.x' must follow the name of a variable",
        ),
        (
            "noun.one",
            "noun.one | uper",
            (
                "x:16:13: unknown filter 'uper'; filters: at, upper, lower, capitalize, title, replace, trim, "
                "length, join, first, last; did you mean 'upper'?"
            ),
        ),
        (
            "noun.one",
            "noun.one | at(noun)",
            (
                "x:16:13: 'at' takes one label in quotes, made of letters, digits and '_': {{ x | at('label') "
                "}}\n"
                "x:16:13: 'noun' has fields; name one of them: noun.one, noun.many"
            ),
        ),
        (
            "noun.one",
            "noun.one | at('a b')",
            "x:16:13: 'at' takes one label in quotes, made of letters, digits and '_': {{ x | at('label') }}",
        ),
        (
            "noun.one",
            "noun.one | at('END')",
            ("x:16:13: the label 'END' is reserved for the last token of every prompt; choose another"),
        ),
        (
            "noun.one",
            "noun.one | at('A1')",
            "x:16:13: the label 'A1' is used twice; give each place its own label",
        ),
        (
            "noun.one",
            "noun.one | at('x') | upper",
            ("x:16:13: 'at' must come last in its {{ … }}, because what follows would change the mark"),
        ),
        (
            "noun.one",
            "noun.one * 3",
            ("x:16:13: templates cannot use 'mul'; they may have {{ x }}, {{ x.field }}, filters, '~' and 'if'"),
        ),
        (
            "{{ C }}{{ noun",
            "{% for x in 'abc' %}{{ C }}{% endfor %}{{ noun",
            ("x:16:13: templates cannot use 'for'; they may have {{ x }}, {{ x.field }}, filters, '~' and 'if'"),
        ),
        (
            "{{ C }}{{ noun",
            "\\uE000{{ C }}{{ noun",
            "x:16:13: the characters U+E000 to U+E002 are reserved for labels; remove them",
        ),
        (
            'answer: "{{ B }}"',
            "answer: \"{{ B | at('x') }}\"",
            ("x:18:11: 'at' labels a place in the prompt, so it can only be used in 'prompts.template'"),
        ),
        (
            'foils: ["{{ C }}"]',
            'foils: ["{{ C }}", "{{ CC }}"]',
            "x:19:22: unknown variable 'CC'; variables: pre, A, B, C, name, noun, verb; did you mean 'C'?",
        ),
    ],
)
def test_error_text(broken: Callable[[str, str], str], old: str, new: str, expected: str) -> None:
    assert broken(old, new) == expected
