"""Cursors: what they see is fixed when they are opened, whatever is fetched later."""

from __future__ import annotations

from pg_lab import connected
from test_pg_footprints import WRITE

from simharness.core import name
from simharness.core.footprint import shared_keys

SCAN = "SELECT id, status FROM bots ORDER BY id"


def visible(one, other):
    return [name.text(key) for key in shared_keys(one, other) if " visible " in name.text(key)]


def opened_by(lab, open_cursor):
    """Open a cursor in one session, write in another, fetch; return which steps met over rows, and what was read."""

    async def program():
        async with connected(2) as (left, right):
            await left.execute("BEGIN")
            fetch = await open_cursor(left)
            await right.execute(WRITE)
            rows = await fetch()
            await left.execute("COMMIT")
            return [tuple(row) for row in rows]

    rows = lab.run(program)
    write = lab.agenda.footprint(WRITE)
    return [label for label, footprint in lab.agenda.footprints if label != WRITE and visible(footprint, write)], rows


def test_a_cursor_of_asyncpg_reads_when_it_is_opened(lab):
    async def open_cursor(connection):
        cursor = await connection.cursor(SCAN)
        return lambda: cursor.fetch(2)

    met, rows = opened_by(lab, open_cursor)
    assert met == [SCAN]
    assert rows == [(1, "RUNNING"), (2, "RUNNING")]


def test_a_declared_cursor_reads_when_it_is_declared(lab):
    async def open_cursor(connection):
        await connection.execute(f"DECLARE scan CURSOR FOR {SCAN}")
        return lambda: connection.fetch("FETCH 2 FROM scan")

    met, rows = opened_by(lab, open_cursor)
    assert met == [f"DECLARE scan CURSOR FOR {SCAN}"]
    assert rows == [(1, "RUNNING"), (2, "RUNNING")]


def test_a_statement_that_writes_through_a_cursor_writes_when_it_is_executed(lab):
    change = "UPDATE bots SET status = 'C' WHERE id = 2 RETURNING id"

    async def program():
        async with connected(1) as (connection,):
            await connection.execute("BEGIN")
            cursor = await connection.cursor(change)
            assert await cursor.fetch(1)
            await connection.execute("ROLLBACK")

    lab.run(program)
    locked = [
        label for label, print_ in lab.agenda.footprints if any(" lock bots.2" in name.text(k) for k in print_.writes)
    ]
    assert locked == [change, "ROLLBACK"]
