"""asyncpg's cache of prepared statements: entries do not expire while an execution runs.

They would by a timer of five minutes each, which could fire between any two steps and changes nothing but round trips.
"""

from __future__ import annotations

from typing import Any


class AsyncpgSeam:
    """Keeps the cache's timers off the program's loop."""

    def __init__(self) -> None:
        self._original: Any = None

    def begin(self) -> None:
        """Patch asyncpg."""
        from asyncpg import connection

        self._original = connection._StatementCache._set_entry_timeout
        connection._StatementCache._set_entry_timeout = _keep

    def end(self) -> None:
        """Put asyncpg back as it was."""
        from asyncpg import connection

        connection._StatementCache._set_entry_timeout = self._original


def _keep(_cache: Any, _entry: Any) -> None:
    """Let a cached statement stay."""
