"""Explores small programs on real PostgreSQL through the product's own loop and search, on either driver."""

from __future__ import annotations

import asyncio

import asyncpg
import psycopg
from pg_lab import EPOCH_NS, FAR_DSN

from simharness.core.trace import digest
from simharness.explore.campaign import Campaign
from simharness.explore.strategy import build
from simharness.loop.garbage import collected_between_executions
from simharness.loop.network import Network
from simharness.loop.primitives import tracked_asyncio
from simharness.program.execution import ProgramExecution

DRIVERS = ["asyncpg", "psycopg"]


class Asyncpg:
    def __init__(self, connection):
        self.connection = connection

    @classmethod
    async def open(cls):
        return cls(await asyncpg.connect(FAR_DSN, ssl=False))

    async def do(self, sql):
        await self.connection.execute(sql)

    async def value(self, sql):
        return await self.connection.fetchval(sql)

    async def close(self):
        await self.connection.close()


class Psycopg(Asyncpg):
    @classmethod
    async def open(cls):
        return cls(await psycopg.AsyncConnection.connect(FAR_DSN, autocommit=True))

    async def value(self, sql):
        row = await (await self.connection.execute(sql)).fetchone()
        return None if row is None else row[0]


class _Bridge(Network):
    def __init__(self, database):
        self.database = database

    async def connect(self, loop, protocol_factory, **options):
        return await self.database.connect(loop, protocol_factory)


class Execution(ProgramExecution):
    """A program with the database; what is committed in the end is part of the outcome."""

    def __init__(self, database, kind, play, final):
        sessions = []

        async def program():
            await opened.wait()
            return tuple(await asyncio.gather(*map(play, sessions)))

        async def connect():
            while len(sessions) < 2:
                sessions.append(await kind.open())

        super().__init__(program)
        # Inside: what is made outside of steps is named after whatever ran last.
        opened = self.call(asyncio.Event)
        self._database, self._final = database, final
        self.loop.network = _Bridge(database)
        database.begin(self.loop, EPOCH_NS)
        # Connecting is set-up: its timeouts are nothing to explore.
        self.spawn(connect())
        self.settle()
        self.call(opened.set)

    def conclude(self):
        outcome, findings = super().conclude()
        committed = next((row[0] for row in self._database.query(self._final)), None)
        return (outcome, committed), findings

    def close(self):
        if self._database.bridge is not None:
            self._database.end()
        super().close()


class Explored:
    """What came out of every interleaving of some sessions."""

    def __init__(self, database, driver, scripts, final, strategy="dpor"):
        kind = {"asyncpg": Asyncpg, "psycopg": Psycopg}[driver]

        async def play(session, left):
            try:
                return await left.pop(0)(session)
            except (asyncpg.PostgresError, psycopg.Error) as error:
                return error.sqlstate

        self.labels, self.digests = [], []
        # Executions end with open connections; what the drivers say about it is said to nobody.
        with tracked_asyncio(), collected_between_executions():

            def execution():
                left = list(scripts)
                return Execution(database, kind, lambda session: play(session, left), final)

            campaign = Campaign(execution, _Watched(build(strategy, execution, seed=0), self), stock=True)
            campaign.run()
        assert campaign.exhausted
        assert not campaign.candidates
        self.outcomes = set(campaign.outcomes)


class _Watched:
    """A search that notes what it hands out."""

    def __init__(self, search, explored):
        self._search, self._explored = search, explored

    def __getattr__(self, attribute):
        return getattr(self._search, attribute)

    def executions(self):
        for execution in self._search.executions():
            self._explored.labels.append([step.label for step in execution.steps])
            self._explored.digests.append(digest(execution.steps))
            yield execution


def transaction(*statements, level="READ COMMITTED"):
    """A script that runs statements in one transaction and returns the last value that it read."""

    async def script(session):
        seen = None
        await session.do(f"BEGIN ISOLATION LEVEL {level}")
        for statement in statements:
            if statement.startswith("SELECT"):
                seen = await session.value(statement)
            else:
                await session.do(statement.format(seen=seen))
        await session.do("COMMIT")
        return seen

    return script
