"""SQLite through aiosqlite: real driver, real file, no thread; statements happen when the explorer says so."""

from simharness.database.sqlite.files import SqliteDatabase
from simharness.database.sqlite.seam import SqliteSeam
from simharness.database.sqlite.waiting import Wait

__all__ = ["SqliteDatabase", "SqliteSeam", "Wait"]
