"""Case 9: a template makes no more text, and no more work, than a prompt needs, and is refused before it is made."""

from __future__ import annotations

import re
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from jinja2.sandbox import SandboxedEnvironment

from mi_checks.errors import MiChecksError
from mi_checks.prompts.render import Renderer
from mi_checks.spec.behaviour import Prompts
from mi_checks.spec.load_file import LoadedBehaviour, load_behaviour
from mi_checks.spec.problems import SpecError
from mi_checks.spec.template import environment
from mi_checks.spec.text_environment import (
    MAX_RENDERED_CHARACTERS,
    MAX_TEMPLATE_DEPTH,
    MAX_TEMPLATE_NODES,
    TEXT_FILTERS,
    TooMuchTextError,
)

MAX_MEMORY = 64_000_000  # bytes
TEN = "xxxxxxxxxx"
TOO_MUCH = "filters and '~' process more than 1,000,000 characters"
MULTIPLY = {  # each is well-formed, and takes gigabytes
    **{f"replaced {n} times": "{{ ('x' ~ A)" + f" | replace('x', '{TEN}')" * n + " }}" for n in (7, 8, 40)},
    "each character": "{{ A" + f" | replace('', '{TEN}')" * 9 + " }}",
    "by its own value": "{{ A" + " | replace('a', A)" * 40 + " }}",
    "joined": "{{ A" + f" | join('{TEN}')" * 9 + " }}",
    "in an argument": "{{ A | replace('a', (A" + f" | join('{TEN}')" * 9 + ")) }}",
    "in a condition": "{% if (A" + f" | join('{TEN}')" * 9 + " | length) > 3 %}a{% endif %}{{ A }}",
    "many names": "{{ long }}" * 200,
    "many names in one": "{{ " + " ~ ".join(["long"] * 200) + " }}",
    "many filters": "{{ long" + " | upper" * 20 + " }}" + "{{ long | title }}" * 50,
}
COMPUTE = {  # what could loop, call, define, include or compute
    "for": "{% for i in A %}{% for j in A %}x{% endfor %}{% endfor %}",
    "range": "{% for i in range(1000000000) %}x{% endfor %}",
    "call": "{{ range(1000000000) | join }}",
    "method": "{{ A.ljust(1000000000) }}",
    "mul": "{{ 'x' * 1000000000 }}",
    "list": "{{ [1] * 1000000000 }}",
    "pow": "{{ 9 ** 9 ** 9 }}",
    "mod": "{{ '%1000000000d' % 1 }}",
    "add": "{{ 'x' + A }}",
    "format": "{{ '%1000000000d' | format(1) }}",
    "center": "{{ A | center(1000000000) }}",
    "indent": "{{ A | indent(1000000000) }}",
    "wordwrap": "{{ A | wordwrap(1) }}",
    "macro": "{% macro m(x) %}{{ m(x ~ x) }}{% endmacro %}{{ m('x') }}",
    "include": "{% include 'x.yaml' %}",
    "import": "{% import 'x.yaml' as x %}",
    "extends": "{% extends 'x.yaml' %}",
    "block": "{% block a %}{{ self.a() }}{% endblock %}",
    "set": "{% set y = 'x' ~ A %}{{ y }}",
    "with": "{% with y = A %}{{ y }}{% endwith %}",
    "filterblock": "{% filter center(1000000000) %}x{% endfilter %}",
    "test": "{{ A is divisibleby(3) }}",
    "slice": "{{ A[::-1] }}",
    "dict": "{{ {'a': A} }}",
    "neg": "{{ A | replace('a', 'b', -(9 ** 9)) }}",
}
LARGE = {
    "deep": "{{ A" + " | upper" * 500 + " }}",
    "deep parentheses": "{{ " + "(" * 500 + "A" + ")" * 500 + " }}",
    "deep conditions": "{% if A %}" * 100 + "{% endif %}" * 100 + "{{ A }}",
    "deep fields": "{{ A" + ".a" * 500 + " }}",
    "wide": "{{ A }}" * (MAX_TEMPLATE_NODES + 1),
    "a large number": "{{ A | replace('a', 'b', " + "9" * 5000 + ") }}",
}


