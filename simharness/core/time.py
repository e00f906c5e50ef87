"""Virtual time: integer nanoseconds inside, units at the edge."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Protocol

NS_PER_SECOND = 1_000_000_000

_UNITS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": NS_PER_SECOND, "m": 60 * NS_PER_SECOND, "h": 3600 * NS_PER_SECOND}
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ns|us|ms|s|m|h)\s*")


class Clock(Protocol):
    """The one source of virtual time of an execution."""

    @property
    def now_ns(self) -> int:
        """Nanoseconds since the start of the execution."""

    def advance_to(self, when_ns: int) -> None:
        """Move forward; never called with a moment in the past."""


class ManualClock:
    """A clock that moves only when told."""

    __slots__ = ("now_ns",)

    def __init__(self) -> None:
        self.now_ns = 0

    def advance_to(self, when_ns: int) -> None:
        """Move forward to ``when_ns``."""
        self.now_ns = when_ns


def seconds_to_ns(seconds: float) -> int:
    """Convert asyncio's float seconds, rounding to the nanosecond."""
    return round(seconds * NS_PER_SECOND)


def parse_duration_ns(text: str) -> int:
    """Return the nanoseconds of a text such as ``60s``, ``250ms`` or ``10m``.

    Raises:
        ValueError: the text is not a number with a unit.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"not a duration: {text!r}; write a number and a unit, such as 250ms, 60s, 10m")
    return int(Decimal(match[1]) * _UNITS[match[2]])


def format_seconds(time_ns: int) -> str:
    """Return a virtual time as seconds with three decimals, without going through a float."""
    milliseconds = time_ns // 1_000_000
    return f"{milliseconds // 1000}.{milliseconds % 1000:03d}s"
