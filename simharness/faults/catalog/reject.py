"""The venue refuses an order for reasons of its own, and says so."""

from __future__ import annotations

from simharness.faults.fault import Effect, Fault, Place

FAULT = Fault(
    name="reject",
    place=Place.REQUEST,
    effect=Effect.REFUSE,
    about="The venue refuses a new order.",
    subjects=frozenset({"create_order"}),
    refusal="invalid_order",
)
