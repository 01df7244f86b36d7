"""The grammar as a JSON Schema for YAML editors; `python -m mi_checks.spec.schema` writes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mi_checks.spec.behaviour import Behaviour
from mi_checks.spec.deprecated_names import CHECK_KEYS

SCHEMA_FILE = Path(__file__).with_name("schema.json")


def json_schema() -> dict[str, Any]:
    """Return the schema in draft 7, the newest draft that YAML editors support reliably."""
    schema = _with_deprecated_names(_relaxed_for_children(_draft_7(Behaviour.model_json_schema(by_alias=True))))
    return {"$schema": "http://json-schema.org/draft-07/schema#", **schema, "title": "A mi-checks behaviour"}


def schema_text() -> str:
    """Return the text of the schema file."""
    return json.dumps(json_schema(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _relaxed_for_children(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema with fewer required keys for a file that extends another.

    Such a file may leave out whatever its parent file has, also inside `prompts`, and the source of a variable.
    """
    parts = schema["definitions"]
    partial = {key: value for key, value in parts["Prompts"].items() if key != "required"}
    properties = dict(partial["properties"])
    adjusted = {"$ref": "#/definitions/AdjustedVariable"}
    kinds = properties["variables"]["patternProperties"]
    kinds = {pattern: {"anyOf": [adjusted, kind]} for pattern, kind in kinds.items()}
    properties["variables"] = {**properties["variables"], "patternProperties": kinds}
    parts["PartialPrompts"] = {**partial, "properties": properties, "title": "PartialPrompts"}
    parts["PartialQuotes"] = {key: value for key, value in parts["QuotedPrompts"].items() if key != "required"}
    whole = {"required": schema.pop("required"), "properties": {"prompts": schema["properties"].pop("prompts")}}
    either = {"anyOf": [{"$ref": "#/definitions/PartialPrompts"}, {"$ref": "#/definitions/PartialQuotes"}]}
    some = {"required": ["name"], "properties": {"prompts": either}}
    schema["properties"]["prompts"] = {}
    return {**schema, "if": {"required": ["extends"]}, "then": some, "else": whole}


def _with_deprecated_names(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema with the old names of checks, which editors mark as deprecated and do not suggest."""
    properties = schema["definitions"]["CheckEntry"]["properties"]
    for old, new in CHECK_KEYS.items():
        message = f"'{old}' is now called '{new}'"
        properties[old] = {
            **properties[new], "deprecated": True, "deprecationMessage": message, "doNotSuggest": True,
        }  # fmt: skip
    return schema


def _draft_7(node: Any) -> Any:
    if isinstance(node, list):
        return [_draft_7(item) for item in node]
    if not isinstance(node, dict):
        return node.replace("#/$defs/", "#/definitions/") if isinstance(node, str) else node
    node = {("definitions" if key == "$defs" else key): _draft_7(value) for key, value in node.items()}
    node = _without_null(node)
    if "patternProperties" in node:
        node.setdefault("additionalProperties", False)
    if "$ref" in node and len(node) > 1:
        # Draft 7 ignores the keys beside $ref.
        node["allOf"] = [{"$ref": node.pop("$ref")}]
    return node


def _without_null(node: dict[str, Any]) -> dict[str, Any]:
    """Return the node without the option null.

    In Python, None means that a key was left out; in a file, a key without a value is a mistake.
    """
    options = node.get("anyOf")
    if not isinstance(options, list) or {"type": "null"} not in options:
        return node
    rest = {key: value for key, value in node.items() if key not in ("anyOf", "default")}
    left = [option for option in options if option != {"type": "null"}]
    return {**rest, **left[0]} if len(left) == 1 else {**rest, "anyOf": left}


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
