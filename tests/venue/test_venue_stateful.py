"""Whatever is done to the venue in whatever order: its own monitor stays silent and nothing is lost."""

from __future__ import annotations

from decimal import Decimal

from fake_agenda import FakeAgenda
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from simharness.faults import FaultPlan
from simharness.venue import (
    Answer,
    ExecutionReport,
    Market,
    Order,
    OrderRequest,
    OrderStatus,
    OrderType,
    PositionSide,
    Request,
    Rules,
    Side,
    TimeInForce,
    Topic,
    Venue,
    VenueEvent,
    place_order,
)
from simharness.venue.gateway import OrderName

ETH, PERP = "ETH/USDT", "ETH/USDT:USDT"
prices = st.integers(80, 120).map(Decimal)
quantities = st.integers(1, 30).map(lambda n: Decimal(n) / 10)
FAULTS = (
    "reply_lost",
    "request_lost",
    "lagging_read",
    "duplicate_event",
    "stream_disconnect",
    "listen_key_expired",
    "stop_loss_refused",
)


class VenueMachine(RuleBasedStateMachine):
    """Sends requests, moves the market, breaks streams, and pumps the agenda in any order."""

    orders = Bundle("orders")

    @initialize(hedge=st.booleans(), finite=st.booleans(), faults=st.booleans(), later=st.booleans())
    def build(self, hedge: bool, finite: bool, faults: bool, later: bool) -> None:
        self.agenda = FakeAgenda(faults=3 if faults else 0)
        self.venue = Venue(
            self.agenda,
            [Market(ETH, taker_rate=Decimal("0.001")), Market(PERP, taker_rate=Decimal("0.0005"))],
            rules=Rules(
                finite=finite,
                hedge=hedge,
                mark_updates=True,
                market_fills=("1", "later") if later else ("1", "1/3+2/3"),
            ),
            prices={ETH: Decimal(100), PERP: Decimal(100)},
            balances={"USDT": Decimal(1000), "ETH": Decimal(3)} if finite else None,
            faults=FaultPlan.of(*FAULTS),
        )
        self.session = self.venue.open_session()
        self.faulty = faults
        self.requests = 0
        self.frames: dict[str, list[VenueEvent]] = {}
        self.answers: list[Answer] = []
        self.finals: dict[str, OrderStatus] = {}
        for topic in Topic:
            self.connect(topic)

    @rule(topic=st.sampled_from(list(Topic)))
    def connect(self, topic: Topic) -> None:
        frames = self.frames.setdefault(f"{topic} {len(self.frames)}", [])
        self.session.connect(topic, frames.append, lambda: None)

    @rule(
        target=orders,
        symbol=st.sampled_from([ETH, PERP]),
        side=st.sampled_from(list(Side)),
        type_=st.sampled_from(list(OrderType)),
        quantity=quantities,
        price=prices,
        reduce_only=st.booleans(),
        position_side=st.sampled_from(list(PositionSide)),
        tif=st.sampled_from(list(TimeInForce)),
    )
    def create(
        self,
        symbol: str,
        side: Side,
        type_: OrderType,
        quantity: Decimal,
        price: Decimal,
        reduce_only: bool,
        position_side: PositionSide,
        tif: TimeInForce,
    ) -> str:
        derivative = symbol == PERP
        request = OrderRequest(
            symbol,
            side,
            type_,
            quantity,
            price=price if type_ is OrderType.LIMIT else None,
            trigger_price=price if type_.conditional else None,
            time_in_force=tif,
            reduce_only=reduce_only and derivative,
            position_side=position_side if derivative and self.venue.rules.hedge else PositionSide.BOTH,
        )
        self._send(self.venue.gateway.create_order(request))
        prefix = "ethusdt-usdt" if derivative else "ethusdt"
        return f"{prefix}-{len(self.venue.orders(symbol)) + 1}"

    @rule(
        side=st.sampled_from(list(Side)),
        quantity=quantities,
        position_side=st.sampled_from([PositionSide.LONG, PositionSide.SHORT]),
        reduce_only=st.booleans(),
    )
    def trade(self, side: Side, quantity: Decimal, position_side: PositionSide, reduce_only: bool) -> None:
        """Trade a derivative at once, by hand."""
        request = OrderRequest(
            PERP,
            side,
            OrderType.MARKET,
            quantity,
            reduce_only=reduce_only,
            position_side=position_side if self.venue.rules.hedge else PositionSide.BOTH,
        )
        self.agenda.step(lambda: place_order(self.venue, request))

    @rule(target=orders, side=st.sampled_from(list(Side)), quantity=quantities, price=prices)
    def rest(self, side: Side, quantity: Decimal, price: Decimal) -> str:
        """Place a limit order by hand, which rests."""
        request = OrderRequest(ETH, side, OrderType.LIMIT, quantity, price)
        order_id = f"ethusdt-{len(self.venue.orders(ETH)) + 1}"
        self.agenda.step(lambda: place_order(self.venue, request))
        return order_id

    def _send(self, request: Request) -> None:
        self.requests += 1
        self.session.send(request, self.answers.append)

    @rule(order=orders)
    def cancel(self, order: str) -> None:
        self._send(self.venue.gateway.cancel_order(OrderName(order)))

    @rule(order=orders)
    def fetch(self, order: str) -> None:
        self._send(self.venue.gateway.fetch_order(OrderName(order)))

    @rule(order=orders, part=st.sampled_from(["all", "1/2", "0.3"]))
    def fill(self, order: str, part: str) -> None:
        self.venue.offer_fill(order, (part,))

    @rule(symbol=st.sampled_from([ETH, PERP]), price=prices)
    def price(self, symbol: str, price: Decimal) -> None:
        self.venue.offer_price(symbol, price)

    @rule(side=st.sampled_from(list(PositionSide)))
    def liquidate(self, side: PositionSide) -> None:
        if side in self.venue.engine.sides:
            self.venue.offer_liquidation(PERP, side)

    @rule(rate=st.sampled_from([Decimal("0.01"), Decimal("-0.01")]))
    def fund(self, rate: Decimal) -> None:
        number = len(self.agenda.log)
        self.agenda.step(lambda: self.venue.engine.fund(PERP, rate, f"payment {number}"))

    @rule(topic=st.sampled_from(list(Topic)))
    def disconnect(self, topic: Topic) -> None:
        self.venue.offer_disconnect(topic)

    @rule(pick=st.integers(0, 50), values=st.lists(st.integers(0, 1), max_size=6))
    def pump(self, pick: int, values: list[int]) -> None:
        ready = self.agenda.ready()
        if ready:
            self.agenda.run(ready[pick % len(ready)], *values)

    @rule()
    def settle(self) -> None:
        """Let everything happen that can; then the books must balance."""
        self.agenda.run_all()
        self.venue.check_quiet()

    @invariant()
    def nothing_is_lost(self) -> None:
        venue = getattr(self, "venue", None)
        if venue is None:
            return
        for asset in ("USDT", "ETH"):
            assert venue.balance(asset) == venue.ledger.total(asset)
        for order in venue.orders():
            self._check_order(order)
        trades = [trade.id for trade in venue.trades()]
        assert len(trades) == len(set(trades))

    def _check_order(self, order: Order) -> None:
        assert order.filled == sum((trade.quantity for trade in order.trades), Decimal(0))
        assert order.filled + order.remaining == order.request.quantity
        assert self.finals.get(order.id) in (None, order.status)
        if order.status.final:
            self.finals[order.id] = order.status

    @invariant()
    def every_connection_keeps_the_order_of_events(self) -> None:
        """Duplicates come on connections of their own, so this is only so without them."""
        if getattr(self, "faulty", True):
            return
        for frames in self.frames.values():
            newest: dict[str, int] = {}
            for report in frames:
                if isinstance(report, ExecutionReport):
                    assert report.sequence > newest.get(report.order.id, 0)
                    newest[report.order.id] = report.sequence

    def teardown(self) -> None:
        if hasattr(self, "venue"):
            self.settle()
            assert len(self.answers) == self.requests


TestVenue = VenueMachine.TestCase
TestVenue.settings = settings(max_examples=80, stateful_step_count=60, deadline=None)
