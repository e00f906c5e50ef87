"""A stop order is refused because the price has already passed it (-2021)."""

from __future__ import annotations

from simharness.faults.fault import Effect, Fault, Place

FAULT = Fault(
    name="stop_loss_refused",
    place=Place.REQUEST,
    effect=Effect.REFUSE,
    about="The venue refuses a stop order: it would trigger at once.",
    subjects=frozenset({"create_order"}),
    refusal="would_trigger",
    needs="stop",
)
