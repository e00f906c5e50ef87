"""SQLite's date functions on virtual time.

SQLite asks the operating system for the time; these functions replace ``CURRENT_TIMESTAMP``, ``datetime('now')`` and
their relatives on one connection, so column defaults follow the virtual clock too. The calendar stays SQLite's own:
a second, private connection computes with 'now' replaced by the virtual moment.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from simharness.core.footprint import CLOCK, recorder

# 2026-01-01T00:00:00Z, where the wall clock of an execution starts unless the world says otherwise.
DEFAULT_EPOCH_NS = 1_767_225_600_000_000_000

_NS_PER_MS = 1_000_000
# How many arguments stand before the moment.
_FUNCTIONS = {"date": 0, "time": 0, "datetime": 0, "julianday": 0, "unixepoch": 0, "strftime": 1}
_KEYWORDS = {"current_timestamp": "datetime", "current_date": "date", "current_time": "time"}


class VirtualCalendar:
    """The date functions of one execution.

    Args:
        now_ns: the virtual wall clock, nanoseconds since 1970.
    """

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self._calendar: sqlite3.Connection | None = None

    def install(self, connection: sqlite3.Connection) -> None:
        """Make ``connection`` tell virtual time."""
        # Deterministic: SQLite asks once per statement, and indexes over date(column) keep working.
        for function, leading in _FUNCTIONS.items():
            connection.create_function(function, -1, self._function(function, leading), deterministic=True)
        for keyword, function in _KEYWORDS.items():
            connection.create_function(keyword, 0, self._function(function, 0), deterministic=True)

    def close(self) -> None:
        """Close the private connection; it opens again when needed."""
        if self._calendar is not None:
            self._calendar.close()
            self._calendar = None

    def _function(self, function: str, leading: int) -> Callable[..., Any]:
        def compute(*arguments: Any) -> Any:
            values = list(arguments)
            if len(values) == leading:
                values.append("now")
            moment = values[leading] if len(values) > leading else None
            if isinstance(moment, str) and moment.strip().lower() == "now":
                values[leading] = self._moment()
            marks = ", ".join("?" * len(values))
            if self._calendar is None:
                self._calendar = sqlite3.connect(":memory:", isolation_level=None)
            return self._calendar.execute(f"SELECT {function}({marks})", values).fetchone()[0]

        return compute

    def _moment(self) -> str:
        recorder.read(CLOCK)
        milliseconds = self._now_ns() // _NS_PER_MS
        seconds = datetime.fromtimestamp(milliseconds // 1000, UTC)
        return f"{seconds:%Y-%m-%d %H:%M:%S}.{milliseconds % 1000:03d}"
