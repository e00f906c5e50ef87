"""Tables and first rows that a user gives as SQL or as a function, without a system."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from simharness.errors import ScenarioError

if TYPE_CHECKING:
    from sqlalchemy import Connection

Schema = str | Sequence[str] | Callable[["Connection"], object]
"""SQL, statements, or a function that gets a synchronous connection of SQLAlchemy."""


def checked(given: Schema | None) -> Schema:
    """Return a schema as it is kept; nothing for None.

    Raises:
        ScenarioError: it is none.
    """
    if given is None:
        return ()
    if inspect.iscoroutinefunction(given):
        raise ScenarioError("schema: a coroutine function; it must be a plain one, and gets a synchronous connection")
    if isinstance(given, str) or callable(given):
        return given
    if not isinstance(given, Sequence) or not all(isinstance(each, str) for each in given):
        raise ScenarioError(f"schema: must be SQL, a sequence of statements, or a function, not {given!r}")
    return tuple(given)


def create(schema: Schema, connection: Connection) -> None:
    """Make the tables and the first rows.

    Raises:
        ScenarioError: the database refuses the SQL.
    """
    if callable(schema):
        schema(connection)
        return
    for sql in [schema] if isinstance(schema, str) else schema:
        try:
            _run(connection, sql)
        except Exception as error:
            words = str(getattr(error, "orig", error)).strip().splitlines()
            raise ScenarioError(f"schema: {words[0] if words else type(error).__name__}") from error


def _run(connection: Connection, sql: str) -> None:
    """Run SQL with as many statements as it has."""
    script = getattr(connection.connection.driver_connection, "executescript", None)
    if script is not None:
        script(sql)
    else:
        # Without parameters psycopg sends the text as it is, also with several statements and percent signs.
        connection.exec_driver_sql(sql, execution_options={"no_parameters": True})
