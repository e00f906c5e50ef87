"""The venue acted, and its front end cannot say so (A9, the dangerous 503)."""

from __future__ import annotations

from simharness.faults.fault import Effect, Fault, Place

FAULT = Fault(
    name="unknown_status",
    place=Place.REQUEST,
    effect=Effect.LOSE_REPLY,
    about="The venue executes the request and answers that its status is unknown (503 Unknown error, -1007).",
    subjects=frozenset({"create_order", "cancel_order"}),
    refusal="unknown_status",
)
