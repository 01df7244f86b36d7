"""Old names in behaviour files: they still work, with one warning per file, and recorded names do not change."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
import yaml

from mi_checks.errors import DeprecatedNameWarning
from mi_checks.spec.load_file import LoadedBehaviour, load_behaviour
from mi_checks.spec.problems import SpecError
from mi_checks.spec.schema import json_schema

NEW = "direct_logit_attribution: {nodes: [mover, L1H0], at_least: 0.5}"
OLD = NEW.replace("direct_logit_attribution", "attribution")
SECOND = "\n  - attribution: {nodes: L1H2, at_least: 0.5}"


def test_the_old_name_of_a_check_works_and_is_reported_once(
    load: Callable[[str], LoadedBehaviour], connected: str
) -> None:
    current = load(connected).behaviour
    text = connected.replace(NEW, OLD + SECOND)
    line = text[: text.index(OLD)].count("\n") + 1
    with pytest.warns(DeprecatedNameWarning) as caught:
        loaded = load(text)
    (warning,) = caught
    assert str(warning.message) == (
        f"behaviours/x.yaml:{line}: the check 'attribution' is now called 'direct_logit_attribution'; "
        "the old name still works, but rename it in this file"
    )
    assert (warning.filename, warning.lineno) == ("behaviours/x.yaml", line)
    assert issubclass(DeprecatedNameWarning, FutureWarning)
    ids = [check.id for check in loaded.behaviour.checks_for("nano-attn-2l")]
    assert set(ids) - {check.id for check in current.checks_for("nano-attn-2l")} <= {"attribution[L1H2]"}
    assert loaded.line_of(("checks", 5, "direct_logit_attribution", "nodes")) == line


def test_the_kind_and_the_id_are_what_results_have_recorded(
    load: Callable[[str], LoadedBehaviour], connected: str
) -> None:
    (check,) = [c for e in load(connected).behaviour.checks if (c := e.check).key() == "direct_logit_attribution"]
    assert (check.kind, check.id) == ("attribution", "attribution[mover+L1H0]")


def test_a_mistake_under_the_old_name_has_its_place(load: Callable[[str], LoadedBehaviour], connected: str) -> None:
    text = connected.replace(NEW, OLD.replace("at_least", "at_lest"))
    with pytest.warns(DeprecatedNameWarning), pytest.raises(SpecError) as raised:
        load(text)
    assert "unknown key 'at_lest' in 'checks[5].direct_logit_attribution'" in str(raised.value)
    line = text[: text.index("at_lest")].count("\n") + 1
    assert f"behaviours/x.yaml:{line}:" in str(raised.value)


def test_a_parent_file_with_an_old_name_is_the_one_reported(tmp_path: Path, connected: str) -> None:
    (tmp_path / "parent.yaml").write_text(connected.replace(NEW, OLD), encoding="utf-8")
    (tmp_path / "child.yaml").write_text("name: child\nextends: parent.yaml\n", encoding="utf-8")
    with pytest.warns(DeprecatedNameWarning, match=r"^parent\.yaml:\d+: the check 'attribution' is now called"):
        load_behaviour(tmp_path / "child.yaml", tmp_path)


def test_the_new_name_gives_no_warning(load: Callable[[str], LoadedBehaviour], connected: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(connected)


def test_the_schema_admits_the_old_name_as_deprecated(connected: str) -> None:
    schema = json_schema()
    jsonschema.Draft7Validator(schema).validate(yaml.safe_load(connected.replace(NEW, OLD)))
    old = schema["definitions"]["CheckEntry"]["properties"]["attribution"]
    assert old["deprecationMessage"] == "'attribution' is now called 'direct_logit_attribution'"
