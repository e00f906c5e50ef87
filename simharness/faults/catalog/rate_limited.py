"""The client has sent too much (A9)."""

from __future__ import annotations

from simharness.faults.fault import Effect, Fault, Place

FAULT = Fault(
    name="rate_limited",
    place=Place.REQUEST,
    effect=Effect.REFUSE,
    about="The venue answers 429 and did nothing.",
    refusal="rate_limited",
)
