"""A judge of JSON Schema draft-7, as far as our schema goes; a keyword it does not know is an error."""

from __future__ import annotations

import re
from typing import Any

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list, tuple),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}
_WORDS = {"$schema", "title", "description", "definitions", "properties", "additionalProperties", "items", "required"}
_CHECKED = {"$ref", "type", "enum", "const", "anyOf", "pattern", "minimum", "minItems", "uniqueItems"}
_KNOWN = _WORDS | _CHECKED | {"minProperties", "maxProperties"}


def accepts(schema: dict[str, Any], value: Any, root: dict[str, Any]) -> bool:
    """Return whether ``value`` is valid."""
    assert schema.keys() <= _KNOWN, f"not draft-7, or unknown here: {schema.keys() - _KNOWN}"
    if "$ref" in schema:
        assert schema.keys() == {"$ref"}, "draft-7 ignores everything beside $ref"
        return accepts(root["definitions"][schema["$ref"].removeprefix("#/definitions/")], value, root)
    if "anyOf" in schema and not any(accepts(each, value, root) for each in schema["anyOf"]):
        return False
    return _own(schema, value) and _inside(schema, value, root)


def _own(schema: dict[str, Any], value: Any) -> bool:
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_is(kind, value) for kind in kinds):
        return False
    if ("enum" in schema and value not in schema["enum"]) or ("const" in schema and value != schema["const"]):
        return False
    if isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value):
        return False
    if isinstance(value, int) and value < schema.get("minimum", value):
        return False
    if isinstance(value, list | tuple):
        unique = not schema.get("uniqueItems") or len({repr(item) for item in value}) == len(value)
        return unique and len(value) >= schema.get("minItems", 0)
    return True


def _is(kind: str, value: Any) -> bool:
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _inside(schema: dict[str, Any], value: Any, root: dict[str, Any]) -> bool:
    if isinstance(value, dict):
        known = schema.get("properties", {})
        rest = schema.get("additionalProperties", True)
        sized = schema.get("minProperties", 0) <= len(value) <= schema.get("maxProperties", len(value))
        if not sized or not set(schema.get("required", [])) <= value.keys():
            return False
        for key, item in value.items():
            below = known.get(key, rest)
            if below is False or (isinstance(below, dict) and not accepts(below, item, root)):
                return False
    if isinstance(value, list | tuple) and "items" in schema:
        return all(accepts(schema["items"], item, root) for item in value)
    return True
