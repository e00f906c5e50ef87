"""What can be named in a scenario: invariants, strategies, semantics. The one place where these names stand.

Standard library only, so that ``simharness list`` and editors can read it at no cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Moment(StrEnum):
    """When an invariant is evaluated; the letter that its id starts with."""

    STEP = "S"
    QUIET = "Q"
    BOUND = "L"
    COMPARED = "X"


@dataclass(frozen=True, slots=True)
class Invariant:
    """One entry of the catalog.

    Args:
        id: short and stable, for scenarios, reports and the result JSON (``Q5``).
        name: the same in words (``no-spurious-stop``); accepted wherever the id is.
        about: one sentence: what must hold.
        bound_ns: the T of the sentence in nanoseconds of virtual time, where no scenario says another; 0 for none.
    """

    id: str
    name: str
    about: str
    bound_ns: int = 0

    @property
    def moment(self) -> Moment:
        """When it is evaluated: the letter of its id says so."""
        return Moment(self.id[0])


_MINUTE_NS = 60_000_000_000

INVARIANTS: tuple[Invariant, ...] = (
    Invariant("S1", "legal-order-states", "Order states move legally; final states are final."),
    Invariant("S2", "filled-quantity", "CumQty + LeavesQty = OrderQty; CumQty never falls; no overfill."),
    Invariant("S3", "idempotent-reports", "A repeated execution report changes nothing."),
    Invariant("S4", "one-submit-per-intent", "One submit per intent, also when the outcome is unknown."),
    Invariant("S5", "one-working-order", "At most one working order per bot."),
    Invariant("S6", "exposure-limit", "The exposure limit holds, in-flight orders counted."),
    Invariant(
        "S7", "closing-never-grows", "Closing, rolling back or stopping never grows a position or flips its sign."
    ),
    Invariant(
        "S8", "reason-before-effect", "The reason for an external effect is committed before the effect happens."
    ),
    Invariant(
        "S9", "no-placeholder-leak", "No placeholder or uncommitted identity reaches another component or the database."
    ),
    Invariant("S10", "one-open-position", "One open position per venue and symbol, in memory and in the database."),
    Invariant("S11", "no-lost-update", "No update is lost."),
    Invariant("S12", "no-deadlock", "No deadlock; no external await under a row lock (a warning)."),
    Invariant(
        "S13", "no-swallowed-exception", "No exception is swallowed; a failing handler does not stop the others."
    ),
    Invariant(
        "S14", "updates-in-venue-order", "Updates apply per key in the venue's order; nothing older overwrites newer."
    ),
    Invariant("S15", "absent-is-not-zero", "An absent field is not zero; an empty snapshot is not flat."),
    Invariant("S16", "answer-matches-state", "A command's answer agrees with the committed state."),
    Invariant("Q1", "orders-match-venue", "The local set of working orders is the venue's."),
    Invariant("Q2", "position-matches-fills", "Position = sum of signed fills = the venue's position."),
    Invariant("Q3", "cash-follows-fills", "Cash, PnL and fees follow from the fills, each close counted once."),
    Invariant(
        "Q4",
        "executions-applied-once",
        "Every execution is applied exactly once, even if its order was unknown on arrival.",
    ),
    Invariant(
        "Q5",
        "no-spurious-stop",
        "A bot is auto-stopped only after a cancel that it did not ask for; a STOPPED bot has no working order.",
    ),
    Invariant(
        "Q6",
        "nothing-left-behind",
        "What was rolled back or closed leaves nothing behind: cache, buffers, stops, locks, tasks.",
    ),
    Invariant("Q7", "buffers-drained-in-order", "Buffers are empty; buffered-then-applied equals applied-in-order."),
    Invariant(
        "Q8", "commuting-events-agree", "Orders of commuting events end in equal states; REST-first equals WS-first."
    ),
    Invariant("Q9", "crash-recovery", "Crash anywhere, restart, reconcile: Q1-Q6 hold again."),
    Invariant("L1", "stop-loss-in-time", "A position is without a stop for at most T.", _MINUTE_NS),
    Invariant("L2", "in-flight-resolved", "An in-flight order is resolved within T.", _MINUTE_NS),
    Invariant("L3", "active-bot-works", "An ACTIVE bot has a working order, or reaches ERROR, within T.", _MINUTE_NS),
    Invariant(
        "L4",
        "stream-recovers",
        "After a disconnect or an expired listen key the stream is back and reconciled within T.",
        _MINUTE_NS,
    ),
    Invariant("L6", "stop-is-final", "Stop ends with no working order and places none afterwards."),
    Invariant(
        "X1",
        "serial-equivalence",
        "Every outcome is the outcome of some serial order of the commands and events that respects their causes.",
    ),
)

_BY_WORD = {word: entry for entry in INVARIANTS for word in (entry.id.lower(), entry.name)}

STRATEGIES: dict[str, str] = {
    "dpor": "every interleaving exactly once, by optimal partial order reduction; the only one that proves quickly",
    "brute": "every order without any reduction; for checking dpor on small programs",
    "pos": "partial order sampling: random, spread evenly over interleavings; first choice for large systems",
    "pct": "random priorities with a few change points; finds bugs of small depth with a known probability",
    "random": "a random walk",
    "swarm": "a random walk that allows another random part of the faults in every execution",
}

SEMANTICS: dict[str, str] = {
    "stock": "everything that unmodified asyncio can do; world events may land between any two handles",
    "quiescent": "a cascade is one step: what follows an event runs to its end before the next event; fast",
    "any-order": "every ready task step is a choice, more than asyncio ever does; a stress test",
}

FRAMES: dict[str, str] = {
    "any": "frames of a stream arrive at any moment; a read returns all that have",
    "single": "a frame arrives only while the program waits for one, so a read returns one; far fewer orders",
}


def invariant(word: str) -> Invariant | None:
    """Return the invariant with this id or name (ids in either case), or None."""
    return _BY_WORD.get(word.lower())
