"""A read is answered by a replica that has not seen the latest change yet (A8)."""

from __future__ import annotations

from simharness.faults.fault import Effect, Fault, Place

FAULT = Fault(
    name="lagging_read",
    place=Place.REQUEST,
    effect=Effect.STALE_READ,
    about="A read shows the venue as it was one change earlier.",
    subjects=frozenset({"fetch_order", "fetch_open_orders", "fetch_positions"}),
)
