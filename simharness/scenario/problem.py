"""What is wrong with a scenario, in one line each: ``file:line: what; did you mean …?``"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from simharness.core.suggest import unknown
from simharness.errors import ScenarioError
from simharness.scenario.document import Table, line_of
from simharness.scenario.model import Spec

Place = tuple[str | int, ...]

_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "tuple_type": "a list",
    "dict_type": "a mapping (key: value)",
    "model_type": "a mapping (key: value)",
    "model_attributes_type": "a mapping (key: value)",
}


class ScenarioErrors(ScenarioError):
    """Several errors at once.

    Args:
        messages: one line each.
    """

    def __init__(self, messages: Iterable[str]) -> None:
        self.messages = tuple(messages)
        super().__init__("\n".join(self.messages))


def messages_of(error: ScenarioError) -> tuple[str, ...]:
    """Return the lines that tell a user about ``error``."""
    return error.messages if isinstance(error, ScenarioErrors) else (str(error),)


def raise_all(errors: Sequence[ScenarioError]) -> None:
    """Raise what is in ``errors``, if anything is.

    Raises:
        ScenarioError: the only one, or a :class:`ScenarioErrors` of all of them.
    """
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise ScenarioErrors(line for error in errors for line in messages_of(error))


def located(path: str, table: Table, problems: Iterable[tuple[Place, str]]) -> list[ScenarioError]:
    """Return an error for each ``(place, message)``, in the order of their lines."""
    lines = [(line_of(table, place), message) for place, message in problems]
    return [ScenarioError(f"{path}:{line}: {message}") for line, message in sorted(lines)]


def explain(error: ValidationError) -> list[tuple[Place, str]]:
    """Return where and what for every finding of pydantic, in our words."""
    return [(tuple(item["loc"]), _say(tuple(item["loc"]), dict(item))) for item in error.errors(include_url=False)]


def _say(place: Place, item: dict[str, Any]) -> str:
    kind = str(item["type"])
    inside = _dotted(place[:-1]) or "the scenario"
    if kind == "extra_forbidden":
        return unknown("key", str(place[-1]), _keys(place[:-1]), where=f" in {inside}")
    if kind == "missing":
        return f"the key {str(place[-1])!r} is missing in {inside}"
    if kind == "simharness":
        text = str(item["msg"])
        return f"{_dotted(place)} {text}" if text.startswith("must ") else text
    if kind in _EXPECTED:
        return f"{_dotted(place) or 'the scenario'} must be {_EXPECTED[kind]}, not {_shown(item['input'])}"
    if kind == "greater_than_equal":
        return f"{_dotted(place)} must be at least {item['ctx']['ge']}, not {_shown(item['input'])}"
    message = str(item["msg"])
    return f"{_dotted(place)}: {message[:1].lower()}{message[1:]}"


def _dotted(place: Place) -> str:
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, tuple):
        return "a list"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _keys(place: Place) -> tuple[str, ...]:
    """Return the keys that are allowed at a place of a specification."""
    kind: Any = Spec
    for part in place:
        if isinstance(part, int):
            kind = next((each for each in get_args(kind) if each is not Ellipsis), None)
        elif _is_model(kind) and part in kind.model_fields:
            kind = kind.model_fields[part].annotation
        else:
            return ()
    return tuple(kind.model_fields) if _is_model(kind) else ()


def _is_model(kind: Any) -> bool:
    return get_origin(kind) is None and isinstance(kind, type) and issubclass(kind, BaseModel)
