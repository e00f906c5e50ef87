"""Replay tokens: a schedule and a fingerprint of what it belongs to, in a few characters.

``sh1-`` + Crockford base32 of: subject (4 bytes) · trace digest (4 bytes) · invariant (length and text) · step count ·
deviations as gaps, each with its place · check (2 bytes). Numbers are LEB128. The alphabet has no I, L, O, U; lower
case and these look-alikes are read as meant.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

from simharness.core.schedule import Deviation, Place, Schedule
from simharness.errors import TokenError

_PREFIX = "sh1-"
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LOOK_ALIKES = str.maketrans("ILO", "110")
_HINT = "copy it again, from the first character to the last"


@dataclass(frozen=True, slots=True)
class Token:
    """What a token says.

    Args:
        subject: 32 bits that name the program: scenario and case, or a function.
        trace: the first 32 bits of the trace digest that the replay must have.
        schedule: the choices.
        invariant: id of what the schedule violates; empty for any.
        places: one for each deviation, or none at all.
    """

    subject: int
    trace: int
    schedule: Schedule
    invariant: str = ""
    places: tuple[Place, ...] = ()

    def encode(self) -> str:
        """Return the text form."""
        body = bytearray(self.subject.to_bytes(4, "big") + self.trace.to_bytes(4, "big"))
        _put(body, len(self.invariant))
        body += self.invariant.encode("ascii")
        _put(body, 0 if self.schedule.length is None else self.schedule.length + 1)
        previous = -1
        _put(body, bool(self.places))
        for position, deviation in enumerate(self.schedule.deviations):
            _put(body, deviation.step - previous - 1)
            # The index and whether values follow share one number: most deviations have none.
            _put(body, deviation.index << 1 | bool(deviation.values))
            if self.places:
                place = self.places[position]
                body += place.displaced.to_bytes(2, "big") + place.chosen.to_bytes(2, "big")
                _put(body, place.before)
            if deviation.values:
                _put(body, len(deviation.values))
                for value in deviation.values:
                    _put(body, value)
            previous = deviation.step
        return _PREFIX + _base32(bytes(body) + _check(body))


def subject_of(*parts: str) -> int:
    """Return the 32-bit fingerprint that ties a token to a scenario and a case."""
    return int.from_bytes(blake2b("\x1f".join(parts).encode(), digest_size=4).digest(), "big")


def decode(text: str) -> Token:
    """Return what a token says.

    Raises:
        TokenError: the text is no token, is of another version, or is damaged.
    """
    cleaned = text.strip()
    version, dash, digits = cleaned.partition("-")
    if not dash or not version.lower().startswith("sh"):
        raise TokenError(f"not a replay token: {cleaned[:40]!r}; tokens start with {_PREFIX}")
    if version.lower() != "sh1":
        raise TokenError(f"token version {version!r} is not known to this simharness (it reads sh1); update simharness")
    data = _unbase32(digits)
    if len(data) < 11 or _check(data[:-2]) != data[-2:]:
        raise TokenError(f"the token {cleaned[:24]}… is damaged (its checksum does not fit); {_HINT}")
    try:
        return _read(data[:-2])
    except (IndexError, ValueError) as error:
        # The checksum fits: whoever wrote it wrote something else.
        raise TokenError(
            f"the token {cleaned[:24]}… was written by another simharness ({error}); run its scenario again"
        ) from None


def _read(body: bytes) -> Token:
    subject = int.from_bytes(body[:4], "big")
    trace = int.from_bytes(body[4:8], "big")
    size, at = _get(body, 8)
    invariant = body[at : at + size].decode("ascii")
    length, at = _get(body, at + size)
    placed, at = _get(body, at)
    deviations, places = [], []
    previous = -1
    while at < len(body):
        gap, at = _get(body, at)
        packed, at = _get(body, at)
        if placed:
            displaced, chosen = int.from_bytes(body[at : at + 2], "big"), int.from_bytes(body[at + 2 : at + 4], "big")
            before, at = _get(body, at + 4)
            places.append(Place(displaced, chosen, before))
        values: list[int] = []
        if packed & 1:
            count, at = _get(body, at)
            for _ in range(count):
                value, at = _get(body, at)
                values.append(value)
        previous += gap + 1
        deviations.append(Deviation(previous, packed >> 1, tuple(values)))
    return Token(subject, trace, Schedule(tuple(deviations), length - 1 if length else None), invariant, tuple(places))


def _check(body: bytes | bytearray) -> bytes:
    return blake2b(body, digest_size=2, person=b"simharness tok").digest()


def _put(target: bytearray, number: int) -> None:
    while number > 0x7F:
        target.append(number & 0x7F | 0x80)
        number >>= 7
    target.append(number)


def _get(body: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = body[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7


def _base32(data: bytes) -> str:
    number = int.from_bytes(b"\x01" + data, "big")  # the leading 1 keeps zero bytes
    digits = []
    while number:
        number, digit = divmod(number, 32)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


def _unbase32(digits: str) -> bytes:
    number = 0
    for character in digits.upper().translate(_LOOK_ALIKES):
        value = _ALPHABET.find(character)
        if value < 0:
            raise TokenError(f"{character!r} cannot stand in a replay token; {_HINT}")
        number = number * 32 + value
    data = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return data[1:] if data[:1] == b"\x01" else b""
