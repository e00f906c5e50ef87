"""The JSON Schema is draft-7, and agrees with what `load` accepts."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from draft7 import accepts
from test_scenario_cases import DESIGN
from test_scenario_errors import HEAD

from simharness.scenario import Spec, parse, schema
from simharness.scenario.document import read
from simharness.scenario.exploring import Apart
from simharness.scenario.model import Database, Expectation, Explore, FaultSpec, Latency, VenueSpec


def judged(text: str) -> bool:
    root = schema()
    return accepts(root, plain(read(text, "x.yaml")), root)


def plain(value: Any) -> Any:
    """Return what an editor hands to the schema: JSON values."""
    return json.loads(json.dumps(value, default=lambda odd: float(odd) if isinstance(odd, Decimal) else str(odd)))


def test_the_schema_says_which_draft_it_is() -> None:
    assert schema()["$schema"] == "http://json-schema.org/draft-07/schema#"


def test_the_schema_has_the_keys_of_the_model() -> None:
    root = schema()
    properties = root["properties"]
    fault = root["definitions"]["fault"]["anyOf"][1]
    database = root["definitions"]["database"]["anyOf"][1]
    assert properties.keys() == Spec.model_fields.keys()
    assert properties["venue"]["properties"].keys() == VenueSpec.model_fields.keys()
    assert properties["venue"]["properties"]["latency"]["anyOf"][1]["properties"].keys() == Latency.model_fields.keys()
    assert properties["explore"]["properties"].keys() == Explore.model_fields.keys()
    special = properties["explore"]["properties"]["cases"]["items"]["properties"]
    assert special.keys() == Apart.model_fields.keys()
    assert properties["expect"]["items"]["properties"].keys() == Expectation.model_fields.keys()
    assert fault["properties"].keys() == FaultSpec.model_fields.keys()
    assert database["properties"].keys() == Database.model_fields.keys()


VALID = [
    "about: x",
    "check: all",
    "check: [Q5, no-spurious-stop]",
    "explore: {faults: 1}\nfaults: [reply-lost, reject@create_order, {name: crash, place: x}]",
    "database: postgresql",
    "database: {url: postgresql://h/n, lock_timeout: 5s}",
    "matrix: {database: [sqlite], a: [1, x, true, 1.5]}\nexpect: [{case: {a: x}, verdict: proven}]",
    "when:\n- {rest: PUT /x, body: [1], name: a}\n- {venue: fill, after: a}\n- {call: c, args: {a: 1}, after: [1, a]}",
    "venue: {latency: {min: 1ms, max: 1.5s}}",
    "matrix: {a: [x, y]}\nexplore: {strategy: pos, cases: [{case: {a: x}, strategy: dpor, time: 1m}]}",
]


@pytest.mark.parametrize("more", VALID)
def test_what_load_accepts_the_schema_accepts(more: str) -> None:
    assert parse(HEAD + more, "x.yaml")
    assert judged(HEAD + more)


def test_the_schema_accepts_the_example_of_the_design() -> None:
    assert judged(DESIGN.replace("s16", "S16"))


INVALID = [
    "chek: all",
    "explore: {strategy: dporr}",
    "explore: {executions: 0}",
    "explore: {time: 60}",
    "explore: {cases: [{strategy: pos}]}",
    "matrix: {a: [x]}\nexplore: {cases: [{case: {a: x}, strategi: pos}]}",
    "check: [Q55]",
    "check: S8",
    "faults: [reply_lst]",
    "database: postgres",
    "database: {url: mysql://h}",
    "matrix: {a: []}",
    "matrix: {a: b}",
    "matrix: {database: [x]}",
    "given: [{a: {}, b: {}}]",
    "when: [{rest: PTU /x}]",
    "when: [{rest: PUT}]",
    "venue: {latency: some}",
    "expect: [{verdict: provn}]",
    "expect: [{case: {}}]",
    "about: 3",
]


@pytest.mark.parametrize("more", INVALID)
def test_what_load_rejects_the_schema_rejects(more: str) -> None:
    with pytest.raises(Exception, match=r"x\.yaml:\d+: "):
        parse(HEAD + more, "x.yaml")
    assert not judged(HEAD + more)
