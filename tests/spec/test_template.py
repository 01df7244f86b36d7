"""The template language: what renders, what a label is, what is left out."""

from __future__ import annotations

import pytest
from jinja2 import TemplateSyntaxError, UndefinedError
from jinja2.exceptions import TemplateAssertionError

from mi_checks.prompts import batch
from mi_checks.spec.template import END, MARK_CLOSE, MARK_OPEN, MARK_SEPARATOR, environment, mark, template_labels


def test_labels_in_order() -> None:
    assert template_labels("{{ b | at('two') }} x {{ a | at('one') }}{{ c }}") == ("two", "one")


def test_labels_within_concatenation_choice_and_labels() -> None:
    text = "{{ ((a | at('in')) ~ b) | at('out') }}{% if a %}{{ a | at('if') if a else b | at('else') }}{% endif %}"
    assert sorted(template_labels(text)) == ["else", "if", "in", "out"]


def test_a_rewritten_label_is_none() -> None:
    assert template_labels("{{ a | at('x') | upper }}{{ a | at(b) }}") == ()


def test_labels_of_what_is_no_template() -> None:
    with pytest.raises(TemplateSyntaxError, match="unexpected"):
        template_labels("{{ a }")


def test_at_marks_the_rendered_text() -> None:
    assert (
        environment().from_string("{{ a | at('x') }}!\n").render(a=" cat")
        == f"{MARK_OPEN}x{MARK_SEPARATOR} cat{MARK_CLOSE}!\n"
    )
    assert mark("a", "b") == "\ue000b\ue001a\ue002"


def test_an_undefined_name_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        environment().from_string("{{ range }}").render()


def test_other_filters_are_unknown() -> None:
    with pytest.raises(TemplateAssertionError, match="No filter named 'pprint'"):
        environment().from_string("{{ a | pprint }}")


def test_the_reserved_label_is_the_one_prompts_carry() -> None:
    assert END == batch.END
