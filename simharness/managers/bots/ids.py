"""Client order ids: the name of an order that exists before the exchange has heard of it.

An id follows from committed state alone, so that after a crash the same row asks for the same order.
"""

import re

_CLIENT_ORDER_ID = re.compile(r"bot(?P<bot_id>[1-9]\d*)-(?P<sequence>[1-9]\d*)")


def client_order_id(bot_id: int, previous_order_id: int | None) -> str:
    """Return the client order id of the order that follows `previous_order_id` (a row id, None for the first).

    Row ids only grow, so the ids of one bot never repeat, and one writer at a time keeps them unique.
    """
    return f"bot{bot_id}-{(previous_order_id or 0) + 1}"


def bot_id_of(client_order_id: str | None) -> int | None:
    """Return the bot that a client order id names, or None when it is not one of ours."""
    match = _CLIENT_ORDER_ID.fullmatch(client_order_id or "")
    return int(match["bot_id"]) if match else None
