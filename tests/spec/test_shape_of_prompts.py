"""Wrong keys and types above `checks`, as the user reads them."""

from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "  template:",
            "  tempalte:",
            (
                "x:16:3: unknown key 'tempalte' in 'prompts'; valid keys: align, answer, answer_reduction, "
                "corrupt, count, foil_reduction, foils, score, seed, template, variables; did you mean 'template'?"
            ),
        ),
        (
            'summary: "A B ... A -> B on random tokens"\n',
            "",
            "x:1:1: missing key 'summary'",
        ),
        (
            '  answer: "{{ B }}"\n',
            "",
            "x:3:1: missing key 'answer' in 'prompts'",
        ),
        (
            "name: induction",
            "name: Induction",
            ("x:1:7: 'Induction' is not a valid name; use lower-case letters, digits and '_', starting with a letter"),
        ),
        (
            "name: induction",
            "name: induction\nmarks: [a-b]",
            ("x:2:9: 'a-b' is not a valid name; use letters, digits and '_', starting with a letter or '_'"),
        ),
        (
            "name: induction",
            "name: induction\nmarks: slow",
            "x:2:8: 'marks' must be a list, not the text 'slow'; put [ ] around it",
        ),
        (
            "name: induction",
            "name: induction\nsource: 2024",
            "x:2:9: 'source' must be text, not 2024; put quotes around it",
        ),
        (
            "name: induction",
            "name: 12",
            "x:1:7: 'name' must be text, not 12; put quotes around it",
        ),
        (
            "name: induction",
            "name:",
            "x:1:6: 'name' has no value; add one or remove the key",
        ),
        (
            "count: 64",
            "count: many",
            "x:4:10: 'prompts.count' must be a whole number, not the text 'many'",
        ),
        (
            "count: 64",
            "count: 64.5",
            "x:4:10: 'prompts.count' must be a whole number, not 64.5",
        ),
        (
            "count: 64",
            "count: true",
            "x:4:10: 'prompts.count' must be a whole number, not true",
        ),
        (
            "count: 64",
            "count: 1",
            "x:4:10: 'prompts.count' must be at least 2, not 1",
        ),
        (
            "count: 64",
            "count: 64\n  seed: -1",
            "x:5:9: 'prompts.seed' must be at least 0, not -1",
        ),
        (
            "distinct: true",
            "distinct: 1",
            "x:6:48: 'prompts.variables.pre.distinct' must be true or false, not 1",
        ),
        (
            "pool: first_names",
            "pol: first_names",
            (
                "x:10:11: 'prompts.variables.name' needs one of the keys tokens, pool, values, file, "
                "same_as, but has pol; did you mean 'pool'?"
            ),
        ),
        (
            "{pool: first_names}",
            "{pool: first_names, tokens: random}",
            (
                "x:10:12: 'prompts.variables.name' has 'tokens' and 'pool'; a variable has only one "
                "source of values, so keep one"
            ),
        ),
        (
            "{pool: first_names}",
            "first_names",
            (
                "x:10:11: 'prompts.variables.name' must be a mapping with one of the keys tokens, pool, values, file, "
                "same_as, not the text 'first_names'"
            ),
        ),
        (
            "{pool: first_names}",
            "{}",
            (
                "x:10:11: 'prompts.variables.name' needs one of the keys tokens, pool, values, file, "
                "same_as, but has no keys"
            ),
        ),
        (
            "{pool: first_names}",
            "{pool: first_names, where: [single_tokn]}",
            (
                "x:10:39: 'prompts.variables.name.where[0]' must be one of single_token, "
                "single_token_after_space, splits_in_two, leading_space, alphabetic, not the text "
                "'single_tokn'; did you mean 'single_token'?"
            ),
        ),
        (
            "{pool: first_names}",
            "{pool: first_names, length: 3}",
            ("x:10:31: unknown key 'length' in 'prompts.variables.name'; valid keys: differs_from, pool, rows, where"),
        ),
        (
            "tokens: random, length: 8",
            "tokens: randm, length: 8",
            ("x:6:19: 'prompts.variables.pre.tokens' must be 'random', not the text 'randm'; did you mean 'random'?"),
        ),
        (
            '[" sees", " hears"]',
            "[true, 3]",
            (
                "x:15:21: 'prompts.variables.verb.values[0]' must be text, not true; put quotes around it\n"
                "x:15:27: 'prompts.variables.verb.values[1]' must be text, not 3; put quotes around it"
            ),
        ),
        (
            '[" sees", " hears"]',
            "[]",
            "x:15:20: 'prompts.variables.verb.values' must not be empty",
        ),
        (
            "    verb:",
            "    my-verb:",
            ("x:15:5: 'my-verb' is not a valid name; use letters, digits and '_', starting with a letter or '_'"),
        ),
        (
            'foils: ["{{ C }}"]',
            'foils: "{{ C }}"',
            "x:19:10: 'prompts.foils' must be a list, not the text '{{ C }}'; put [ ] around it",
        ),
        (
            'answer: "{{ B }}"',
            'answer: ""',
            "x:18:11: 'prompts.answer' must not be empty",
        ),
        (
            "corrupt: {B: C, C: B}",
            "corrupt: {}",
            "x:17:12: 'prompts.corrupt' must not be empty",
        ),
        (
            "corrupt: {B: C, C: B}",
            "corrupt: [B, C]",
            "x:17:12: 'prompts.corrupt' must be a mapping, not a list",
        ),
    ],
)
def test_error_text(broken: Callable[[str, str], str], old: str, new: str, expected: str) -> None:
    assert broken(old, new) == expected
