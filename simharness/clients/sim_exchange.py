"""``SimExchange``: an exchange class of ccxt.pro whose unified methods talk to the venue over links.

It is what a search uses: no HTTP, no throttler, no session, and numbers as ccxt returns them (floats; pass
``number=str`` or ``number=Decimal`` for exact ones). A bot that takes a ccxt exchange takes this one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import Any, cast

import ccxt
from ccxt.async_support.base.exchange import Exchange

from simharness.clients import parse
from simharness.clients.inbox import Inbox
from simharness.clients.refusals import error_of
from simharness.clients.template import attributes_of
from simharness.core import lane
from simharness.core.agenda import Agenda, WorldEvent
from simharness.core.footprint import recorder
from simharness.core.step import Kind
from simharness.venue.event import BalanceUpdate, ExecutionReport, PositionUpdate, Topic, VenueEvent
from simharness.venue.gateway import Holding, OrderName, Ticker
from simharness.venue.links import Answer, Request
from simharness.venue.order import Order, Trade
from simharness.venue.streams import Connection
from simharness.venue.venue import Venue

Structure = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Socket:
    """What ``on_connected`` is told of a connection, as far as ccxt's own clients have it too."""

    url: str


class SimExchange(Exchange):  # type: ignore[misc]  # ccxt ships no types
    """A ccxt.pro exchange on the simulated venue.

    Args:
        agenda: where world events go.
        venue: the other end of the links.
        session: name of this client, unique within the execution; a restarted program takes a new one.
        handshake: whether the first connection of a stream is a world event, so that what happens before is missed;
            by default the streams are up from the first ``watch_…`` call on. Reconnects are always world events.
        single_frames: whether a frame arrives only while a ``watch_…`` call of its topic waits, so that no call returns
            two. Otherwise frames arrive at any moment, and a call returns all that have.
        number: class of the numbers in answers: ``float`` as ccxt's default, ``str`` or ``Decimal``.
    """

    def __init__(
        self,
        agenda: Agenda,
        venue: Venue,
        *,
        session: str = "bot",
        handshake: bool = False,
        single_frames: bool = False,
        number: type[float] | type[str] | type[Decimal] = float,
    ) -> None:
        # Not ccxt's own __init__: it takes a millisecond and draws a uuid.
        self.__dict__.update(attributes_of(type(self), venue.markets))
        self.number = number
        self._agenda = agenda
        self._gateway = venue.gateway
        self._links = venue.open_session(session)
        self._handshake = handshake
        self._single_frames = single_frames
        self._inboxes = {topic: Inbox(f"{session} {topic}") for topic in Topic}
        self._connections: dict[Topic, Connection | None] = {}

    def describe(self) -> Structure:
        """Return what ccxt wants to know of an exchange."""
        supported = (
            "createOrder cancelOrder fetchOrder fetchOpenOrders fetchMyTrades fetchBalance fetchMarkets fetchPositions"
            " fetchTicker setLeverage watchOrders watchPositions watchBalance"
        )
        own = {
            "id": "simexchange",
            "name": "SimExchange",
            "pro": True,
            "enableRateLimit": False,
            "has": {"spot": True, "swap": True, "ws": True, **dict.fromkeys(supported.split(), True)},
        }
        return cast("Structure", self.deep_extend(super().describe(), own))

    # Orders

    async def create_order(
        self,
        symbol: str,
        type: str,  # noqa: A002 — ccxt's name of the argument
        side: str,
        amount: float | str | Decimal,
        price: float | str | Decimal | None = None,
        params: Structure | None = None,
    ) -> Structure:
        """Place an order.

        ``params`` may hold ``clientOrderId``, ``timeInForce``, ``postOnly``, ``reduceOnly``, ``positionSide``, and
        ``stopLossPrice``, ``stopPrice``, ``triggerPrice`` or ``takeProfitPrice`` for conditional market orders.

        Raises:
            ccxt.InvalidOrder: the venue's filters or rules forbid it, and the subclasses of this error.
            ccxt.InsufficientFunds: the account cannot pay for it.
            ccxt.NetworkError: its outcome is unknown, unless the message says otherwise.
        """
        request = parse.order_request(
            symbol=symbol, type_=type, side=side, amount=amount, price=price, params=params or {}
        )
        return self._order(cast("Order", await self._request(self._gateway.create_order(request))))

    async def cancel_order(
        self,
        id: str | None,  # noqa: A002 — ccxt's name of the argument
        symbol: str | None = None,
        params: Structure | None = None,
    ) -> Structure:
        """Cancel an order by id, or by ``params['clientOrderId']`` and symbol if ``id`` is None or empty.

        Raises:
            ccxt.OrderNotFound: there is none, or it is final: perhaps it filled.
        """
        name = OrderName(id or None, parse.client_id_of(params or {}), symbol)
        return self._order(cast("Order", await self._request(self._gateway.cancel_order(name))))

    async def fetch_order(
        self,
        id: str | None,  # noqa: A002 — ccxt's name of the argument
        symbol: str | None = None,
        params: Structure | None = None,
    ) -> Structure:
        """Return an order by id, or by ``params['clientOrderId']`` and symbol if ``id`` is None or empty.

        Raises:
            ccxt.OrderNotFound: there is none, or the read lags.
        """
        name = OrderName(id or None, parse.client_id_of(params or {}), symbol)
        return self._order(cast("Order", await self._request(self._gateway.fetch_order(name))))

    async def fetch_my_trades(
        self,
        symbol: str | None = None,
        since: int | None = None,
        limit: int | None = None,
        params: Structure | None = None,
    ) -> list[Structure]:
        """Return the executions of the order that ``params["orderId"]`` names; others cannot be asked for.

        Raises:
            ccxt.ArgumentsRequired: no order is named.
            ccxt.OrderNotFound: there is no such order.
        """
        order_id = (params or {}).get("orderId")
        if order_id is None:
            raise ccxt.ArgumentsRequired('simexchange fetch_my_trades needs params["orderId"]')
        name = OrderName(id=order_id, symbol=symbol)
        trades = cast("tuple[Trade, ...]", await self._request(self._gateway.fetch_trades(name)))
        return [cast("Structure", self.safe_trade(parse.raw_trade(trade))) for trade in trades]

    async def fetch_open_orders(
        self,
        symbol: str | None = None,
        since: int | None = None,
        limit: int | None = None,
        params: Structure | None = None,
    ) -> list[Structure]:
        """Return the orders that are not final, oldest first within a symbol."""
        orders = cast("tuple[Order, ...]", await self._request(self._gateway.fetch_open_orders(symbol)))
        unified = [self._order(order) for order in orders]
        return cast("list[Structure]", self.filter_by_symbol_since_limit(unified, symbol, since, limit))

    async def watch_orders(
        self,
        symbol: str | None = None,
        since: int | None = None,
        limit: int | None = None,
        params: Structure | None = None,
    ) -> list[Structure]:
        """Wait for order updates and return all that have arrived since the last call, oldest first.

        Raises:
            ccxt.NetworkError: the connection broke; what happens until the next call has connected again is missed.
        """
        frames = await self._watch(
            Topic.ORDERS, lambda frame: symbol is None or cast("ExecutionReport", frame).order.symbol == symbol
        )
        return [self._order(report.order, report) for report in cast("list[ExecutionReport]", frames)]

    # Account and positions

    async def fetch_balance(self, params: Structure | None = None) -> Structure:
        """Return free, used and total of every asset."""
        holdings = cast("tuple[Holding, ...]", await self._request(self._gateway.fetch_balance()))
        balance: Structure = {"info": {}}
        for holding in holdings:
            balance[holding.asset] = {"total": parse.text_of(holding.total), "used": parse.text_of(holding.used)}
        return cast("Structure", self.safe_balance(balance))

    async def watch_balance(self, params: Structure | None = None) -> Structure:
        """Wait for balance updates and return the newest total of every asset that changed since the last call.

        Raises:
            ccxt.NetworkError: the connection broke; see :meth:`watch_orders`.
        """
        frames = cast("list[BalanceUpdate]", await self._watch(Topic.BALANCE, lambda _: True))
        changed: Structure = {update.asset: {"total": parse.text_of(update.total)} for update in frames}
        return cast("Structure", self.safe_balance({"info": {}, **changed}))

    async def fetch_positions(
        self, symbols: list[str] | None = None, params: Structure | None = None
    ) -> list[Structure]:
        """Return the positions that are not flat."""
        request = self._gateway.fetch_positions(tuple(symbols or ()))
        return [self._position(update) for update in cast("tuple[PositionUpdate, ...]", await self._request(request))]

    async def watch_positions(
        self,
        symbols: list[str] | None = None,
        since: int | None = None,
        limit: int | None = None,
        params: Structure | None = None,
    ) -> list[Structure]:
        """Wait for position updates and return all that have arrived since the last call, oldest first.

        Raises:
            ccxt.NetworkError: the connection broke; see :meth:`watch_orders`.
        """
        frames = await self._watch(
            Topic.POSITIONS, lambda frame: not symbols or cast("PositionUpdate", frame).symbol in symbols
        )
        return [self._position(update) for update in cast("list[PositionUpdate]", frames)]

    async def fetch_ticker(self, symbol: str, params: Structure | None = None) -> Structure:
        """Return the market's price as last, bid and ask."""
        ticker = cast("Ticker", await self._request(self._gateway.fetch_ticker(symbol)))
        return cast("Structure", self.safe_ticker(parse.raw_ticker(ticker), self.market(symbol)))

    async def set_leverage(
        self, leverage: int, symbol: str | None = None, params: Structure | None = None
    ) -> Structure:
        """Change the leverage of a symbol.

        Raises:
            ccxt.ArgumentsRequired: no symbol.
            ccxt.BadRequest: the leverage is not between 1 and 125, or the market is a spot market.
        """
        if symbol is None:
            raise ccxt.ArgumentsRequired("simexchange set_leverage needs a symbol")
        await self._request(self._gateway.set_leverage(symbol, leverage))
        return {"symbol": symbol, "leverage": leverage, "info": {}}

    # ccxt's own plumbing, without network

    async def load_markets(self, reload: bool = False, params: Structure | None = None) -> Structure:
        """Return the markets; they are known from the start."""
        return cast("Structure", self.markets)

    async def throttle(self, cost: object = None) -> None:
        """Wait for nothing: the venue decides when it is asked too much."""

    async def close(self, clean_instance_data: bool = False) -> None:
        """Close the streams; whoever waits is told, and answers that are under way reach nobody."""
        self._links.end()
        for topic in Topic:
            self._inboxes[topic].fail(ccxt.ExchangeClosedByUser("simexchange closed by the user"))

    def abandon(self) -> None:
        """End this client as a crash does: nothing that is under way reaches it, and nobody is told."""
        self._links.end()

    # Streams

    def open_stream(self, topic: Topic) -> None:
        """Connect a user stream now, before the program asks for it; more calls make overlapping connections.

        Frames of overlapping connections all arrive: each event once per connection.
        """
        inbox = self._inboxes[topic]
        wanted = inbox.is_awaited if self._single_frames else None
        self._connections[topic] = self._links.connect(topic, inbox.push, partial(self._lost, topic), wanted)
        # ccxt's hook for users.
        self.on_connected(Socket(f"simexchange/{topic}"))

    async def _watch(self, topic: Topic, wanted: Callable[[VenueEvent], bool]) -> list[VenueEvent]:
        if topic not in self._connections:
            self._connections[topic] = None
            if self._handshake:
                self._reconnect(topic)
            else:
                self.open_stream(topic)
        return await self._inboxes[topic].take(wanted)

    def _reconnect(self, topic: Topic) -> None:
        self._agenda.offer(
            WorldEvent(
                process=recorder.fresh("connect"),
                kind=Kind.EXECUTE,
                label=f"user stream {topic} connects",
                action=partial(self.open_stream, topic),
            )
        )

    def _lost(self, topic: Topic) -> None:
        # The next watch call connects again.
        self._connections.pop(topic, None)
        self._handshake = True
        self._inboxes[topic].fail(ccxt.NetworkError(f"simexchange connection of {topic} lost"))

    async def _request(self, request: Request) -> object:
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        if recorder.narrating:
            request = replace(request, lane=lane.current_lane.get(), source=lane.caller())
        self._links.send(request, partial(_settle, future))
        answer = await future
        if answer.refusal is not None:
            raise error_of(self.id, answer)
        return answer.payload

    # To ccxt's structures

    def _order(self, order: Order, report: ExecutionReport | None = None) -> Structure:
        return cast("Structure", self.safe_order(parse.raw_order(order, report), self.markets[order.symbol]))

    def _position(self, update: PositionUpdate) -> Structure:
        position = cast("Structure", self.safe_position(parse.raw_position(update)))
        # Unlike safe_order, safe_position leaves texts as they are.
        for key in parse.POSITION_NUMBERS:
            position[key] = self.parse_number(position[key])
        return position


def _settle(future: asyncio.Future[Answer], answer: Answer) -> None:
    # The program may have stopped waiting: a timeout of its own, or a cancelled task.
    if not future.done():
        future.set_result(answer)
