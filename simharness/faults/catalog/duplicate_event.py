"""A frame arrives twice: an older connection is still open beside the new one (A5, A14)."""

from __future__ import annotations

from simharness.faults.fault import Effect, Fault, Place

FAULT = Fault(
    name="duplicate_event",
    place=Place.FRAME,
    effect=Effect.DUPLICATE_FRAME,
    about="An overlapping connection delivers a frame of the user stream once more.",
)
