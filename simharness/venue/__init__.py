"""The simulated exchange: a fair adversary. It knows no asyncio and no ccxt."""

from simharness.venue.clock import VenueClock
from simharness.venue.event import BalanceUpdate, ExecType, ExecutionReport, PositionUpdate, Topic, VenueEvent
from simharness.venue.ledger import Entry, EntryKind, Ledger
from simharness.venue.links import Answer, Request, Session
from simharness.venue.market import Market
from simharness.venue.monitor import LegalityMonitor
from simharness.venue.order import (
    Order,
    OrderRequest,
    OrderStatus,
    OrderType,
    PositionSide,
    Side,
    TimeInForce,
    Trade,
)
from simharness.venue.position import Position
from simharness.venue.refusal import Refusal, Rejected
from simharness.venue.rules import Rules
from simharness.venue.selector import OrderQuery
from simharness.venue.streams import Connection
from simharness.venue.venue import Venue, place_order

__all__ = [
    "Answer",
    "BalanceUpdate",
    "Connection",
    "Entry",
    "EntryKind",
    "ExecType",
    "ExecutionReport",
    "Ledger",
    "LegalityMonitor",
    "Market",
    "Order",
    "OrderQuery",
    "OrderRequest",
    "OrderStatus",
    "OrderType",
    "Position",
    "PositionSide",
    "PositionUpdate",
    "Refusal",
    "Rejected",
    "Request",
    "Rules",
    "Session",
    "Side",
    "TimeInForce",
    "Topic",
    "Trade",
    "Venue",
    "VenueClock",
    "VenueEvent",
    "place_order",
]
