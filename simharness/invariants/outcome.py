"""What an execution came to, in a form in which two executions can be compared.

Left out is what only says in which order things were written down: numbers of rows and orders, ids that the program
made up, versions of rows, sequences of updates, activity logs. A row says what it stands for instead of what it is
called: a local order carries what the venue made of it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from simharness.invariants.snapshot import LocalOrder, LocalPosition
from simharness.invariants.view import View

if TYPE_CHECKING:
    from simharness.venue.order import Order

# Counts how often a row was written, which differs between orders that come to the same.
_INCIDENTAL = frozenset({"version"})


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where an execution ended; each line is a fact, and equal facts stand there as often as they are true.

    Args:
        local: what the program has committed and remembers, sorted.
        venue: what happened at the venue, sorted.
        refused: the commands that were not carried out, in the scenario's words, sorted.
    """

    local: tuple[str, ...] = ()
    venue: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()

    def distance(self, other: Outcome) -> int:
        """Return how many facts differ."""
        return sum(len(lines) for lines in self.difference(other))

    def difference(self, other: Outcome) -> tuple[list[str], list[str]]:
        """Return the facts that only this outcome has, and those that only the other has."""
        mine, theirs = Counter(self.facts()), Counter(other.facts())
        return sorted((mine - theirs).elements()), sorted((theirs - mine).elements())

    def facts(self) -> list[str]:
        """Return every fact, one line each."""
        return [*self.local, *self.venue, *(f"{command} is refused" for command in self.refused)]


def outcome_of(view: View) -> Outcome:
    """Return the outcome of an execution in which nothing is left to happen."""
    refused = tuple(sorted(answer.command for answer in view.answers if not answer.ok))
    return Outcome(tuple(sorted(_local(view))), tuple(sorted(_at_venue(view))), refused)


def _local(view: View) -> list[str]:
    snapshot, memory = view.snapshot, view.memory
    lines = []
    for owner in snapshot.owners.values():
        said = "".join(f" {key}={value}" for key, value in sorted(owner.fields.items()) if key not in _INCIDENTAL)
        lines.append(f"bot of {owner.symbol}: {owner.state}{said}")
    lines += [f"{_order(view, order)} in a row of {_owner(view, order.owner)}" for order in snapshot.orders.values()]
    for fill in snapshot.executions.values():
        booked = snapshot.orders.get(fill.order)
        what = "an order without a row" if booked is None else _wish(view, booked)
        lines.append(f"booked: {_text(fill.quantity)} at {_text(fill.price)}, fee {_text(fill.fee)}, of {what}")
    lines += [f"row: {_position(row)}" for row in snapshot.positions.values()]
    lines += [f"memory: {_position(held)}" for held in memory.positions.values()]
    lines += [f"memory: {count} updates of {symbol} wait" for symbol, count in memory.buffered.items() if count]
    lines += [f"memory: {symbol} is locked" for symbol in memory.locked]
    for key in memory.followed:
        followed = snapshot.orders.get(key)
        lines.append(f"memory: follows {'an order without a row' if followed is None else _wish(view, followed)}")
    return lines


def _at_venue(view: View) -> list[str]:
    if view.venue is None:
        return []
    lines = []
    for order in view.venue.orders():
        trades = ", ".join(f"{_text(trade.quantity)} at {_text(trade.price)}" for trade in order.trades)
        filled = f", filled {trades}" if trades else ""
        lines.append(f"venue: {_asked(order)} is {order.status}{filled}{f' ({order.reason})' if order.reason else ''}")
    lines += [f"venue: position {each.symbol} {each.side} {_text(each.quantity)}" for each in view.venue.positions()]
    return lines


def _order(view: View, order: LocalOrder) -> str:
    reason = f" reason={order.reason}" if order.reason else ""
    return f"{_wish(view, order)} is {order.state}{reason}, {_text(order.filled)} filled"


def _wish(view: View, order: LocalOrder) -> str:
    there = None
    if view.venue is not None and order.exchange_id is not None:
        there = view.venue.order(order.exchange_id)
    if there is None and view.venue is not None and order.client_id is not None:
        there = view.venue.order_of_client(order.symbol, order.client_id)
    if there is None:
        return f"{order.side} {_text(order.quantity)} {order.symbol} that the venue never had".lstrip()
    return f"{_asked(there)} ({there.status} at the venue)"


def _asked(order: Order) -> str:
    wish = order.request
    at = wish.price if wish.price is not None else wish.trigger_price
    price = "" if at is None else f" at {_text(at)}"
    only = " reduce-only" if wish.reduce_only else ""
    return f"{wish.type} {wish.side} {_text(wish.quantity)} {wish.symbol}{price}{only}"


def _owner(view: View, key: str) -> str:
    owner, position = view.snapshot.owners.get(key), view.snapshot.positions.get(key)
    if owner is not None:
        return f"bot of {owner.symbol}"
    return f"position {position.symbol} {position.status}" if position is not None else "nobody"


def _position(held: LocalPosition) -> str:
    stop = "with a stop" if held.stop else "without a stop"
    kind = "placeholder of" if held.placeholder else "position"
    return (
        f"{kind} {held.symbol} {_text(held.quantity)} is {held.status} {stop},"
        f" entry {_text(held.entry_price)}, mark {_text(held.mark_price)}"
    )


def _text(number: Decimal | None) -> str:
    return "unknown" if number is None else f"{number.normalize():f}"
