"""Two venue actions whose footprints do not conflict commute: same state, same answers, same frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

import pytest
from fake_agenda import FakeAgenda
from hypothesis import given, settings
from hypothesis import strategies as st

from simharness.core import name
from simharness.core.footprint import Footprint, conflicting
from simharness.faults import FaultPlan
from simharness.venue import (
    Market,
    OrderRequest,
    OrderType,
    PositionSide,
    Rejected,
    Rules,
    Side,
    TimeInForce,
    Topic,
    Venue,
)
from simharness.venue.gateway import OrderName

ETH, BTC, PERP = "ETH/USDT", "BTC/USDT", "ETH/USDT:USDT"
MARKETS = (Market(ETH, maker_rate=Decimal("0.001")), Market(BTC), Market(PERP, taker_rate=Decimal("0.0005")))
PREFIXES = {ETH: "ethusdt", BTC: "btcusdt", PERP: "ethusdt-usdt"}
Action = Callable[[Venue], object]


@dataclass(frozen=True)
class Setting:
    """One kind of venue."""

    finite: bool
    hedge: bool
    mark_updates: bool
    lagging: bool
    topics: frozenset[Topic]

    def build(self) -> tuple[FakeAgenda, Venue]:
        agenda = FakeAgenda()
        venue = Venue(
            agenda,
            MARKETS,
            rules=Rules(finite=self.finite, hedge=self.hedge, mark_updates=self.mark_updates),
            balances={"USDT": Decimal(1000), "ETH": Decimal(5)} if self.finite else None,
            prices={ETH: Decimal(100), BTC: Decimal(200), PERP: Decimal(100)},
            faults=FaultPlan.of("lagging_read") if self.lagging else None,
        )
        session = venue.open_session("bot")
        for topic in sorted(self.topics):
            session.connect(topic, lambda frame: None, lambda: None)
        return agenda, venue


def submit(request: OrderRequest, venue: Venue) -> object:
    return venue.engine.submit(request)


symbols = st.sampled_from([ETH, BTC, PERP])
sides = st.sampled_from(list(Side))
position_sides = st.sampled_from(list(PositionSide))
order_ids = st.builds(lambda symbol, n: f"{PREFIXES[symbol]}-{n}", symbols, st.integers(1, 3))
quantities = st.sampled_from([Decimal("0.5"), Decimal(1), Decimal(2)])
prices = st.sampled_from([Decimal(90), Decimal(100), Decimal(110)])
client_ids = st.sampled_from([None, None, "a", "b"])

limits = st.builds(
    lambda **fields: partial(submit, OrderRequest(type=OrderType.LIMIT, **fields)),
    symbol=symbols,
    side=sides,
    quantity=quantities,
    price=prices,
    client_id=client_ids,
    post_only=st.booleans(),
    time_in_force=st.sampled_from(list(TimeInForce)),
)
markets = st.builds(
    lambda **fields: partial(submit, OrderRequest(type=OrderType.MARKET, **fields)),
    symbol=symbols,
    side=sides,
    quantity=quantities,
    reduce_only=st.booleans(),
    position_side=position_sides,
)
stops = st.builds(
    lambda **fields: partial(submit, OrderRequest(symbol=PERP, **fields)),
    type=st.sampled_from([OrderType.STOP_MARKET, OrderType.TAKE_PROFIT_MARKET]),
    side=sides,
    quantity=quantities,
    trigger_price=prices,
    position_side=position_sides,
)
commands = st.one_of(
    st.builds(lambda order, q: lambda venue: venue.engine.fill(order, q), order_ids, quantities),
    st.builds(lambda order: lambda venue: venue.engine.cancel(order), order_ids),
    st.builds(lambda order: lambda venue: venue.engine.expire(order, reason="x"), order_ids),
    st.builds(lambda symbol, price: lambda venue: venue.engine.move_price(symbol, price), symbols, prices),
    st.builds(lambda side: lambda venue: venue.engine.liquidate(PERP, side), position_sides),
    st.builds(lambda side: lambda venue: venue.engine.announce_position(PERP, side), position_sides),
    st.builds(lambda n: lambda venue: venue.gateway.set_leverage(PERP, n).call(), st.integers(1, 3)),
    st.builds(lambda topic: lambda venue: len(venue.streams.connections(topic)), st.sampled_from(list(Topic))),
    st.builds(
        lambda topic: lambda venue: [venue.streams.cut(c) for c in venue.streams.connections(topic)],
        st.sampled_from(list(Topic)),
    ),
)
reads = st.one_of(
    st.builds(lambda order: lambda venue: venue.gateway.fetch_order(OrderName(order)).call(), order_ids),
    st.builds(
        lambda cid, symbol: lambda venue: venue.gateway.fetch_order(OrderName(None, cid, symbol)).call(),
        st.sampled_from(["a", "b"]),
        symbols,
    ),
    st.builds(lambda s: lambda venue: venue.gateway.fetch_open_orders(s).call(), st.one_of(st.none(), symbols)),
    st.just(lambda venue: venue.gateway.fetch_positions(()).call()),
    st.just(lambda venue: venue.gateway.fetch_balance().call()),
    st.builds(lambda s: lambda venue: venue.gateway.fetch_ticker(s).call(), symbols),
    st.just(lambda venue: venue.ledger.sorted()),
)
stale_reads = st.one_of(
    st.builds(lambda s: lambda venue: venue.gateway.fetch_open_orders(s).stale(), st.one_of(st.none(), symbols)),
    st.builds(lambda order: lambda venue: venue.gateway.fetch_order(OrderName(order)).stale(), order_ids),
    st.just(lambda venue: venue.gateway.fetch_positions(()).stale()),
)
actions = st.one_of(limits, markets, stops, commands, reads)
kinds = st.builds(
    Setting,
    finite=st.booleans(),
    hedge=st.booleans(),
    mark_updates=st.booleans(),
    lagging=st.booleans(),
    topics=st.frozensets(st.sampled_from(list(Topic))),
)


def answer_of(action: Action, venue: Venue, into: dict[str, object], label: str) -> None:
    try:
        into[label] = action(venue)
    except Rejected as rejected:
        into[label] = (rejected.refusal, rejected.message)


def outcome(
    setting: Setting, prefix: list[Action], pair: list[tuple[str, Action]]
) -> tuple[tuple[object, ...], dict[str, Footprint]]:
    """Run the prefix, then the pair in the given order; return everything observable, and the two footprints."""
    agenda, venue = setting.build()
    answers: dict[str, object] = {}
    for position, action in enumerate(prefix):
        agenda.step(partial(answer_of, action, venue, {}, "-"), label=f"prefix {position}")
    footprints = {
        label: agenda.step(partial(answer_of, action, venue, answers, label), label=label).footprint
        for label, action in pair
    }
    pending = {name.text(process): [e.label for e in queue] for process, queue in agenda.queues.items() if queue}
    return (venue.snapshot(), sorted(answers.items(), key=lambda item: item[0]), pending), footprints


def assert_commute(setting: Setting, prefix: list[Action], a: Action, b: Action) -> None:
    forth, footprints = outcome(setting, prefix, [("a", a), ("b", b)])
    if conflicting(footprints["a"], footprints["b"]):
        return
    back, footprints_back = outcome(setting, prefix, [("b", b), ("a", a)])
    assert forth == back
    assert footprints == footprints_back


@settings(max_examples=400, deadline=None)
@given(setting=kinds, prefix=st.lists(st.one_of(limits, markets, stops, commands), max_size=6), a=actions, b=actions)
def test_actions_without_a_conflict_commute(setting: Setting, prefix: list[Action], a: Action, b: Action) -> None:
    """Whatever the footprints call independent gives one outcome in both orders."""
    assert_commute(setting, prefix, a, b)


@settings(max_examples=200, deadline=None)
@given(
    prefix=st.lists(st.one_of(limits, markets, commands), max_size=6),
    a=st.one_of(limits, markets, commands),
    b=stale_reads,
    topics=st.frozensets(st.sampled_from(list(Topic))),
)
def test_lagging_reads_without_a_conflict_commute(
    prefix: list[Action], a: Action, b: Action, topics: frozenset[Topic]
) -> None:
    """A read that lags sees the order of changes, so it depends on every change that it could have missed."""
    setting = Setting(finite=False, hedge=False, mark_updates=False, lagging=True, topics=topics)
    assert_commute(setting, prefix, a, b)


def footprints_of(*pair: Action, topics: frozenset[Topic] = frozenset()) -> tuple[Footprint, Footprint]:
    setting = Setting(finite=False, hedge=False, mark_updates=False, lagging=False, topics=topics)
    _, footprints = outcome(setting, [], [("a", pair[0]), ("b", pair[1])])
    return footprints["a"], footprints["b"]


def limit(symbol: str, price: int = 100) -> Action:
    return partial(submit, OrderRequest(symbol, Side.BUY, OrderType.LIMIT, Decimal(1), Decimal(price)))


def test_orders_of_different_symbols_are_independent() -> None:
    """Nothing that nobody observes ties two symbols together."""
    a, b = footprints_of(limit(ETH), limit(BTC))
    assert not conflicting(a, b)


def test_orders_of_different_symbols_on_one_stream_are_dependent() -> None:
    """Their frames stand one behind the other on the connection."""
    a, b = footprints_of(limit(ETH), limit(BTC), topics=frozenset({Topic.ORDERS}))
    assert conflicting(a, b)


@pytest.mark.parametrize(
    "second",
    [
        lambda venue: venue.engine.cancel("ethusdt-1"),
        lambda venue: venue.gateway.fetch_open_orders(ETH).call(),
        lambda venue: venue.gateway.fetch_open_orders(None).call(),
        lambda venue: venue.gateway.fetch_order(OrderName("ethusdt-1")).call(),
    ],
    ids=["cancel", "open orders of the symbol", "all open orders", "order"],
)
def test_creating_an_order_conflicts_with_whatever_could_see_it(second: Action) -> None:
    """Also when the other one finds nothing yet."""

    def tolerant(venue: Venue) -> object:
        try:
            return second(venue)
        except Rejected:
            return None

    assert conflicting(*footprints_of(limit(ETH), tolerant))
    assert conflicting(*footprints_of(tolerant, limit(ETH)))
