"""The database ends a wait for a lock with an error."""

from __future__ import annotations

from simharness.faults.fault import Effect, Fault, Place

FAULT = Fault(
    name="lock_timeout",
    place=Place.STATEMENT,
    effect=Effect.LOCK_TIMEOUT,
    about="A statement that waits for a lock gives up.",
)
