"""A user stream breaks, and what happens in the gap is not replayed (A5)."""

from __future__ import annotations

from simharness.faults.fault import Effect, Fault, Place

FAULT = Fault(
    name="stream_disconnect",
    place=Place.FRAME,
    effect=Effect.DISCONNECT,
    about="A user stream breaks; its frames are lost until the client has reconnected.",
)
