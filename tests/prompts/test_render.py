from collections.abc import Callable, Mapping
from typing import Any

import pytest

from mi_checks.errors import MiChecksError
from mi_checks.prompts.candidates import Value
from mi_checks.prompts.render import LabelledText, RenderedPair, Renderer, corrupt_values
from mi_checks.spec.behaviour import Prompts

CASE = {"a": "(", "a2": "[", "b": ")", "items": "x", "_b": "y"}


@pytest.fixture
def render(two_words: dict[str, Any]) -> Callable[..., RenderedPair]:
    def rendered(values: Mapping[str, Value], **changed: Any) -> RenderedPair:
        return Renderer(Prompts.model_validate({**two_words, **changed}), "demo").render(values)

    return rendered


@pytest.fixture
def refused(render: Callable[..., RenderedPair]) -> Callable[..., str]:
    def text(values: Mapping[str, Value], **changed: Any) -> str:
        with pytest.raises(MiChecksError) as caught:
            render(values, **changed)
        return str(caught.value)

    return text


def test_corrupt_answer_and_foils(render: Callable[..., RenderedPair]) -> None:
    assert render({"B": " b", "C": " c"}) == RenderedPair(
        LabelledText("the b", {"B1": (3, 5)}), LabelledText("the c", {"B1": (3, 5)}), (" b",), (" c",)
    )


def test_swaps_happen_all_at_once() -> None:
    assert corrupt_values({"B": "b", "C": "c"}, {"B": "C", "C": "B"}) == {"B": "c", "C": "b"}


def test_a_field_takes_another_fields_value() -> None:
    case = {"case": {"a": "1", "a2": "2"}}
    assert corrupt_values(case, {"case.a": "case.a2"}) == {"case": {"a": "2", "a2": "2"}}
    assert case == {"case": {"a": "1", "a2": "2"}}


def test_a_row_takes_another_rows_place_before_its_fields_are_changed() -> None:
    values: dict[str, Value] = {"x": {"a": "1", "b": "2"}, "y": {"a": "3", "b": "4"}, "z": "5"}
    assert corrupt_values(values, {"x.b": "z", "x": "y"})["x"] == {"a": "3", "b": "5"}


def test_fields_are_read_whatever_their_name(render: Callable[..., RenderedPair]) -> None:
    rendered = render(
        {"case": CASE},
        template="f{{ case.a }}{{ case.items }}{{ case._b }}{{ case.b }}\n",
        corrupt={"case.a": "case.a2"},
        answer="{{ case.a }}",
        foils=("{{ case.a2 }}",),
    )
    assert (rendered.clean.text, rendered.corrupt.text) == ("f(xy)\n", "f[xy)\n")
    assert (rendered.answers, rendered.foils) == (("(",), ("[",))


VALUES: dict[str, Value] = {"B": " b", "C": "", "case": {"a": "1"}}
DRAWN = "\n  drawn: B=' b', C='', case={'a': '1'}"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"template": "{{ D }}"}, "clean prompt: 'D' is undefined"),
        ({"template": "{{ 'a' < 1 }}"}, "clean prompt: '<' not supported between instances of 'str' and 'int'"),
        ({"template": "{{ case }}"}, "clean prompt: a row is not text; write one of its fields (a) after a dot"),
        ({"template": "{{ C }}"}, "clean prompt: the template renders no text; at least one token is needed"),
        (
            {"template": "a{{ B | at('B1') }}"},
            "corrupt prompt: label 'B1' covers no text: its expression is empty in this prompt",
        ),
        (
            {"template": "{{ B | at('x') | replace('b', 'END') | at('END') }}"},
            "clean prompt: label 'END' is reserved for the last token of every prompt; choose another name",
        ),
        (
            {"template": "a", "foils": ("{{ B | at('B1') }}",)},
            "foil: a label names a place in the prompt; remove `at` from the foil",
        ),
        ({"corrupt": {"B": "cas"}}, "corrupt: unknown variable 'cas'; did you mean 'case'?"),
        ({"corrupt": {"case.b": "C"}}, "corrupt: 'case' has no field 'b'"),
        ({"corrupt": {"B.b": "C"}}, "corrupt: 'B.b' names a field, but 'B' is a text"),
        ({"corrupt": {"B": "case"}}, "corrupt: 'B' and 'case' are a row and a text; one cannot replace the other"),
    ],
)
def test_a_rendering_that_fails_names_the_behaviour_and_what_was_drawn(
    changed: dict[str, Any], message: str, refused: Callable[..., str]
) -> None:
    assert refused(VALUES, **changed) == f"behaviour 'demo': {message}{DRAWN}"


def test_a_field_that_a_row_lacks(refused: Callable[..., str]) -> None:
    text = refused({"case": {"a": "1"}}, template="{{ case.b }}", corrupt={"case": "case"})
    assert "has no attribute 'b'" in text
    assert text.endswith("\n  drawn: case={'a': '1'}")


def test_a_template_that_is_none(refused: Callable[..., str]) -> None:
    assert refused({}, template="{{ B").startswith("behaviour 'demo': `template` is not a valid template: ")


def test_the_sandbox_holds(refused: Callable[..., str]) -> None:
    assert "unsafe" in refused({"B": "b", "C": "c"}, template="{{ B.__class__ }}")
