"""Replaces what the server numbers by chance (process and transaction numbers) in messages to the client."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

from simharness.database.postgresql import wire
from simharness.database.postgresql.wire import Message

_PROCESS = re.compile(r"\b([Pp]rocess) (\d+)")
_TRANSACTION = re.compile(r"\btransaction (\d+)")
_TEXT_FIELDS = frozenset("MDHW")
_PROCESS_NUMBER = struct.Struct("!I")


def masked(message: Message, number_of: Callable[[int], int]) -> Message:
    """Return a message with the numbers that this execution gave to its sessions.

    Args:
        message: a message of the server.
        number_of: from the operating system's process number to the session's number.
    """
    if message.kind == b"A":
        (pid,) = _PROCESS_NUMBER.unpack_from(message.body)
        return Message(b"A", _PROCESS_NUMBER.pack(number_of(pid)) + message.body[4:])
    if message.kind not in (b"E", b"N"):
        return message
    seen: dict[str, int] = {}

    def transaction(match: re.Match[str]) -> str:
        return f"transaction {seen.setdefault(match[1], len(seen) + 1)}"

    by_letter = wire.fields(message)
    for letter in sorted(_TEXT_FIELDS & by_letter.keys()):
        text = _PROCESS.sub(lambda match: f"{match[1]} {number_of(int(match[2]))}", by_letter[letter])
        by_letter[letter] = _TRANSACTION.sub(transaction, text)
    return wire.response(message.kind, by_letter)


def retitled(message: Message, code: str, text: str) -> Message:
    """Return an error as the server words it for another cause: our timeouts reach it as a cancel request."""
    by_letter = wire.fields(message)
    if message.kind != b"E" or by_letter.get("C") != "57014":
        return message
    return wire.response(b"E", by_letter | {"C": code, "M": text})
