"""The venue turns the request away and says that it did nothing (A9, the harmless 503)."""

from __future__ import annotations

from simharness.faults.fault import Effect, Fault, Place

FAULT = Fault(
    name="overloaded",
    place=Place.REQUEST,
    effect=Effect.REFUSE,
    about="The venue is overloaded and did nothing (503 Service Unavailable, -1008).",
    refusal="overloaded",
)
