"""PostgreSQL's frontend/backend protocol, version 3: framing and the few messages that matter here.

See https://www.postgresql.org/docs/18/protocol-message-formats.html. A message is one type byte, a length that counts
itself, and a body; only what opens a connection has no type byte.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

PROTOCOL_3 = 196608
CANCEL_REQUEST = 80877102
SSL_REQUEST = 80877103
GSS_REQUEST = 80877104

_LENGTH = struct.Struct("!I")
_OPENING = struct.Struct("!II")
_SHORT = struct.Struct("!H")
_SIGNED = struct.Struct("!i")
_KEY_DATA = struct.Struct("!II")
_READERS: dict[int, Callable[[str], Any]] = {
    16: lambda text: text == "t",
    20: int,
    21: int,
    23: int,
    26: int,
    700: float,
    701: float,
    1700: Decimal,
}


class Message(NamedTuple):
    """One framed message."""

    kind: bytes
    body: bytes

    def encode(self) -> bytes:
        """Return the bytes on the wire."""
        return self.kind + _LENGTH.pack(len(self.body) + 4) + self.body


def take(buffer: bytearray) -> Message | None:
    """Remove and return the first complete message of a buffer."""
    if len(buffer) < 5:
        return None
    end = 1 + _LENGTH.unpack_from(buffer, 1)[0]
    if len(buffer) < end:
        return None
    message = Message(bytes(buffer[:1]), bytes(buffer[5:end]))
    del buffer[:end]
    return message


class Opening(NamedTuple):
    """What a client says first: a startup with parameters, or a request by code."""

    code: int
    body: bytes

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters of a startup message."""
        parts = self.body.split(b"\0")
        return {k.decode(): v.decode() for k, v in zip(parts[::2], parts[1::2], strict=False) if k}

    @property
    def target(self) -> int:
        """The process number of a cancel request."""
        return int(_LENGTH.unpack_from(self.body)[0])


def take_opening(buffer: bytearray) -> Opening | None:
    """Remove and return the untyped first message of a connection."""
    if len(buffer) < 8:
        return None
    length, code = _OPENING.unpack_from(buffer)
    if len(buffer) < length:
        return None
    opening = Opening(code, bytes(buffer[8:length]))
    del buffer[:length]
    return opening


def startup(parameters: Mapping[str, str]) -> bytes:
    """Return a startup message."""
    body = b"".join(k.encode() + b"\0" + v.encode() + b"\0" for k, v in parameters.items()) + b"\0"
    return _OPENING.pack(len(body) + 8, PROTOCOL_3) + body


def query(sql: str) -> Message:
    """Return a simple query."""
    return Message(b"Q", sql.encode() + b"\0")


def key_data(process: int, secret: int) -> Message:
    """Return a BackendKeyData message."""
    return Message(b"K", _KEY_DATA.pack(process, secret))


def read_key_data(message: Message) -> int:
    """Return the process number of a BackendKeyData message."""
    return int(_LENGTH.unpack_from(message.body)[0])


def fields(message: Message) -> dict[str, str]:
    """Return the fields of an ErrorResponse or NoticeResponse by their letter."""
    parts = (part for part in message.body.split(b"\0") if part)
    return {part[:1].decode(): part[1:].decode(errors="replace") for part in parts}


def response(kind: bytes, by_letter: Mapping[str, str]) -> Message:
    """Return an ErrorResponse (``E``) or NoticeResponse (``N``)."""
    body = b"".join(letter.encode() + text.encode() + b"\0" for letter, text in by_letter.items())
    return Message(kind, body + b"\0")


def read_columns(message: Message) -> list[tuple[str, int]]:
    """Return the names and type numbers of a RowDescription."""
    (count,) = _SHORT.unpack_from(message.body)
    at = 2
    columns = []
    for _ in range(count):
        end = message.body.index(b"\0", at)
        name = message.body[at:end].decode()
        # After the name: table (4 bytes), column (2), type (4), size (2), modifier (4), format (2).
        columns.append((name, int(_LENGTH.unpack_from(message.body, end + 7)[0])))
        at = end + 19
    return columns


