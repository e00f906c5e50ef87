"""A batch: what a client sends up to Query, Sync or Flush; the unit that executes and that is answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from simharness.database.postgresql import intercept, wire
from simharness.database.postgresql.backend import READY
from simharness.database.postgresql.statement import CONTINUED, Statement, understand
from simharness.database.postgresql.wire import Message
from simharness.database.shape import Verb

# Each of these frontend messages is answered by one of _ANSWERS before the next is looked at.
_ANSWERED = frozenset({b"P", b"B", b"D", b"E", b"C"})
_ANSWERS = frozenset({b"1", b"2", b"3", b"T", b"n", b"C", b"s", b"I"})
_COPY_IN = b"G"
_COPY_DATA = frozenset({b"d", b"c", b"f"})
_INTEGERS = frozenset({20, 21, 23, 26})
_TEXTS = frozenset({0, 25, 1043, 19})
_BOOLEAN, _UUID = 16, 2950


_Bound = tuple[Statement, tuple[Any, ...]]


@dataclass(slots=True)
class Batch:
    """One batch on its way through the bridge.

    Args:
        messages: what goes to the server.
        statements: what it executes, with the values bound to it.
        prepares: what it has the server parse, and not more.
        ending: the kind of its last message.
        process: the causal name of the request; 0 while it has none (batches that happen at once).
        lane: who sent it, for timelines.
        source: the line that sent it, for timelines.
        reply: the server's answer so far.
        waited: it had to wait for a lock.
        hang_up: the client is gone after this one.
        data: it is the data of a COPY.
        bound: the prepared statement that it executes last.
        binary: whether that one returns all its columns in binary format.
    """

    messages: list[Message]
    statements: list[tuple[Statement, tuple[Any, ...]]] = field(default_factory=list)
    prepares: list[Statement] = field(default_factory=list)
    ending: bytes = b"S"
    process: int = 0
    lane: str = ""
    source: str | None = None
    reply: list[Message] = field(default_factory=list)
    waited: bool = False
    hang_up: bool = False
    data: bool = False
    answers_left: int = 0
    bound: str = ""
    binary: bool = False

    @property
    def label(self) -> str:
        """A short text for schedules."""
        if self.hang_up:
            return "disconnect"
        if not self.statements and self.prepares:
            return f"prepare {self.prepares[0].label}"
        first = self.statements[0][0].label if self.statements else "sync"
        more = len(self.statements) - 1
        return f"{first} (+{more})" if more > 0 else first

    @property
    def instant(self) -> bool:
        """Whether every statement may run at once."""
        return all(statement.instant for statement, _ in self.statements)

    @property
    def looks(self) -> bool:
        """Whether it makes the server take a snapshot; parsing does, since the tables are looked up."""
        return any(not statement.plain for statement in (*self.prepares, *(each for each, _ in self.statements)))

    @property
    def silent(self) -> bool:
        """Whether the server has nothing to answer: a Flush with nothing before it."""
        return self.ending == b"H" and self.answers_left == 0

    def answered(self, message: Message) -> bool:
        """Return whether ``message`` is the last of the answer."""
        if message.kind in (READY, _COPY_IN):
            return True
        if self.ending != b"H":
            return False
        if message.kind == b"E":
            return True
        self.answers_left -= message.kind in _ANSWERS
        return self.answers_left <= 0


class Reader:
    """Cuts a client's messages into batches, and remembers its prepared statements."""

    def __init__(self) -> None:
        self._pending: list[Message] = []
        self._texts: dict[str, str] = {}
        self._types: dict[str, tuple[int, ...]] = {}
        self._columns: dict[str, list[str]] = {}
        # Portals that were opened and not executed at once, such as the cursors of asyncpg.
        self._opened: dict[str, _Bound] = {}
        self._described: list[str] = []
        self._last_ending = b""
        # Whether the server waits for COPY data.
        self.copying = False
        self.mid_series = False
        # After an error the server ignores everything until Sync, and answers none of it.
        self.skipping = False

    def add(self, message: Message) -> Batch | None:
        """Take the next message and return the batch that it completes, if it does."""
        self._pending.append(message)
        data = self._pending[0].kind in _COPY_DATA
        # In the extended protocol a Sync follows the data; the server swallowed the one before it.
        if message.kind not in (b"QSHX" if not data else b"cf" if self._last_ending == b"Q" else b"S"):
            return None
        messages, self._pending = self._pending, []
        if data:
            return Batch(messages, [(understand("COPY data"), ())], ending=b"S", data=True)
        self._last_ending = message.kind
        batch = Batch([], ending=message.kind)
        self._read(messages, batch)
        return batch

    def learn(self, batch: Batch) -> None:
        """Remember what the answer to a batch told: parameter types, and whether work waits for its Sync."""
        self.copying = bool(batch.reply) and batch.reply[-1].kind == _COPY_IN
        failed = any(message.kind == b"E" for message in batch.reply)
        self.skipping = batch.ending == b"H" and (self.skipping or failed)
        self.mid_series = batch.ending == b"H" and (self.mid_series or failed or bool(batch.statements))
        statement = None
        for message in batch.reply:
            if message.kind == b"E":
                self._described.clear()
            elif message.kind == b"t" and self._described:
                statement = self._described.pop(0)
                self._types[statement] = wire.read_oids(message.body)
            elif message.kind == b"T" and statement is not None:
                self._columns[statement] = [column for column, _ in wire.read_columns(message)]
                statement = None

    def returned(self, batch: Batch, column: str) -> tuple[str, ...] | None:
        """Return an integer column of the rows that a statement returned, as text; None where it cannot be told."""
        names = self._columns.get(batch.bound, [])
        texts = []
        for message in batch.reply:
            if message.kind == b"T":
                names = [name for name, _ in wire.read_columns(message)]
            elif message.kind == b"D":
                raw = wire.read_raw_row(message)
                value = raw[names.index(column)] if names.count(column) == 1 and len(raw) == len(names) else None
                if value is None:
                    return None
                texts.append(str(int.from_bytes(value, "big", signed=True)) if batch.binary else value.decode())
        return tuple(texts) or None

    def _read(self, messages: list[Message], batch: Batch) -> None:
        portals: dict[str, _Bound] = {}
        executed: set[str] = set()
        for message in messages:
            sent = message
            match message.kind:
                case b"Q":
                    sql = message.body[:-1].decode()
                    sent = wire.query(intercept.rewritten(sql))
                    batch.statements.append((understand(sql), ()))
                case b"P":
                    parsed = wire.read_parse(message)
                    self._texts[parsed.statement] = parsed.sql
                    batch.prepares.append(understand(parsed.sql))
                    self._types[parsed.statement] = parsed.oids
                    sent = parsed._replace(sql=intercept.rewritten(parsed.sql)).encode()
                case b"B":
                    bound = wire.read_bind(message)
                    portals[bound.portal] = self._bound(bound)
                    batch.bound, batch.binary = bound.statement, wire.returns_binary(message)
                case b"D" if message.body[:1] == b"S":
                    self._described.append(message.body[1:-1].decode())
                case b"E":
                    portal = message.body.split(b"\0", 1)[0].decode()
                    batch.statements.append(portals.get(portal) or self._opened.pop(portal, (CONTINUED, ())))
                    executed.add(portal)
            batch.answers_left += message.kind in _ANSWERED
            batch.messages.append(sent)
        for portal in sorted(portals.keys() - executed):
            self._open(portal, portals[portal], batch)

    def _open(self, portal: str, bound: _Bound, batch: Batch) -> None:
        shape = bound[0].shape
        # What a query sees is fixed here; what else a statement does, when it is executed.
        if shape.verb is Verb.SELECT:
            batch.statements.append(bound)
        if shape.verb is not Verb.SELECT or shape.locking or shape.unknown:
            self._opened[portal] = bound

    def _bound(self, bound: wire.Bind) -> tuple[Statement, tuple[Any, ...]]:
        sql = self._texts.get(bound.statement, "")
        types = self._types.get(bound.statement, ())
        padded = (*types, *(-1 for _ in range(len(bound.values) - len(types))))
        return understand(sql), tuple(
            _value(binary, raw, oid) for (binary, raw), oid in zip(bound.values, padded, strict=False)
        )


class Unread:
    """A bound value whose type says nothing about which rows it is equal to."""


_UNREAD = Unread()


def _value(binary: bool, raw: bytes | None, oid: int) -> Any:
    """Return a bound value as Python's, where equal values are equal rows; something unknown otherwise."""
    if raw is None:
        return None
    if not binary:
        return raw.decode() if oid in _TEXTS | _INTEGERS | {_UUID, -1} else _UNREAD
    if oid in _INTEGERS:
        return int.from_bytes(raw, "big", signed=True)
    if oid in _TEXTS:
        return raw.decode()
    if oid == _UUID:
        return UUID(bytes=raw)
    return bool(raw[0]) if oid == _BOOLEAN else _UNREAD
