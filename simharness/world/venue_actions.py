"""What a scenario can make the venue do: ``- venue: fill ETH/USDT buy``."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

from simharness.core.agenda import Agenda
from simharness.errors import ScenarioError
from simharness.faults.plan import FaultPlan
from simharness.venue import Market, OrderQuery, Rules, Side, Topic, Venue
from simharness.world.setting import Command, Setting


def open_venue(agenda: Agenda, setting: Setting) -> Venue:
    """Return the venue of a setting, with nothing in its books."""
    minimum, _ = setting.latency_ns
    return Venue(
        agenda,
        [Market(symbol) for symbol in setting.markets],
        rules=Rules(timestamps=False),
        faults=FaultPlan.of(*setting.faults) if setting.faults else None,
        latency_ns_min=minimum or 0,
    )


def offer(venue: Venue, command: Command, process: int, over: Callable[[], None]) -> None:
    """Offer the action of a ``venue`` command in ``process``; ``over`` is called when it has happened.

    Forms: ``fill SYMBOL [buy|sell]``, ``cancel SYMBOL [buy|sell]``, ``price SYMBOL PRICE…``, ``disconnect TOPIC``.

    Raises:
        ScenarioError: the command is none of these.
    """
    word, *rest = str(command.target).split()
    action = _ACTIONS.get(word)
    if action is None or not rest:
        known = ", ".join(sorted(_ACTIONS))
        raise ScenarioError(f"{command.where} unknown venue action {command.target!r}; known are {known}")
    action(venue, rest, command.args, process)
    venue.offer(f"after {command.target}", over, process=process)


def _query(words: list[str]) -> OrderQuery:
    return OrderQuery(symbol=words[0], side=Side(words[1])) if len(words) > 1 else OrderQuery(symbol=words[0])


def _fill(venue: Venue, words: list[str], args: Any, process: int) -> None:
    quantities = args.get("quantity", "all")
    options = tuple(str(each) for each in quantities) if isinstance(quantities, list | tuple) else (str(quantities),)
    price = args.get("price")
    venue.offer_fill(
        _query(words),
        options,
        price=None if price is None else Decimal(str(price)),
        times=int(args.get("times", 1)),
        process=process,
    )


def _cancel(venue: Venue, words: list[str], args: Any, process: int) -> None:
    del args
    venue.offer_cancel(_query(words), process=process)


def _price(venue: Venue, words: list[str], args: Any, process: int) -> None:
    del args
    venue.offer_price(words[0], *[Decimal(word) for word in words[1:]], process=process)


def _disconnect(venue: Venue, words: list[str], args: Any, process: int) -> None:
    del args
    venue.offer_disconnect(Topic(words[0]), process=process)


_ACTIONS: dict[str, Callable[[Venue, list[str], Any, int], None]] = {
    "fill": _fill,
    "cancel": _cancel,
    "price": _price,
    "disconnect": _disconnect,
}
