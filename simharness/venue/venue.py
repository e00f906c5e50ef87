"""The simulated exchange: what clients, scenarios and invariants see of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import cast

from simharness.core.agenda import Agenda, WorldEvent
from simharness.core.choice import ChoicePoint
from simharness.core.footprint import recorder
from simharness.core.step import Kind
from simharness.errors import ScenarioError
from simharness.faults.fault import Effect
from simharness.faults.plan import FaultPlan
from simharness.venue.clock import VenueClock
from simharness.venue.drivers import price_path, repeated
from simharness.venue.engine import MatchingEngine, share_of
from simharness.venue.event import ExecutionReport, PositionUpdate, Topic, VenueEvent
from simharness.venue.gateway import Gateway
from simharness.venue.ledger import EntryKind, Ledger
from simharness.venue.links import Request, Session
from simharness.venue.market import Market
from simharness.venue.monitor import LegalityMonitor
from simharness.venue.order import Order, OrderRequest, PositionSide, Trade
from simharness.venue.position import Position
from simharness.venue.refusal import Rejected
from simharness.venue.rules import Rules
from simharness.venue.selector import OrderQuery, OrderSelector
from simharness.venue.store import Store
from simharness.venue.streams import Streams


class Venue:
    """One exchange with one account.

    Args:
        agenda: where world events go; see ``core.agenda``.
        markets: what is traded.
        rules: how it behaves where venues differ; see ``rules.Rules``.
        balances: what the account holds. None means unlimited credit: orders never lack funds.
        prices: the markets' prices at the start; market orders and stop orders need one.
        faults: what may go wrong on its links.
        latency_ns_min: shortest time from a cause to its delivery, which the monitor holds the links to.
    """

    def __init__(
        self,
        agenda: Agenda,
        markets: Iterable[Market],
        *,
        rules: Rules | None = None,
        balances: Mapping[str, Decimal] | None = None,
        prices: Mapping[str, Decimal] | None = None,
        faults: FaultPlan | None = None,
        latency_ns_min: int = 0,
    ) -> None:
        self._agenda = agenda
        self._observers: list[Callable[[Topic, VenueEvent], None]] = []
        self._listeners: list[Callable[[Request], None]] = []
        self._faults = faults or FaultPlan()
        self.rules = rules or Rules(finite=balances is not None)
        markets = tuple(markets)
        self.monitor = LegalityMonitor({market.symbol: market for market in markets}, latency_ns_min)
        self.streams = Streams(agenda, self.monitor, self._faults)
        self._store = Store(markets, journaled=self._faults.allows(Effect.STALE_READ))
        self._store.ledger.watch(self.monitor.books.entered)
        self.engine = MatchingEngine(
            agenda,
            self._store,
            self.rules,
            emit=self._emit,
            listened=self.streams.listened,
            later=self._fill_later,
        )
        self.gateway = Gateway(self.engine, self._store, finite=self.rules.finite)
        for symbol, price in sorted((prices or {}).items()):
            self._store.market(symbol).check_price(price)
            self._store.set_price(symbol, price)
        for asset, amount in sorted((balances or {}).items()):
            self._store.book(EntryKind.DEPOSIT, asset, amount, "opening")

    def open_session(self, name: str = "bot") -> Session:
        """Return a client's side of the links; ``name`` is unique within the execution."""
        return Session(name, self._agenda, self.streams, self.monitor, self._faults, asked=self._asked)

    def listeners_changed(self) -> None:
        """Record that who is connected to the user streams has changed, for a caller whose own steps leave no mark."""
        self.streams.listeners_changed()

    # What a scenario can do. Each offers a world event that the explorer may run at any later moment.

    def offer(self, label: str, action: Callable[[], object], *, process: int | None = None) -> int:
        """Offer something that the venue does of its own accord.

        Args:
            label: the event in the words of a timeline.
            action: what happens.
            process: queue it after what that process still has to do; by default it is a process of its own.

        Returns:
            The name of the process.
        """
        process = recorder.fresh("market") if process is None else process
        self._agenda.offer(WorldEvent(process, Kind.EXECUTE, label, partial(_ignore_result, action)))
        return process

    def offer_fill(
        self,
        order: OrderSelector,
        quantities: tuple[str, ...] = ("all",),
        *,
        price: Decimal | None = None,
        times: int = 1,
        reports: int = 1,
        process: int | None = None,
    ) -> int:
        """Let an order fill at any moment after it was accepted; nothing happens if it is final by then.

        Args:
            order: an order id, or a query such as ``OrderQuery(symbol, side=Side.BUY)``.
            quantities: how much: ``all`` that remains, a fraction of it such as ``1/2``, or base units such as
                ``0.4``. More than one is a choice of the explorer.
            price: of the execution; by default the limit price, or the market's price.
            times: how many fills, one after another.
            reports: how often each event of a fill arrives: more than once if connections overlap at that moment.
            process: see :meth:`offer`.

        Returns:
            The name of the process.
        """
        process = recorder.fresh("market") if process is None else process
        query = OrderQuery(id=order) if isinstance(order, str) else order
        for _ in range(times):
            self._agenda.offer(
                WorldEvent(
                    process=process,
                    kind=Kind.EXECUTE,
                    label=f"fill {query}",
                    action=partial(self._fill, query, quantities, price, reports),
                    ready=partial(query.exists, self._store),
                )
            )
        return process

    def offer_cancel(self, order: OrderSelector, *, process: int | None = None) -> int:
        """Let somebody cancel an order by hand at any moment after it was accepted."""
        process = recorder.fresh("hand") if process is None else process
        query = OrderQuery(id=order) if isinstance(order, str) else order
        self._agenda.offer(
            WorldEvent(
                process=process,
                kind=Kind.EXECUTE,
                label=f"cancel {query} by hand",
                action=partial(self._cancel_by_hand, query),
                ready=partial(query.exists, self._store),
            )
        )
        return process

    def offer_disconnect(self, topic: Topic, *, process: int | None = None) -> int:
        """Let every connection of a user stream break at some moment."""
        return self.offer(f"user stream {topic} breaks", partial(self._cut_all, topic), process=process)

    def offer_listen_key_expiry(self, *, process: int | None = None) -> int:
        """Let the listen keys of all clients run out at some moment."""
        return self.offer("listen keys expire", self._expire_all, process=process)

    def offer_price(self, symbol: str, *prices: Decimal, process: int | None = None) -> int:
        """Let the market's price move through ``prices``, one event each, in this order.

        Raises:
            Rejected: there is no such market, or a price is off its tick.
        """
        process = recorder.fresh("price") if process is None else process
        for price in prices:
            self._store.market(symbol).check_price(price)
            self.offer(f"price of {symbol}: {price}", partial(self.engine.move_price, symbol, price), process=process)
        return process

    def offer_order(self, request: OrderRequest, *, process: int | None = None) -> int:
        """Let somebody place an order by hand, past every client; nothing happens if the venue refuses it."""
        text = f"{request.side} {request.quantity} {request.symbol} by hand"
        return self.offer(text, partial(place_order, self, request), process=process)

    def offer_liquidation(
        self, symbol: str, side: PositionSide = PositionSide.BOTH, *, process: int | None = None
    ) -> int:
        """Let the venue liquidate a position; nothing happens if it is flat by then."""
        return self.offer(f"liquidation of {symbol}", partial(self.engine.liquidate, symbol, side), process=process)

    def offer_position_update(
        self, symbol: str, side: PositionSide = PositionSide.BOTH, *, process: int | None = None
    ) -> int:
        """Let the position stream say where a position stands, though nothing changed."""
        action = partial(self.engine.announce_position, symbol, side)
        return self.offer(f"position update of {symbol}", action, process=process)

    def start_price_path(self, symbol: str, path: Sequence[tuple[int, Decimal]]) -> None:
        """Move the price along ``path`` in virtual time: nanoseconds to wait, then the price, again and again.

        Raises:
            Rejected: there is no such market, or a price is off its tick.
        """
        for _, price in path:
            self._store.market(symbol).check_price(price)
        clock = self._simpy()
        clock.start(price_path(clock, partial(self.engine.move_price, symbol), path), f"price path of {symbol}")

    def start_funding(self, symbol: str, rate: Decimal, interval_ns: int, times: int) -> None:
        """Book funding ``times`` times, each ``interval_ns`` after the other; longs pay a positive ``rate``."""
        clock = self._simpy()
        clock.start(repeated(clock, partial(self._fund, symbol, rate), interval_ns, times), f"funding of {symbol}")

    def observe(self, observer: Callable[[Topic, VenueEvent], None]) -> None:
        """Call ``observer`` with every event that the venue emits, in the step in which it happens."""
        self._observers.append(observer)

    def listen_in(self, listener: Callable[[Request], None]) -> None:
        """Call ``listener`` with every request of a client, in the step that sends it."""
        self._listeners.append(listener)

    # What invariants read. Inside a step every read is recorded.

    @property
    def markets(self) -> tuple[Market, ...]:
        """Every market, sorted by symbol."""
        return tuple(self._store.markets[symbol] for symbol in sorted(self._store.markets))

    @property
    def ledger(self) -> Ledger:
        """What was booked on the account."""
        return self._store.ledger

    def order(self, order_id: str) -> Order | None:
        """Return the present version of an order."""
        return self._store.order(order_id)

    def order_of_client(self, symbol: str, client_id: str) -> Order | None:
        """Return the newest order that carries this client id."""
        return self._store.order_of_client(symbol, client_id)

    def orders(self, symbol: str | None = None) -> tuple[Order, ...]:
        """Return all orders, of one symbol or of every one, in the order of creation within a symbol."""
        symbols = sorted(self._store.markets) if symbol is None else [self._store.market(symbol).symbol]
        return tuple(order for each in symbols for order in self._store.orders(each))

    def open_orders(self, symbol: str | None = None) -> tuple[Order, ...]:
        """Return the orders that are not final."""
        return tuple(order for order in self.orders(symbol) if order.open)

    def trades(self, symbol: str | None = None) -> tuple[Trade, ...]:
        """Return every execution, order by order."""
        return tuple(trade for order in self.orders(symbol) for trade in order.trades)

    def position(self, symbol: str, side: PositionSide = PositionSide.BOTH) -> Position:
        """Return a position; flat if there never was one."""
        return self._store.position(symbol, side)

    def positions(self) -> tuple[Position, ...]:
        """Return every position that was ever open, sorted by symbol and side."""
        derivatives = [market.symbol for market in self.markets if market.derivative]
        held = [self._store.position(symbol, side) for symbol in derivatives for side in self.engine.sides]
        return tuple(position for position in held if position.version)

    def broken_streams(self) -> list[str]:
        """Return the user streams that broke and are not back, in words."""
        return [f"user stream {topic} of {session}" for session, topic in self.streams.broken()]

    @property
    def stream_breaks(self) -> int:
        """How often a user stream has broken so far."""
        return self.streams.breaks

    def price(self, symbol: str) -> Decimal | None:
        """Return the market's price."""
        return self._store.price(symbol)

    def balance(self, asset: str) -> Decimal:
        """Return what the account holds."""
        return self._store.balance(asset)

    def snapshot(self) -> tuple[object, ...]:
        """Return everything that distinguishes two venues, as a comparable value."""
        return (
            self.orders(),
            self.positions(),
            tuple((asset, self._store.balance(asset)) for asset in self._store.assets),
            tuple((market.symbol, self._store.price(market.symbol)) for market in self.markets),
            tuple((market.symbol, self._store.leverage(market.symbol)) for market in self.markets),
            self.ledger.sorted(),
        )

    def check_quiet(self, *, crashed: bool = False) -> None:
        """Check the venue's own output when nothing is under way any more; call it outside of steps.

        Args:
            crashed: whether a client was cut off, so that its requests and their answers are lost.

        Raises:
            IllegalVenue: with the rule that is broken; a bug of the simulation, not of the program.
        """
        self.monitor.quiet(every_answer=not crashed)
        balances = {asset: self._store.balance(asset) for asset in self._store.assets}
        self.monitor.books.check(balances, self.positions())
        read = self.gateway.fetch_open_orders(None).call()
        self.monitor.orders.check_converged(self.orders(), cast("tuple[Order, ...]", read))
        held = self.gateway.fetch_positions(()).call()
        self.monitor.books.check_converged(cast("tuple[PositionUpdate, ...]", held))

    # Actions

    def _simpy(self) -> VenueClock:
        clock = self._agenda.clock
        if not isinstance(clock, VenueClock):
            raise TypeError("processes of the venue need an agenda whose clock is the VenueClock")
        return clock

    def _fund(self, symbol: str, rate: Decimal, number: int) -> None:
        self.engine.fund(symbol, rate, str(number))

    def _asked(self, request: Request) -> None:
        for listener in self._listeners:
            listener(request)

    def _emit(self, topic: Topic, event: VenueEvent) -> None:
        if isinstance(event, ExecutionReport):
            self.monitor.observe(event)
        self.streams.emit(topic, event)
        for observer in self._observers:
            observer(topic, event)

    def _fill(self, query: OrderQuery, quantities: tuple[str, ...], price: Decimal | None, reports: int) -> None:
        order = query.find(self._store)
        if order is None or not order.working:
            return
        point = ChoicePoint(f"quantity of {order.id}", quantities)
        wanted = quantities[self._agenda.chooser.choose(point)] if len(quantities) > 1 else quantities[0]
        quantity = _quantity(wanted, order, self._store.market(order.symbol).step)
        if not quantity:
            return
        self.streams.overlapping = reports - 1
        try:
            self.engine.fill(order.id, quantity, price)
        finally:
            self.streams.overlapping = 0

    def _fill_later(self, order: Order) -> None:
        self.offer_fill(order.id)

    def _cancel_by_hand(self, query: OrderQuery) -> None:
        order = query.find(self._store)
        if order is not None and order.open:
            self.engine.cancel(order.id, reason="by hand")

    def _expire_all(self) -> None:
        for session in sorted({each.session for topic in Topic for each in self.streams.connections(topic)}):
            self.streams.expire_listen_key(session)

    def _cut_all(self, topic: Topic) -> None:
        for connection in self.streams.connections(topic):
            self.streams.cut(connection)


def place_order(venue: Venue, request: OrderRequest) -> Order | None:
    """Place an order by hand, past every client; None if the venue refuses it."""
    try:
        return venue.engine.submit(request)
    except Rejected:
        return None


def _ignore_result(action: Callable[[], object]) -> None:
    action()


def _quantity(text: str, order: Order, step: Decimal) -> Decimal:
    """Return what a scenario's quantity means for ``order``.

    Raises:
        ScenarioError: it is neither ``all`` nor a fraction nor a number.
    """
    if text == "all":
        return order.remaining
    try:
        if "/" in text:
            return share_of(order.remaining, Fraction(text), step)
        return min(Decimal(text), order.remaining)
    except (ValueError, ArithmeticError):
        raise ScenarioError(f"not a quantity: {text!r}; write all, a fraction such as 1/2, or a number") from None
