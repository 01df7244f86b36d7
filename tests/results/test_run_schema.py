"""The JSON Schema of a run is current, is a schema, and holds what is written to it."""

import json
from dataclasses import fields

import jsonschema
import pytest

from mi_checks.results.run import SCHEMA_VERSION, Run
from mi_checks.results.run_schema import SCHEMA_FILE, json_schema, schema_text


@pytest.fixture
def validator():
    jsonschema.Draft7Validator.check_schema(json_schema())
    return jsonschema.Draft7Validator(json_schema())


def test_the_file_is_current():
    assert SCHEMA_FILE.read_text("utf-8") == schema_text(), "run: python -m mi_checks.results.run_schema"


def test_nothing_newer_than_draft_7():
    assert json_schema()["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert not any(word in schema_text() for word in ("$defs", "prefixItems", "unevaluated"))


def test_a_run_is_accepted(validator, path):
    data = json.loads(path.read_text())
    assert list(validator.iter_errors(data)) == []
    assert set(data) == {field.name for field in fields(Run)} == set(json_schema()["required"])


def test_the_annotations_of_the_record_are_its_descriptions():
    described = json_schema()["definitions"]["CheckResult"]["properties"]["prompts_sha256"]
    assert described["description"] == 'of the prompts and the tokenizer; "" if it was not measured on prompts'


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data.pop("seconds"),
        lambda data: data.update(more=1),
        lambda data: data.update(schema_version=SCHEMA_VERSION + 1),
        lambda data: data["results"][0].update(outcome="passed"),
        lambda data: data["results"][0].pop("prompts_sha256"),
        lambda data: data["results"][0]["estimate"].update(value="3"),
        lambda data: data["evidence"][0]["effect"].update(per_prompt=[None]),
    ],
)
def test_another_is_refused(validator, path, spoil):
    data = json.loads(path.read_text())
    spoil(data)
    assert not validator.is_valid(data)
