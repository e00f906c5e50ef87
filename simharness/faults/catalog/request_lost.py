"""The request is lost before the venue (A2): to the client it looks as a lost reply does."""

from __future__ import annotations

from simharness.faults.fault import Effect, Fault, Place

FAULT = Fault(
    name="request_lost",
    place=Place.REQUEST,
    effect=Effect.LOSE_REQUEST,
    about="The request never reaches the venue; the client sees the same error as for a lost reply.",
    refusal="timeout",
)
