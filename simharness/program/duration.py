"""Durations among the arguments of the public functions."""

from __future__ import annotations

from simharness.core.time import parse_duration_ns
from simharness.errors import ScenarioError


def duration_ns(argument: str, text: str) -> int:
    """Return a duration such as ``60s`` in nanoseconds.

    Raises:
        ScenarioError: it is none; the message begins with the argument's name.
    """
    try:
        return parse_duration_ns(text)
    except ValueError as error:
        raise ScenarioError(f"{argument}: {error}") from None
