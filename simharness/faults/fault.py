"""What a fault is: a name, the places where it can strike, and the effect that it has there."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Place(StrEnum):
    """Where a fault can strike."""

    REQUEST = "request"  # a REST request on its way to the venue and back; the subject is the method
    FRAME = "frame"  # a frame leaves the venue on a user stream; the subject is the topic
    WORLD_EVENT = "world event"  # between any two world events
    STATEMENT = "statement"  # a statement executes at the database; the subject is its first word


class Effect(StrEnum):
    """What the seam that owns the place has to do."""

    LOSE_REQUEST = "lose request"  # the venue never sees it; the client gets the error ``refusal``
    LOSE_REPLY = "lose reply"  # the venue acts; the client gets the error ``refusal`` all the same
    REFUSE = "refuse"  # the venue answers with the error ``refusal`` and does not act
    STALE_READ = "stale read"  # the answer shows the venue as it was one change earlier
    DUPLICATE_FRAME = "duplicate frame"  # an overlapping connection delivers the frame once more
    DISCONNECT = "disconnect"  # the connection breaks; the frame and all until the reconnect are lost
    EXPIRE_LISTEN_KEY = "expire listen key"  # every user stream of the client breaks at once; the frame is lost too
    CRASH = "crash"  # the program's process ends; database and venue stay
    LOCK_TIMEOUT = "lock timeout"  # a statement that waits for a lock gives up


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault.

    Args:
        name: how scenarios, choice points and timelines call it.
        place: where it can strike.
        effect: what happens then.
        about: one sentence for ``simharness list``.
        subjects: the methods, topics or statements that it can strike; empty means every one.
        refusal: for effects that end in an error of the client, the name of a ``venue.Refusal``.
        needs: a property that the struck request must have, such as ``stop`` for a stop order; empty means none.
    """

    name: str
    place: Place
    effect: Effect
    about: str
    subjects: frozenset[str] = frozenset()
    refusal: str = ""
    needs: str = ""

    def applies(self, place: Place, subject: str, traits: frozenset[str]) -> bool:
        """Return whether the fault can strike ``subject`` at ``place``."""
        if place is not self.place or (self.needs and self.needs not in traits):
            return False
        return not self.subjects or subject in self.subjects