def read_row(message: Message) -> list[str | None]:
    """Return the columns of a DataRow in text format."""
    return [None if raw is None else raw.decode() for raw in read_raw_row(message)]


def read_raw_row(message: Message) -> list[bytes | None]:
    """Return the columns of a DataRow as they are."""
    (count,) = _SHORT.unpack_from(message.body)
    at = 2
    row: list[bytes | None] = []
    for _ in range(count):
        (length,) = _SIGNED.unpack_from(message.body, at)
        at += 4
        if length < 0:
            row.append(None)
            continue
        row.append(message.body[at : at + length])
        at += length
    return row


def value_of(text: str | None, oid: int) -> Any:
    """Return a column in text format as Python's value: int, Decimal, float, bool; of other types the text."""
    if text is None:
        return None
    reader = _READERS.get(oid)
    return text if reader is None else reader(text)


class Parse(NamedTuple):
    """The parts of a Parse message."""

    statement: str
    sql: str
    types: bytes

    def encode(self) -> Message:
        """Return the message."""
        return Message(b"P", self.statement.encode() + b"\0" + self.sql.encode() + b"\0" + self.types)

    @property
    def oids(self) -> tuple[int, ...]:
        """The parameter types that the client states; 0 where it leaves them open."""
        return read_oids(self.types)


def read_parse(message: Message) -> Parse:
    """Return the parts of a Parse message."""
    statement, sql, rest = message.body.split(b"\0", 2)
    return Parse(statement.decode(), sql.decode(), rest)


def read_oids(body: bytes) -> tuple[int, ...]:
    """Return a counted list of type numbers, as in Parse and ParameterDescription."""
    (count,) = _SHORT.unpack_from(body)
    return tuple(struct.unpack_from(f"!{count}I", body, 2))


class Bind(NamedTuple):
    """The parts of a Bind message: raw values, and whether each is binary."""

    portal: str
    statement: str
    values: tuple[tuple[bool, bytes | None], ...]


def read_bind(message: Message) -> Bind:
    """Return the parts of a Bind message."""
    portal, statement, rest = message.body.split(b"\0", 2)
    (count,) = _SHORT.unpack_from(rest)
    formats = struct.unpack_from(f"!{count}H", rest, 2)
    at = 2 + 2 * count
    (values,) = _SHORT.unpack_from(rest, at)
    at += 2
    found: list[tuple[bool, bytes | None]] = []
    for position in range(values):
        (length,) = _SIGNED.unpack_from(rest, at)
        at += 4
        binary = bool(formats[position] if count > 1 else formats[0] if count else 0)
        found.append((binary, None if length < 0 else rest[at : at + length]))
        at += max(length, 0)
    return Bind(portal.decode(), statement.decode(), tuple(found))


def returns_binary(message: Message) -> bool:
    """Return whether a Bind asks for every column in binary format."""
    rest = message.body.split(b"\0", 2)[2]
    at = 2 + 2 * int(_SHORT.unpack_from(rest)[0])
    (values,) = _SHORT.unpack_from(rest, at)
    at += 2
    for _ in range(values):
        at += 4 + max(int(_SIGNED.unpack_from(rest, at)[0]), 0)
    (count,) = _SHORT.unpack_from(rest, at)
    return count > 0 and all(struct.unpack_from(f"!{count}H", rest, at + 2))


def bind(statement: str, *values: str) -> Message:
    """Return a Bind of text values to the unnamed-free portal of an own statement."""
    body = b"simharness\0" + statement.encode() + b"\0" + _SHORT.pack(0) + _SHORT.pack(len(values))
    for value in values:
        raw = value.encode()
        body += _LENGTH.pack(len(raw)) + raw
    return Message(b"B", body + _SHORT.pack(0))


def encode(messages: Iterable[Message]) -> bytes:
    """Return several messages as bytes."""
    return b"".join(message.encode() for message in messages)


def each(data: bytes) -> Iterator[Message]:
    """Yield the messages of complete bytes."""
    buffer = bytearray(data)
    while (message := take(buffer)) is not None:
        yield message
