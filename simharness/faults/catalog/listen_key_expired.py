"""The key of a client's user streams runs out: the venue says so and closes them all (A6)."""

from __future__ import annotations

from simharness.faults.fault import Effect, Fault, Place

FAULT = Fault(
    name="listen_key_expired",
    place=Place.FRAME,
    effect=Effect.EXPIRE_LISTEN_KEY,
    about="The listen key expires: all user streams of the client break, until it has connected again.",
)