@contextmanager
def little_memory() -> Iterator[None]:
    """Fails where more is allocated at any time inside."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < MAX_MEMORY
    finally:
        tracemalloc.stop()


@pytest.fixture
def told(tmp_path: Path, valid: str) -> Callable[[str, str], str]:
    """What a file is told whose template, or what stands under another key, is this."""
    text = valid.replace("A: {tokens: random,", "A: {tokens: random, length: 3,").replace(
        "{tokens: random, length: 8, distinct: true}",
        "{tokens: random, length: 3}\n    long: {tokens: random, length: 512}",
    )

    def told(template: str, key: str = "template") -> str:
        (line,) = [line for line in text.splitlines() if line.strip().startswith(f"{key}:")]
        quoted = '"' + template + '"'
        if key == "template":
            quoted = "\"{{ B | at('B1') }}{{ C }}{{ pre }}{{ A | at('A1') }}{{ A | at('A2') }}" + template + '"'
        path = tmp_path / "x.yaml"
        path.write_text(text.replace(line, f"  {key}: {f'[{quoted}]' if key == 'foils' else quoted}"))
        with little_memory():
            try:
                load_behaviour(path, tmp_path)
            except SpecError as error:
                return str(error)
        return ""

    return told


@pytest.mark.parametrize("template", MULTIPLY.values(), ids=MULTIPLY)
def test_case_09_a_template_that_multiplies_text(told: Callable[..., str], template: str) -> None:
    message = told(template)
    assert re.match(rf"x\.yaml:\d+:13: {TOO_MUCH}", message), message
    assert "\n" not in message


@pytest.mark.parametrize("key", ["answer", "foils"])
def test_case_09_so_does_every_other_template(told: Callable[..., str], key: str) -> None:
    message = told(MULTIPLY["replaced 7 times"], key)
    assert re.match(rf"x\.yaml:\d+:11: {TOO_MUCH}", message), message
    assert "\n" not in message


@pytest.mark.parametrize("template", COMPUTE.values(), ids=COMPUTE)
def test_case_09_a_template_that_computes(told: Callable[..., str], template: str) -> None:
    message = told(template)
    assert re.match(r"x\.yaml:\d+:13: (templates cannot use '\w+'; they may have|unknown filter '\w+')", message), (
        message
    )
    assert "\n" not in message
    with pytest.raises(Exception, match=r"templates cannot use '\w+'|No filter named '\w+'"), little_memory():
        environment().from_string(template)


@pytest.mark.parametrize("template", LARGE.values(), ids=LARGE)
def test_case_09_a_template_that_is_too_large(told: Callable[..., str], template: str) -> None:
    why = rf"(nested too deeply, or a number too large|more than {MAX_TEMPLATE_NODES:,} names)"
    wanted = rf"x\.yaml:\d+:13: template syntax: {why}"
    assert re.fullmatch(rf"{wanted}.*", told(template))


def test_case_09_what_is_large_enough_for_a_prompt(told: Callable[..., str]) -> None:
    assert told("{{ long }}" * 60) == ""
    assert told("{{ A" + " | upper" * (MAX_TEMPLATE_DEPTH - 10) + " }}") == ""
    assert told("{{ A" + f" | replace('a', '{TEN}')" * 3 + " }}") == ""


def test_case_09_what_is_drawn_later_is_held_to_it_too() -> None:
    """Of a value that only the tokenizer knows: when the prompt is rendered."""
    template = "{{ A" + f" | replace('!', '{TEN}!!!!!')" * 9 + " }}{{ B }}"
    prompts = Prompts.model_validate(
        {"variables": {"A": {"tokens": "random"}, "B": {"tokens": "random"}}, "template": template}
        | {"corrupt": {"B": "A"}, "answer": "a", "foils": ["b"]}
    )
    renderer = Renderer(prompts, "demo")
    assert renderer.render({"A": "?", "B": "b"}).clean.text == "?b"
    with pytest.raises(MiChecksError, match=f"behaviour 'demo': clean prompt: {TOO_MUCH}") as caught, little_memory():
        renderer.render({"A": "!", "B": "b"})
    assert str(caught.value).count("\n") == 1  # and what was drawn
    assert renderer.render({"A": "?", "B": "b"}).clean.text == "?b"  # the next rendering has a budget of its own


def test_case_09_a_value_that_is_large_already(load: Callable[[str], LoadedBehaviour], valid: str) -> None:
    text = valid.replace('values: [" sees", " hears"]', f'values: [" sees", " {"x" * 100_000}"]')
    with pytest.raises(SpecError, match=TOO_MUCH), little_memory():
        load(text.replace("noun.one }}", "noun.one }}" + "{{ verb }}" * 11))


@pytest.mark.parametrize("name", TEXT_FILTERS)
def test_case_09_every_filter_pays_for_what_it_reads_and_makes(name: str) -> None:
    env = environment()
    use = {"replace": "replace('ß', 'ss')", "join": "join('-')"}.get(name, name)
    template = env.from_string("{{ A | " + use + " }}")
    with pytest.raises(TooMuchTextError), little_memory():
        env.rendered(template, {"A": "ß-" * (MAX_RENDERED_CHARACTERS // 2 + 1)})
    with little_memory():
        assert env.rendered(template, {"A": "ß-" * (MAX_RENDERED_CHARACTERS // 20)})


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ A | replace('a', 'bb') }}", "bbbb-bbß"),
        ("{{ A | replace('a', 'bb', 1) }}", "bba-aß"),
        ("{{ A | replace('a', 'b', count=2) }}", "bb-aß"),
        ("{{ A | replace('a', 'b', 0) }}", "aa-aß"),
        ("{{ A | replace('', '.') }}", ".a.a.-.a.ß."),
        ("{{ A | replace('aa', '') }}", "-aß"),
        ("{{ A | join }}", "aa-aß"),
        ("{{ A | join(' ') }}", "a a - a ß"),
        ("{{ A | upper }}{{ A | title }}{{ A | capitalize }}{{ A | first }}{{ A | last }}", "AA-ASSAa-AßAa-aßaß"),
        ("{{ A | length }}{{ ' a ' | trim }}{{ 'xax' | trim('x') }}{{ A ~ 1 ~ A }}", "5aaaa-aß1aa-aß"),
    ],
)
def test_filters_do_what_jinja2s_do(template: str, expected: str) -> None:
    env = environment()
    assert env.rendered(env.from_string(template), {"A": "aa-aß"}) == expected
    assert SandboxedEnvironment().from_string(template).render(A="aa-aß") == expected
