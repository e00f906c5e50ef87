"""Q9 asks the quiet rules again, and only after a crash."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from simharness.invariants.rules.q9_crash_recovery import CrashRecovery
from simharness.invariants.snapshot import LocalOrder, LocalState, Owner, OwnerState, Snapshot
from simharness.invariants.view import View
from simharness.loop.loop import SimLoop
from simharness.venue import Market, OrderRequest, OrderType, Side, Venue, place_order

_MARKET = "ETH/USDT"


@pytest.fixture
def venue() -> Iterator[Venue]:
    loop = SimLoop()
    yield Venue(loop, [Market(_MARKET)])
    loop.close()


def _view(venue: Venue, *orders: LocalOrder, crashed: bool) -> View:
    owner = Owner("bots#1", _MARKET, OwnerState.ACTIVE)
    snapshot = Snapshot({order.key: order for order in orders}, {owner.key: owner})
    return View(venue, lambda key: snapshot.orders.get(key), snapshot, crashed=crashed)


def _row(state: LocalState, exchange_id: str | None) -> LocalOrder:
    return LocalOrder("orders#1", "bots#1", _MARKET, exchange_id, None, state, Decimal(1), Decimal(0))


def test_an_order_that_nobody_knows_after_a_crash_is_found(venue: Venue) -> None:
    place_order(venue, OrderRequest(_MARKET, Side.BUY, OrderType.LIMIT, Decimal(1), Decimal(100)))
    messages = [breach.message for breach in CrashRecovery().at_rest(_view(venue, crashed=True))]
    assert messages == ["after a crash and a restart (Q1): o-1 works at the venue and is in no row"]


def test_a_reconciled_order_is_no_breach(venue: Venue) -> None:
    order = place_order(venue, OrderRequest(_MARKET, Side.BUY, OrderType.LIMIT, Decimal(1), Decimal(100)))
    assert order is not None
    view = _view(venue, _row(LocalState.WORKING, order.id), crashed=True)
    assert not list(CrashRecovery().at_rest(view))


def test_without_a_crash_the_quiet_rules_speak_for_themselves(venue: Venue) -> None:
    view = _view(venue, _row(LocalState.WORKING, "o-9"), crashed=False)
    assert not list(CrashRecovery().at_rest(view))
