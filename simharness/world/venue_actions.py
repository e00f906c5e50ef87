"""What a scenario can make the venue do: ``- venue: fill ETH/USDT buy``."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

from simharness.core.agenda import Agenda
from simharness.core.time import parse_duration_ns
from simharness.errors import ScenarioError
from simharness.faults.plan import FaultPlan
from simharness.venue import Market, OrderQuery, PositionSide, Rejected, Rules, Side, Topic, Venue
from simharness.world.setting import Command, Given, Setting

_MARKET_KEYS = frozenset(
    {"symbol", "price", "hedge", "market_fills", "mark_updates", "exposure_limit", "price_path", "funding"}
)


def open_venue(agenda: Agenda, setting: Setting) -> Venue:
    """Return the venue of a setting, with nothing in its books.

    ``given: - market: {symbol: …, price: …}`` sets a price; ``market_fills`` (``1/2+1/2``, a list for a choice),
    ``mark_updates`` and ``hedge`` in it say how the venue behaves.

    Raises:
        ScenarioError: a given market makes no sense.
    """
    return Venue(
        agenda,
        [Market(symbol) for symbol in setting.markets],
        rules=_rules(setting),
        prices=prices(setting),
        faults=FaultPlan.of(*setting.faults) if setting.faults else None,
    )


def markets(setting: Setting) -> list[Given]:
    """Return what the setting says about markets.

    Raises:
        ScenarioError: a key or a symbol is not known.
    """
    found = [each for each in setting.given if each.kind == "market"]
    for each in found:
        unknown = sorted(set(each.values) - _MARKET_KEYS)
        if unknown:
            known = ", ".join(sorted(_MARKET_KEYS))
            raise ScenarioError(f"{each.where} a market has no {unknown[0]!r}; it has {known}".lstrip())
        if each.values.get("symbol") not in setting.markets:
            raise ScenarioError(f"{each.where} the venue has no market {each.values.get('symbol')!r}".lstrip())
    return found


def prices(setting: Setting) -> dict[str, Decimal]:
    """Return the markets' prices at the start."""
    return {
        each.values["symbol"]: Decimal(str(each.values["price"])) for each in markets(setting) if "price" in each.values
    }


def exposure_limits(setting: Setting) -> dict[str, Decimal]:
    """Return how large a position may become, in base units, for the symbols that have a limit."""
    given = [each.values for each in markets(setting)]
    return {each["symbol"]: Decimal(str(each["exposure_limit"])) for each in given if "exposure_limit" in each}


def _rules(setting: Setting) -> Rules:
    said: dict[str, Any] = {}
    for each in markets(setting):
        said |= {key: value for key, value in each.values.items() if key in ("hedge", "market_fills", "mark_updates")}
    fills = said.get("market_fills", "1")
    return Rules(
        timestamps=False,
        hedge=bool(said.get("hedge", False)),
        mark_updates=bool(said.get("mark_updates", False)),
        market_fills=tuple(str(way) for way in fills) if isinstance(fills, list | tuple) else (str(fills),),
    )


def start_markets(venue: Venue, setting: Setting) -> None:
    """Start what moves by itself in virtual time: ``price_path: [1s 101, 5s 94]``, ``funding: {rate, every, times}``.

    Each delay of a path counts from the move before it.

    Raises:
        ScenarioError: a path or a funding makes no sense.
    """
    for each in markets(setting):
        symbol = each.values["symbol"]
        try:
            path = [_move(text) for text in each.values.get("price_path", ())]
            if path:
                venue.start_price_path(symbol, path)
            funding = dict(each.values.get("funding") or {})
            if funding:
                rate, every = Decimal(str(funding.pop("rate"))), parse_duration_ns(str(funding.pop("every")))
                venue.start_funding(symbol, rate, every, int(funding.pop("times", 1)))
        except KeyError as error:
            raise ScenarioError(f"{each.where} funding needs {error.args[0]!r}".lstrip()) from None
        except (ValueError, ArithmeticError, Rejected) as error:
            raise ScenarioError(f"{each.where} {error}".lstrip()) from None
        if funding:
            raise ScenarioError(f"{each.where} funding has no {min(funding)!r}; it has rate, every, times".lstrip())


def _move(text: object) -> tuple[int, Decimal]:
    delay, _, price = str(text).partition(" ")
    return parse_duration_ns(delay), Decimal(price)


def offer(venue: Venue, command: Command, process: int, over: Callable[[], None]) -> None:
    """Offer the action of a ``venue`` command in ``process``; ``over`` is called when it has happened.

    Forms: ``fill SYMBOL [buy|sell]``, ``cancel SYMBOL [buy|sell]``, ``price SYMBOL PRICE…``, ``disconnect TOPIC``,
    ``expire listen-keys``, ``liquidate SYMBOL [long|short]``, ``fund SYMBOL RATE``, ``announce SYMBOL [long|short]``.

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
        reports=int(args.get("reports", 1)),
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


def _expire(venue: Venue, words: list[str], args: Any, process: int) -> None:
    del args
    if words != ["listen-keys"]:
        raise ScenarioError(f"what expires are listen-keys, not {' '.join(words)!r}")
    venue.offer_listen_key_expiry(process=process)


def _position_side(words: list[str]) -> PositionSide:
    return PositionSide(words[1]) if len(words) > 1 else PositionSide.BOTH


def _liquidate(venue: Venue, words: list[str], args: Any, process: int) -> None:
    del args
    venue.offer_liquidation(words[0], _position_side(words), process=process)


def _announce(venue: Venue, words: list[str], args: Any, process: int) -> None:
    del args
    venue.offer_position_update(words[0], _position_side(words), process=process)


def _fund(venue: Venue, words: list[str], args: Any, process: int) -> None:
    del args
    symbol, rate = words[0], Decimal(words[1])
    venue.offer(f"funding of {symbol} at {rate}", partial(venue.engine.fund, symbol, rate, "by hand"), process=process)


_ACTIONS: dict[str, Callable[[Venue, list[str], Any, int], None]] = {
    "fill": _fill,
    "cancel": _cancel,
    "price": _price,
    "disconnect": _disconnect,
    "expire": _expire,
    "liquidate": _liquidate,
    "announce": _announce,
    "fund": _fund,
}
