"""Pooled connections of SQLAlchemy: which of them a task gets must not matter.

Which one it is depends on the order of steps that commute. So a connection is named after its checkout, and forgets
what an earlier user of it had prepared: otherwise the number of its round trips would tell who that was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.pool import Pool

from simharness.database.postgresql.session import Session
from simharness.database.postgresql.transport import SessionTransport


@contextmanager
def nameless_connections(psycopg_session: Callable[[Any], Session | None]) -> Iterator[None]:
    """Make all connections of a pool alike while the context lasts.

    Args:
        psycopg_session: finds the session of a psycopg connection.
    """

    def checked_out(adapted: Any, _record: Any, _proxy: Any) -> None:
        driver = getattr(adapted, "driver_connection", None)
        transport = getattr(driver, "_transport", None)
        if isinstance(transport, SessionTransport):
            transport.session.check_out()
            _forget_asyncpg(adapted, driver)
        elif hasattr(driver, "pgconn"):
            session = psycopg_session(driver)
            if session is not None:
                session.check_out()
                _forget_psycopg(driver)

    event.listen(Pool, "checkout", checked_out)
    try:
        yield
    finally:
        event.remove(Pool, "checkout", checked_out)


def _forget_asyncpg(adapted: Any, driver: Any) -> None:
    cache = getattr(adapted, "_prepared_statement_cache", None)
    if cache is not None:
        cache.clear()
    driver._stmt_cache.clear()
    # The server forgets them when the execution ends.
    driver._stmts_to_close.clear()


def _forget_psycopg(driver: Any) -> None:
    old = driver._prepared
    fresh = type(old)()
    fresh.prepare_threshold, fresh.prepared_max = old.prepare_threshold, old.prepared_max
    # Names go on: the server still has the old ones.
    fresh._prepared_idx = old._prepared_idx
    driver._prepared = fresh
    # A new lock has the name of this checkout; nobody holds the one of an idle connection.
    driver.lock = asyncio.Lock()
