"""asyncpg's own timers that stand for nothing here are kept off the program's loop.

The entries of its cache of prepared statements would expire by a timer of five minutes each, which could fire between
any two steps and changes nothing but round trips. And opening a connection has a timeout of a minute, although here it
happens at once: a timer that may fire at any moment would fail it all the same.
"""

from __future__ import annotations

import sys
from typing import Any

from simharness.database.postgresql.asyncpg_pool import AsyncpgPools


class AsyncpgSeam:
    """Keeps these timers away while an execution runs."""

    def __init__(self) -> None:
        self._original: Any = None
        self._compat: Any = None
        self._pools = AsyncpgPools()

    def begin(self) -> None:
        """Patch asyncpg."""
        from asyncpg import connection

        self._original = connection._StatementCache._set_entry_timeout
        self._compat = connection.compat
        connection._StatementCache._set_entry_timeout = _keep
        connection.compat = _UntimedConnect(self._compat)
        self._pools.begin()

    def end(self) -> None:
        """Put asyncpg back as it was."""
        from asyncpg import connection

        connection._StatementCache._set_entry_timeout = self._original
        connection.compat = self._compat
        self._pools.end()


class _UntimedConnect:
    """Stands for asyncpg's ``compat`` where connections are made: ``connect`` gets no timeout, commands keep theirs."""

    def __init__(self, original: Any) -> None:
        self._original = original

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self._original, attribute)

    def timeout(self, delay: float | None) -> Any:
        """Return the context of a timeout."""
        opening = sys._getframe(1).f_code.co_name == "connect"
        return self._original.timeout(None if opening else delay)


def _keep(_cache: Any, _entry: Any) -> None:
    """Let a cached statement stay."""
