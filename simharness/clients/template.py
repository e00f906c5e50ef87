"""What ccxt's constructor makes of an exchange class, made once per class and set of markets."""

from __future__ import annotations

from copy import copy, deepcopy
from typing import Any

from ccxt.async_support.base.exchange import Exchange

from simharness.clients.parse import raw_market
from simharness.venue.market import Market

_templates: dict[tuple[type[Exchange], tuple[Market, ...]], dict[str, Any]] = {}
# Changed in place by programs: everything else is only ever replaced or read.
_MUTABLE_DEEP = ("options", "headers")


def attributes_of(exchange_class: type[Exchange], markets: tuple[Market, ...]) -> dict[str, Any]:
    """Return the attributes of a new instance; containers are its own, the values in them are shared.

    ccxt's constructor takes over a millisecond and draws a uuid; a copy takes some microseconds and draws nothing.
    """
    template = _templates.get((exchange_class, markets))
    if template is None:
        template = _templates[exchange_class, markets] = _build(exchange_class, markets)
    attributes = {key: copy(value) if type(value) in (dict, list) else value for key, value in template.items()}
    for key in _MUTABLE_DEEP:
        attributes[key] = deepcopy(template[key])
    # In ccxt one dictionary of the class, shared by every instance.
    attributes["clients"] = {}
    return attributes


def _build(exchange_class: type[Exchange], markets: tuple[Market, ...]) -> dict[str, Any]:
    exchange: Any = object.__new__(exchange_class)
    # No chance may be drawn inside an execution, and this may be the first one.
    exchange.uuid = str
    Exchange.__init__(exchange, {})
    del exchange.uuid
    exchange.set_markets([exchange.safe_market_structure(raw_market(market)) for market in markets])
    return dict(vars(exchange))
