r"""Quoted prompts: how `[[was|becomes]]` is read, and every mistake in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
import yaml

from mi_checks.prompts.render import parse_labels
from mi_checks.spec.load_file import LoadedBehaviour
from mi_checks.spec.quotes import Quote, QuotedPrompts, QuoteError, parse_quote
from mi_checks.spec.schema import json_schema

VALID = """\
name: agreement
summary: "the keys ... are"
prompts:
  quotes:
    - "The [[keys|key]] to the [[noun: cabinet]]"
    - {text: "The [[label|labels]] on the [[noun: bottles|bottle]]", answer: " is", foils: [" are"]}
    - "The [[noun: dog]] near [[the cat|the cats]]"
  answer: " are"
  foils: [" is"]
checks:
  - logit_diff: {at_least: 0}
  - patching: {nodes: L0.attn, at: span, recovers: {at_least: 0.1}}
  - attention: {nodes: L0H0, from: END, to: noun, at_least: 0.1}
models: {nano-attn-2l: {}}
"""
MARK = "a mark is [[was|becomes]] or [[label: was|becomes]], or [[label: text]] to label text that stays the same"


@pytest.fixture
def broken(errors: Callable[[str], str]) -> Callable[[str, str], str]:
    def broken(old: str, new: str) -> str:
        assert VALID.count(old) == 1
        return errors(VALID.replace(old, new))

    return broken


def test_a_valid_file(load: Callable[[str], LoadedBehaviour]) -> None:
    prompts = load(VALID).behaviour.prompts
    assert isinstance(prompts, QuotedPrompts)
    assert prompts.pairs == 3
    assert prompts.complete_quotes[0] == Quote(
        text="The [[keys|key]] to the [[noun: cabinet]]", answer=" are", foils=(" is",)
    )
    assert (prompts.complete_quotes[1].answer, prompts.complete_quotes[1].foils) == (" is", (" are",))


@pytest.mark.parametrize(
    ("text", "clean", "corrupt", "spans"),
    [
        ("The [[keys|key]] to", "The keys to", "The key to", {"span": (4, 8)}),
        ("The[[n:  keys| key]] to", "The keys to", "The key to", {"n": (3, 8)}),
        ("[[a|b]] [[n: c]]", "a c", "b c", {"span": (0, 1), "n": (2, 3)}),
        ("[[span: x: y|z]]", "x: y", "z", {"span": (0, 4)}),
        (r"\[[x]] a|b [[p|q]] ]]", "[[x]] a|b p ]]", "[[x]] a|b q ]]", {"span": (10, 11)}),
        (r"[[a\|b|c\]]d]]", "a|b", "c]]d", {"span": (0, 3)}),
        ("x[[a[0]|b[1]]]", "xa[0]", "xb[1]", {"span": (1, 5)}),
        ("{{ a }} {% b %} [[x\ny|\\n]]", "{{ a }} {% b %} x\ny", "{{ a }} {% b %} \\n", {"span": (16, 19)}),
    ],
)
def test_marks(text: str, clean: str, corrupt: str, spans: dict[str, Any]) -> None:
    marks = parse_quote(text)
    assert parse_labels(marks.clean).text == clean
    assert parse_labels(marks.corrupt).text == corrupt
    assert parse_labels(marks.clean).spans == spans
    assert set(marks.labels) == set(spans)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The keys", f"nothing in this quote changes, so its clean and corrupt prompts are the same; {MARK}"),
        ("The [[n: keys]]", f"nothing in this quote changes, so its clean and corrupt prompts are the same; {MARK}"),
        ("The [[a|a]]", f"nothing in this quote changes, so its clean and corrupt prompts are the same; {MARK}"),
        ("The [[keys]]", f"'[[keys]]' has one alternative and no label; {MARK}"),
        ("The [[a|b|c]]", rf"'[[a|b|c]]' has 3 alternatives; {MARK}; write \| for a literal bar"),
        (
            "The [[a|]]",
            ("'[[a|]]' has an empty alternative; write text on both sides, so that clean and corrupt prompts align"),
        ),
        ("The [[a|b to", rf"'[[a|b to' is not closed; {MARK}; write \[[ for two literal brackets"),
        ("The [[a [[b|c]]", rf"'[[a ' is not closed; {MARK}; write \[[ for two literal brackets"),
        ("[[a|b]] [[c|d]]", "the label 'span' is used twice; give each mark its own label: [[label: was|becomes]]"),
        ("[[END: a|b]]", "the label 'END' is reserved for the last token of every prompt; choose another"),
        ("[[a|b]] \ue000", "the characters U+E000 to U+E002 are reserved for labels; remove them"),
    ],
)
def test_marks_that_are_none(text: str, expected: str) -> None:
    with pytest.raises(QuoteError) as caught:
        parse_quote(text)
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("[[keys|key]]", "[[keys]]", f"x:5:7: '[[keys]]' has one alternative and no label; {MARK}"),
        ("[[label|labels]]", "[[label]]", f"x:6:14: '[[label]]' has one alternative and no label; {MARK}"),
        ("[[noun: dog]]", "dog", (
            "x:7:7: this quote has the labels span, but the first has span, noun; give every quote the same labels"
        )),
        ('  answer: " are"\n', "", (
            "x:5:7: this quote has no answer; give it 'answer', or give all quotes 'prompts.answer'\n"
            "x:7:7: this quote has no answer; give it 'answer', or give all quotes 'prompts.answer'"
        )),
        ('  foils: [" is"]\n', "", (
            "x:5:7: this quote has no foils; give it 'foils', or give all quotes 'prompts.foils'\n"
            "x:7:7: this quote has no foils; give it 'foils', or give all quotes 'prompts.foils'"
        )),
        ('foils: [" are"]', 'foils: [" are", " be"]', (
            "x:6:92: the first quote has 1 foil, but this one has 2; give every quote the same number"
        )),
        ("  quotes:", "  count: 4\n  quotes:", (
            "x:4:10: 'prompts.count' is 4, but there are only 3 quotes, each of which gives one pair"
        )),
        ("The [[noun: dog]] near [[the cat|the cats]]", "The [[keys|dogs]] to the [[noun: cabinet]]", (
            "x:7:7: this quote has the same clean prompt as 'prompts.quotes[0]'"
        )),
        ("at: span", "at: spam", (
            "x:12:36: unknown label 'spam'; labels in the quotes: span, noun, END; did you mean 'span'?"
        )),
        ("  quotes:", "  qoutes:", (
            "x:3:1: missing key 'corrupt' in 'prompts'\nx:3:1: missing key 'template' in 'prompts'\n"
            "x:3:1: missing key 'variables' in 'prompts'\n"
            "x:4:3: unknown key 'qoutes' in 'prompts'; valid keys: align, answer, answer_reduction, "
            "corrupt, count, foil_reduction, foils, score, seed, template, variables; did you mean 'quotes'?"
        )),
        ("  quotes:", "  template: x\n  quotes:", (
            "x:4:3: unknown key 'template' in 'prompts'; valid keys: align, answer, answer_reduction, "
            "count, foil_reduction, foils, quotes, score, seed"
        )),
        ("answer: \" is\"", "anwser: \" is\"", (
            "x:6:70: unknown key 'anwser' in 'prompts.quotes[1]'; valid keys: answer, foils, text; did you mean "
            "'answer'?"
        )),
        ('"The [[noun: dog]] near [[the cat|the cats]]"', "The [[noun: dog]] near [[the cat|the cats]]", (
            "x:7:7: YAML reads the ': ' after 'The [[noun' as the end of a key; put quotes around the whole text"
        )),
        ('"The [[noun: dog]] near [[the cat|the cats]]"', "7", (
            "x:7:7: 'prompts.quotes[2]' must be text, not 7; put quotes around it"
        )),
    ],
)  # fmt: skip
def test_error_text(broken: Callable[[str, str], str], old: str, new: str, expected: str) -> None:
    assert broken(old, new) == expected


def test_one_quote_is_too_few(errors: Callable[[str], str]) -> None:
    start, _, rest = VALID.partition("    - {text")
    assert (
        errors(start + rest[rest.index('  answer: " are"') :]) == "x:5:5: 'prompts.quotes' must have at least 2 items"
    )


def test_the_schema_has_quotes() -> None:
    validator = jsonschema.Draft7Validator(json_schema())
    data = yaml.safe_load(VALID)
    assert list(validator.iter_errors(data)) == []
    assert not validator.is_valid({**data, "prompts": {**data["prompts"], "template": "x"}})
    assert not validator.is_valid({**data, "prompts": {**data["prompts"], "quotes": ["x"]}})
    own = {"name": "x", "extends": "_base.yaml", "prompts": {"quotes": ["[[a|b]]", "[[c|d]]"]}}
    assert validator.is_valid(own)
