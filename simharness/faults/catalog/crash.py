"""The bot's process ends; whatever was not committed or sent is gone."""

from __future__ import annotations

from simharness.faults.fault import Effect, Fault, Place

FAULT = Fault(
    name="crash",
    place=Place.WORLD_EVENT,
    effect=Effect.CRASH,
    about="The bot's process ends between two world events and starts again; database and venue stay.",
)
