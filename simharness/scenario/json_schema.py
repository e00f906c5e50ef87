"""The JSON Schema of a scenario for editors: draft-7, which is what yaml-language-server reads.

Written by hand beside the model: pydantic's own describes the values after reading, not the forms that a user may
write. A test holds the two together: same keys, and what one rejects the other rejects.
"""

from __future__ import annotations

from typing import Any

from simharness.core.catalog import FRAMES, SEMANTICS, STRATEGIES, invariant
from simharness.scenario import names
from simharness.scenario.value import DURATION_PATTERN, NAME_PATTERN

Schema = dict[str, Any]

_COUNT: Schema = {"type": "integer", "minimum": 1}
_BUDGET: Schema = {"type": "integer", "minimum": 0}
_DURATION: Schema = {"type": "string", "pattern": DURATION_PATTERN}
_NAME: Schema = {"type": "string", "pattern": NAME_PATTERN}
_SCALAR: Schema = {"type": ["string", "number", "boolean"]}
_REQUEST = rf"^({'|'.join(names.METHODS)}) /\S*$"
_FACTORY = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$"


def schema() -> Schema:
    """Return the schema as plain values."""
    properties: Schema = {
        "scenario": {**_NAME, "description": "its name, in reports and tokens"},
        "about": {"type": "string", "description": "what it shows, one sentence"},
        "system": {"type": "string", "pattern": _FACTORY, "description": "package.module:factory"},
        "matrix": _matrix(),
        "venue": _venue(),
        "given": _list_of({"type": "object", "minProperties": 1, "maxProperties": 1}, "what exists beforehand"),
        "when": _list_of(_action(), "what happens; concurrent unless `after` says otherwise"),
        "faults": _list_of({"$ref": "#/definitions/fault"}, "what may go wrong; explore.faults says how often"),
        "explore": _explore(),
        "database": {"$ref": "#/definitions/database"},
        "check": _check(),
        "expect": _list_of(_expectation(), "what a run must say"),
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "simharness scenario",
        **_closed(properties, required=["scenario", "system"]),
        "definitions": {"fault": _fault(), "invariant": _invariant(), "database": _database()},
    }


def _closed(properties: Schema, *, required: list[str] | None = None) -> Schema:
    closed: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**closed, "required": required} if required else closed


def _list_of(items: Schema, description: str = "") -> Schema:
    listed: Schema = {"type": "array", "items": items}
    return {**listed, "description": description} if description else listed


def _matrix() -> Schema:
    return {
        "type": "object",
        "description": "one case for each combination",
        "properties": {"database": {"type": "array", "minItems": 1, "items": {"enum": list(names.ENGINES)}}},
        "additionalProperties": {"type": "array", "minItems": 1, "uniqueItems": True, "items": _SCALAR},
    }


def _venue() -> Schema:
    return _closed(
        {
            "markets": _list_of({"type": "string"}, "symbols as in ccxt"),
            "market": {"enum": list(names.MARKETS)},
            "latency": {"anyOf": [{"const": "any"}, _closed({"min": _DURATION, "max": _DURATION})]},
            "faults": _list_of({"$ref": "#/definitions/fault"}),
        }
    )


def _action() -> Schema:
    return {
        "type": "object",
        "minProperties": 1,
        "properties": {
            "rest": {"type": "string", "pattern": _REQUEST},
            "venue": {},
            "call": {},
            "body": {},
            "args": {"type": "object"},
            "name": _NAME,
            "after": {"anyOf": [_step_name(), _list_of(_step_name())]},
        },
    }


def _step_name() -> Schema:
    return {"type": ["string", "integer"], "description": "an earlier entry: its name, or its number from 1"}


def _explore() -> Schema:
    about = "what is searched in another way: which cases, and what differs"
    search: Schema = {
        "strategy": _documented(STRATEGIES),
        "semantics": _documented(SEMANTICS),
        "frames": _documented(FRAMES),
        "faults": {**_BUDGET, "description": "how many faults may strike in one execution"},
        "executions": {**_COUNT, "description": "at most so many"},
        "after_violation": {**_BUDGET, "description": "at most so many after the first that violates something"},
        "time": {**_DURATION, "description": "at most so long, wall time"},
        "horizon": {**_DURATION, "description": "an execution ends here, virtual time"},
        "reversals": {**_BUDGET, "description": "at most so many reversed races away from the base order"},
        "delays": {**_BUDGET, "description": "at most so many processes passed over in base order"},
    }
    return _closed({**search, "cases": _list_of(_closed({"case": _cases(), **search}, required=["case"]), about)})


def _cases() -> Schema:
    return {"type": "object", "additionalProperties": {"anyOf": [_SCALAR, _list_of(_SCALAR)]}}


def _documented(meanings: dict[str, str]) -> Schema:
    return {"enum": list(meanings), "description": "; ".join(f"{name}: {about}" for name, about in meanings.items())}


def _fault() -> Schema:
    known = names.fault_names()
    pattern = "|".join(name.replace("_", "[_-]") for name in known)
    named: Schema = {"type": "string", "pattern": f"^({pattern})$"}
    at_place: Schema = {"type": "string", "pattern": f"^({pattern})(@.*)?$", "description": ", ".join(known)}
    return {"anyOf": [at_place, _closed({"name": named, "place": {"type": "string"}}, required=["name"])]}


def _invariant() -> Schema:
    return {"enum": list(names.invariant_words())}


def _check() -> Schema:
    bounded = [word for word in names.invariant_words() if (known := invariant(word)) is not None and known.bound_ns]
    with_bound: Schema = {
        **_closed(dict.fromkeys(bounded, _DURATION)),
        "minProperties": 1,
        "maxProperties": 1,
        "description": "how long it may be broken, virtual time",
    }
    listed = _list_of({"anyOf": [{"$ref": "#/definitions/invariant"}, with_bound]})
    return {"anyOf": [{"const": "all"}, listed], "description": "invariants by id or name, or all that apply"}


def _database() -> Schema:
    options: Schema = {
        "engine": {"enum": list(names.ENGINES)},
        "url": {"type": "string", "pattern": r"^(sqlite|postgres|postgresql)[+:]"},
        "lock_timeout": _DURATION,
        "isolation": {"type": "string"},
    }
    return {"anyOf": [{"enum": list(names.ENGINES)}, _closed(options)]}


def _expectation() -> Schema:
    return _closed(
        {
            "case": _cases(),
            "verdict": {"enum": list(names.VERDICTS)},
            "by": _list_of({"$ref": "#/definitions/invariant"}, "every one of these must be violated"),
        },
        required=["verdict"],
    )
