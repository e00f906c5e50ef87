"""Whatever stands in a file: a scenario, or lines that say where and what."""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from test_scenario_cases import DESIGN

from simharness.errors import ScenarioError
from simharness.scenario import messages_of, parse
from simharness.scenario.document import read

LINE = re.compile(r"x\.yaml:\d+: \S.*")
SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["all", "any", "60s", "S8"])
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))


def outcome(text: str) -> None:
    """Hold that `text` is a scenario, or that every line of the error says where and what."""
    lines: tuple[str, ...] = ()
    try:
        parse(text, "x.yaml")
    except ScenarioError as error:
        lines = messages_of(error)
    assert all(LINE.fullmatch(line) for line in lines), lines


def places(value: Any, here: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    found = [here]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += places(item, (*here, key))
    return found


def design() -> Any:
    return json.loads(json.dumps(read(DESIGN, "x.yaml"), default=str))


PLACES = places(design())[1:]


@settings(max_examples=100, deadline=None)
@given(place=st.sampled_from(PLACES), value=VALUES)
def test_any_value_in_any_place_is_accepted_or_explained(place: tuple[str | int, ...], value: Any) -> None:
    document = design()
    inside = document
    for part in place[:-1]:
        inside = inside[part]
    inside[place[-1]] = value
    outcome(json.dumps(document))


@settings(max_examples=60, deadline=None)
@given(place=st.sampled_from([each for each in PLACES if isinstance(each[-1], str)]), key=st.text(min_size=1))
def test_any_key_in_any_place_is_accepted_or_explained(place: tuple[str | int, ...], key: str) -> None:
    document = design()
    inside = document
    for part in place[:-1]:
        inside = inside[part]
    inside[key] = inside.pop(place[-1])
    outcome(json.dumps(document))


@settings(max_examples=100, deadline=None)
@given(st.text())
def test_any_text_is_accepted_or_explained(text: str) -> None:
    outcome(text)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_scenario_with_some_characters_changed_is_accepted_or_explained(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(DESIGN) - 1))
    length = data.draw(st.integers(0, 5))
    inserted = data.draw(st.text(alphabet="[]{}:-,&*!'\"\n #%@|>?\tab1", max_size=4))
    outcome(DESIGN[:at] + inserted + DESIGN[at + length :])


# YAML takes keys of up to 1,024 characters, and JSON spells some characters with twelve.
@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text(min_size=1, max_size=80), VALUES, min_size=1))
def test_reading_keeps_every_value(document: dict[str, Any]) -> None:
    assert json.loads(json.dumps(read(json.dumps(document), "x.yaml"))) == document
