"""Field types that several parts of a specification share."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator
from pydantic_core import PydanticCustomError

from simharness.core.catalog import invariant
from simharness.core.suggest import unknown
from simharness.core.time import parse_duration_ns
from simharness.scenario import names

DURATION_PATTERN = r"^\s*\d+(\.\d+)?\s*(ns|us|ms|s|m|h)\s*$"
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"


def wrong(message: str) -> PydanticCustomError:
    """Return the error that reaches the user with exactly this message (minus braces, which pydantic would fill in)."""
    return PydanticCustomError("simharness", "{text}", {"text": message})


def _duration(value: Any) -> Any:
    try:
        parse_duration_ns(value if isinstance(value, str) else str(value))
    except ValueError as error:
        raise wrong(str(error)) from None
    return value


def _name(text: str) -> str:
    if re.fullmatch(NAME_PATTERN, text) is None:
        raise wrong(f"{text[:60]!r} cannot be a name: letters, digits, '.', '_' and '-' only")
    return text


def option(value: Any) -> str:
    """Return the text of one value of a matrix dimension, the same that ``--case KEY=VALUE`` takes."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | Decimal):
        return str(value)
    raise wrong("a case value must be text or a number")


def _options(value: Any) -> tuple[str, ...]:
    """Accept a list or a single value."""
    values = value if isinstance(value, tuple) else (value,)
    return tuple(option(each) for each in values)


def _dimension(value: Any) -> tuple[str, ...]:
    if not isinstance(value, tuple):
        raise wrong("a matrix key must hold a list of values")
    options = _options(value)
    if not options:
        raise wrong("a matrix key must hold at least one value")
    for position, each in enumerate(options):
        if each in options[:position]:
            raise wrong(f"the value {each!r} stands here twice")
    return options


def _invariant(word: str) -> str:
    entry = invariant(word)
    if entry is None:
        raise wrong(unknown("invariant", word, names.invariant_words()))
    return entry.id


def _check(value: Any) -> Any:
    if value == "all":
        return ("all",)
    if not isinstance(value, tuple):
        raise wrong("must be a list of invariants, or `all`")
    if "all" in value and len(value) > 1:
        raise wrong("`all` stands alone: it already contains every invariant")
    return value


class Check(str):
    """An invariant to check, by its id.

    Attributes:
        bound_ns: how long it may be broken, in virtual time; None for its own bound.
    """

    __slots__ = ("bound_ns",)
    bound_ns: int | None

    def __new__(cls, identifier: str, bound_ns: int | None = None) -> Check:
        """Return the id with its bound."""
        self = super().__new__(cls, identifier)
        self.bound_ns = bound_ns
        return self


def _checked(entry: Any) -> Check:
    """Accept an invariant, or one with its bound: ``L1: 30s``."""
    if isinstance(entry, str):
        return Check(entry if entry == "all" else _invariant(entry))
    if not isinstance(entry, dict) or len(entry) != 1:
        raise wrong("an entry of check is an invariant, or one with a bound: `L1: 30s`")
    ((word, bound),) = entry.items()
    identifier = _invariant(word)
    known = invariant(identifier)
    if known is None or not known.bound_ns:
        raise wrong(f"{identifier} has no bound of time; only the L invariants have one")
    return Check(identifier, parse_duration_ns(_duration(bound)))


Duration = Annotated[str, BeforeValidator(_duration), Field(json_schema_extra={"pattern": DURATION_PATTERN})]
Name = Annotated[str, AfterValidator(_name), Field(json_schema_extra={"pattern": NAME_PATTERN})]
Options = Annotated[tuple[str, ...], BeforeValidator(_options)]
Dimension = Annotated[tuple[str, ...], BeforeValidator(_dimension)]
InvariantId = Annotated[str, AfterValidator(_invariant)]
Checks = Annotated[tuple[Annotated[Check, PlainValidator(_checked)], ...], BeforeValidator(_check)]
