"""The JSON Schema of `run.json`; `python -m mi_checks.results.run_schema` writes it to its file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import TypeAdapter

from mi_checks.results import claim, evidence, run
from mi_checks.results.run import SCHEMA_VERSION, Run
from mi_checks.stats import estimate

SCHEMA_FILE = Path(__file__).with_name("schema.json")
RECORDS = {name: record for module in (estimate, claim, evidence, run) for name, record in vars(module).items()}


def json_schema() -> dict[str, Any]:
    """Return the schema in draft 7; the annotations of the records' fields are its descriptions."""
    schema = TypeAdapter(Run).json_schema()
    parts = {name: _closed(name, part) for name, part in schema.pop("$defs").items()}
    whole: dict[str, Any] = _draft_7({**_closed("Run", schema), "definitions": parts})
    whole["properties"]["schema_version"] = {"const": SCHEMA_VERSION}
    return {"$schema": "http://json-schema.org/draft-07/schema#", **whole, "title": "A run of mi-checks"}


def schema_text() -> str:
    """Return the contents of the schema file."""
    return json.dumps(json_schema(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _closed(name: str, part: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an object that has all its keys, including those with defaults, and no others."""
    hints = get_type_hints(RECORDS[name], include_extras=True)
    descriptions = {key: hint.__metadata__[0] for key, hint in hints.items() if hasattr(hint, "__metadata__")}
    properties = {
        key: {
            **{word: entry for word, entry in value.items() if word not in ("default", "title")},
            **({"description": descriptions[key]} if key in descriptions else {}),
        }
        for key, value in part["properties"].items()
    }
    return {**part, "properties": properties, "required": list(properties), "additionalProperties": False}


def _draft_7(node: Any) -> Any:
    if isinstance(node, list):
        return [_draft_7(item) for item in node]
    if not isinstance(node, dict):
        return node.replace("#/$defs/", "#/definitions/") if isinstance(node, str) else node
    node = {key: _draft_7(value) for key, value in node.items()}
    if "$ref" in node and len(node) > 1:  # draft 7 ignores the keys beside $ref
        node["allOf"] = [{"$ref": node.pop("$ref")}]
    return node


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
