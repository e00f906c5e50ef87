"""The database of a plain program: what a user asks for, and what the program and its checks get to see of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from simharness.core.suggest import unknown
from simharness.errors import ScenarioError
from simharness.loop.guard import guard, refused
from simharness.program.duration import duration_ns
from simharness.world.schema import Schema, checked, create
from simharness.world.setting import DRIVERS, ENGINES, ISOLATION, Setting

if TYPE_CHECKING:
    from simharness.database.pool import Pools
    from simharness.world.databases import Port

DatabaseChoice = str | Mapping[str, str]
"""``sqlite``, ``postgresql``, or a mapping with some of the keys of ``DatabaseTerms``."""

_KEYS = ("engine", "url", "driver", "isolation", "lock_timeout")
_ONLY_POSTGRESQL = ("url", "driver", "isolation")


@dataclass(frozen=True, slots=True)
class DatabaseTerms:
    """The database that a program gets; the keys are those of a scenario.

    Args:
        engine: ``sqlite`` or ``postgresql``.
        url: a PostgreSQL server of the user's; None: the embedded one.
        driver: which driver ``world().database.url`` names, ``asyncpg`` or ``psycopg``.
        isolation: the default isolation level; None for the engine's own.
        lock_timeout: after this much virtual time a lock wait may fail, such as ``5s``; None for never.
        schema: makes the tables and the first rows.
    """

    engine: str = "sqlite"
    url: str | None = None
    driver: str = DRIVERS[0]
    isolation: str | None = None
    lock_timeout: str | None = None
    schema: Schema = ()

    @classmethod
    def of(cls, given: DatabaseChoice | None, schema: Schema | None) -> DatabaseTerms | None:
        """Return the terms for what a user gave; None for no database.

        Raises:
            ScenarioError: it makes no sense.
        """
        if given is None:
            if schema is not None:
                raise ScenarioError("schema: there is no database to make it in; say database='sqlite' or 'postgresql'")
            return None
        keys = _spelt_out(given)
        if keys.get("engine") != "postgresql":
            extra = next((key for key in _ONLY_POSTGRESQL if key in keys), None)
            if extra is not None:
                raise ScenarioError(f"database: {extra!r} is for postgresql alone")
        terms = cls(**keys, schema=checked(schema))
        _ = terms.setting  # now, not in the middle
        return terms

    @property
    def setting(self) -> Setting:
        """The same for the world.

        Raises:
            ScenarioError: the timeout is no duration.
        """
        text = self.lock_timeout
        timeout_ns = None if text is None else duration_ns("database: lock_timeout", text)
        return Setting(
            engine=self.engine,
            database_url=self.url,
            driver=self.driver,
            isolation=self.isolation,
            lock_timeout_ns=timeout_ns,
        )


def _spelt_out(given: DatabaseChoice) -> dict[str, str]:
    """Return the keys with which ``DatabaseTerms`` is made."""
    if isinstance(given, str):
        given = {"engine": given}
    if not isinstance(given, Mapping):
        raise ScenarioError(
            f"database: must be 'sqlite', 'postgresql' or a mapping such as {{'url': …}}, not {given!r}"
        )
    for key, value in given.items():
        if key not in _KEYS:
            raise ScenarioError(unknown("key of database:", str(key), _KEYS))
        if not isinstance(value, str):
            raise ScenarioError(f"database: {key!r} must be text, not {value!r}")
    keys = dict(given)
    if "url" in keys:
        scheme = re.split(r"[+:]", keys["url"], maxsplit=1)[0]
        engine = "postgresql" if scheme == "postgres" else scheme
        if keys.setdefault("engine", engine) != engine:
            raise ScenarioError(f"database: the url is one of {engine}, and engine says {keys['engine']}")
    if "isolation" in keys:
        keys["isolation"] = keys["isolation"].lower()
    for key, known in (("engine", ENGINES), ("isolation", ISOLATION), ("driver", DRIVERS)):
        if key in keys and keys[key] not in known:
            kind = {"engine": "database", "isolation": "isolation level"}.get(key, key)
            raise ScenarioError(unknown(kind, keys[key], known))
    return keys


class Database:
    """What a program and its checks see of the database: ``simharness.world().database``.

    Args:
        port: the database of this exploration.

    Attributes:
        url: a URL for SQLAlchemy's ``create_async_engine``.
        dsn: what the drivers take: a file for ``aiosqlite.connect``, a DSN for ``asyncpg`` and ``psycopg``. Under
            PostgreSQL any other DSN will do, with any host: all lead to this database, and nothing is dialled.
    """

    def __init__(self, port: Port) -> None:
        self._port: Port | None = port
        self.url = port.url
        scheme, _, rest = port.url.partition("://")
        self.dsn = rest.removeprefix("/") if scheme.startswith("sqlite") else f"{scheme.partition('+')[0]}://{rest}"

    def fetch(self, sql: str) -> list[dict[str, Any]]:
        """Return the rows of a query on what is committed, through a session beside the program's.

        For the outcome and for checks, which are called when nothing can happen any more.

        Args:
            sql: a query without parameters, in the database's own words.

        Returns:
            Rows by column name, with Python's values.

        Raises:
            Nondeterminism: the program itself asks, or the query waits for a lock that the program has left behind.
            RuntimeError: the execution is over.
        """
        if guard.active:
            raise refused(
                "world().database.fetch() looks at committed state from outside, when nothing can happen any more; the "
                "program itself reads through a connection of its own"
            )
        if self._port is None:
            raise RuntimeError("world().database.fetch(): this execution is over; read in the outcome or in the check")
        self._port.observe_all()
        return self._port.read(sql)

    def end(self) -> None:
        """Let go of the database: the execution is over."""
        self._port = None


@dataclass(frozen=True, slots=True)
class Served:
    """A database, prepared for as many executions as one likes.

    Args:
        port: the database.
        pools: watches the connection pools of the program.
    """

    port: Port
    pools: Pools


@contextmanager
def served(terms: DatabaseTerms) -> Iterator[Served]:
    """Prepare the database of a program.

    Raises:
        ScenarioError: the extra is not installed, the server is not as it must be, or the schema is refused.
    """
    # Late: whoever explores without a database need not import SQLAlchemy.
    from simharness.database.pool import commuting_checkouts, loaded_by
    from simharness.instrument import adopt
    from simharness.loop.primitives import no_free_list
    from simharness.world.databases import open_database

    with ExitStack() as stack:
        pools = stack.enter_context(commuting_checkouts(no_free_list))
        port = open_database(terms.setting, stack)
        assert port is not None, "both engines have one"
        port.prepare(partial(create, terms.schema))
        stack.enter_context(loaded_by(adopt))
        pools.exploring = pools.cold = True
        yield Served(port, pools)
