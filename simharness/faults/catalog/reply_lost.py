"""The answer is lost after the venue acted (VENUE.md A1): the client cannot know."""

from __future__ import annotations

from simharness.faults.fault import Effect, Fault, Place

FAULT = Fault(
    name="reply_lost",
    place=Place.REQUEST,
    effect=Effect.LOSE_REPLY,
    about="The venue executes the request, and its answer never arrives.",
    refusal="timeout",
)
