"""Requests and user streams: what may overtake what, and what a broken connection loses."""

from __future__ import annotations

from decimal import Decimal

import pytest
from fake_agenda import FakeAgenda

from simharness.core.footprint import conflicting
from simharness.faults import FaultPlan
from simharness.venue import (
    Answer,
    ExecutionReport,
    Market,
    OrderRequest,
    OrderType,
    Refusal,
    Session,
    Side,
    Topic,
    Venue,
    VenueEvent,
    place_order,
)
from simharness.venue.gateway import OrderName

ETH = "ETH/USDT"
LIMIT = OrderRequest(ETH, Side.BUY, OrderType.LIMIT, Decimal(1), Decimal(100))


class Client:
    """Remembers what reaches it."""

    def __init__(self, venue: Venue) -> None:
        self.session: Session = venue.open_session()
        self.answers: list[Answer] = []
        self.frames: list[VenueEvent] = []
        self.closed = 0

    def connect(self, topic: Topic = Topic.ORDERS) -> None:
        self.session.connect(topic, self.frames.append, self._on_closed)

    def _on_closed(self) -> None:
        self.closed += 1

    @property
    def texts(self) -> list[str]:
        return [frame.text for frame in self.frames]


def stage(*faults: str) -> tuple[FakeAgenda, Venue, Client]:
    agenda = FakeAgenda(faults=1 if faults else 0)
    venue = Venue(agenda, [Market(ETH)], prices={ETH: Decimal(100)}, faults=FaultPlan.of(*faults))
    return agenda, venue, Client(venue)


def test_a_request_executes_and_is_answered_in_two_events() -> None:
    """The venue acts first; the client hears of it later."""
    agenda, venue, client = stage()
    client.session.send(venue.gateway.create_order(LIMIT), client.answers.append)
    assert not venue.orders()
    agenda.run_labelled("create_order")
    assert venue.order("o-1") is not None
    assert not client.answers
    agenda.run_labelled("answer")
    assert client.answers == [Answer(venue.order("o-1"))]


@pytest.mark.parametrize("order", [("answer", "stream"), ("stream", "answer")])
def test_answer_and_event_arrive_in_any_order(order: tuple[str, str]) -> None:
    """They travel on different links (A1)."""
    agenda, venue, client = stage()
    client.connect()
    client.session.send(venue.gateway.create_order(LIMIT), client.answers.append)
    agenda.run_labelled("create_order")
    for label in order:
        agenda.run_labelled(label)
    assert (len(client.answers), client.texts) == (1, ["new o-1"])


def test_requests_overtake_one_another() -> None:
    """Each has a link of its own."""
    agenda, venue, client = stage()
    place_order(venue, LIMIT)
    client.session.send(venue.gateway.cancel_order(OrderName("o-1")), client.answers.append)
    client.session.send(venue.gateway.fetch_order(OrderName("o-1")), client.answers.append)
    agenda.run_labelled("fetch_order")
    agenda.run_labelled("answer to fetch_order")
    agenda.run_all()
    assert [answer.payload.status for answer in client.answers] == ["new", "canceled"]  # type: ignore[attr-defined]  # orders


def test_frames_of_one_topic_keep_their_order() -> None:
    """A connection is a queue."""
    agenda, venue, client = stage()
    client.connect()
    place_order(venue, LIMIT)
    venue.engine.fill("o-1", Decimal("0.4"))
    venue.engine.cancel("o-1")
    agenda.run_all()
    assert client.texts == ["new o-1", "partially_filled o-1 +0.4 at 100", "canceled o-1"]


def test_topics_have_no_mutual_order() -> None:
    """ORDER_TRADE_UPDATE and ACCOUNT_UPDATE may arrive either way round (A3)."""
    agenda, venue, client = stage()
    client.connect(Topic.ORDERS)
    client.connect(Topic.BALANCE)
    place_order(venue, LIMIT)
    venue.engine.fill("o-1", Decimal(1))
    assert agenda.labels() == ["stream balance: balance ETH 1", "stream orders: new o-1"]


def test_a_stream_replays_nothing() -> None:
    """What happened before the connection is not told."""
    agenda, venue, client = stage()
    place_order(venue, LIMIT)
    client.connect()
    venue.engine.cancel("o-1")
    agenda.run_all()
    assert client.texts == ["canceled o-1"]


def test_overlapping_connections_deliver_twice() -> None:
    """Both get everything, in any order between them (A5)."""
    agenda, venue, client = stage()
    client.connect()
    client.connect()
    place_order(venue, LIMIT)
    assert len(agenda.ready()) == 2
    agenda.run_all()
    assert client.texts == ["new o-1", "new o-1"]


def test_a_disconnect_loses_what_is_in_flight_and_the_gap() -> None:
    """The client learns of it, and of nothing in between (A5)."""
    agenda, venue, client = stage()
    client.connect()
    place_order(venue, LIMIT)
    venue.offer_disconnect(Topic.ORDERS)
    agenda.run_labelled("user stream orders breaks")
    venue.engine.fill("o-1", Decimal(1))
    agenda.run_all()
    assert "stream orders: connection lost" in agenda.log
    assert (client.texts, client.closed) == ([], 1)
    venue.check_quiet()


def test_a_delivery_and_a_disconnect_conflict() -> None:
    """Which comes first decides whether the frame arrives."""
    agenda, venue, client = stage()
    client.connect()
    place_order(venue, LIMIT)
    venue.engine.cancel("o-1")
    delivered = agenda.run_labelled("stream orders: new")
    venue.offer_disconnect(Topic.ORDERS)
    cut = agenda.run_labelled("user stream orders breaks")
    assert conflicting(delivered.footprint, cut.footprint)


def test_a_refusal_is_an_answer() -> None:
    """The venue says why."""
    agenda, venue, client = stage()
    client.session.send(venue.gateway.cancel_order(OrderName("o-1")), client.answers.append)
    agenda.run_all()
    assert client.answers == [Answer(refusal=Refusal.ORDER_NOT_FOUND, message="order o-1 does not exist")]


def test_nothing_reaches_a_session_that_has_ended() -> None:
    """A process that crashed hears no answers and no frames; the venue acts all the same."""
    agenda, venue, client = stage()
    client.connect()
    client.session.send(venue.gateway.create_order(LIMIT), client.answers.append)
    client.session.end()
    agenda.run_all()
    assert venue.order("o-1") is not None
    assert (client.answers, client.frames) == ([], [])
    venue.check_quiet()


# Faults on the links


def test_a_lost_reply_hides_that_the_venue_acted() -> None:
    """The order lives, and the client sees a timeout (A1)."""
    agenda, venue, client = stage("reply_lost")
    client.session.send(venue.gateway.create_order(LIMIT), client.answers.append)
    ran = agenda.run_labelled("create_order", 1)
    agenda.run_all()
    assert venue.order("o-1") is not None
    assert client.answers[0].refusal is Refusal.TIMEOUT
    assert "fault: reply_lost strikes create_order" in [op.text for op in ran.operations if op.effect == "fault"]


def test_a_lost_request_looks_the_same_to_the_client() -> None:
    """But nothing happened (A2)."""
    agenda, venue, client = stage("request_lost")
    client.session.send(venue.gateway.create_order(LIMIT), client.answers.append)
    agenda.run_labelled("create_order", 1)
    agenda.run_all()
    assert not venue.orders()
    assert client.answers[0].refusal is Refusal.TIMEOUT


def test_a_fault_that_is_not_chosen_changes_nothing() -> None:
    """The first answer of every choice point is that nobody interferes."""
    agenda, venue, client = stage("reply_lost", "request_lost", "reject")
    client.session.send(venue.gateway.create_order(LIMIT), client.answers.append)
    agenda.run_all()
    assert client.answers[0].refusal is None
    assert [choice.point.options for choice in agenda.chooser.history] == [
        ("none", "reply_lost", "request_lost", "reject")
    ]


def test_a_lagging_read_misses_the_latest_change() -> None:
    """It shows the venue as it was one change earlier (A8)."""
    agenda, venue, client = stage("lagging_read")
    place_order(venue, LIMIT)
    venue.engine.cancel("o-1")
    client.session.send(venue.gateway.fetch_open_orders(ETH), client.answers.append)
    agenda.run_labelled("fetch_open_orders", 1)
    agenda.run_all()
    assert [order.id for order in client.answers[0].payload] == ["o-1"]  # type: ignore[attr-defined]  # a tuple of orders


def test_a_lagging_read_does_not_find_a_new_order() -> None:
    """The classic: created, answered, and not found."""
    agenda, venue, client = stage("lagging_read")
    place_order(venue, LIMIT)
    client.session.send(venue.gateway.fetch_order(OrderName("o-1")), client.answers.append)
    agenda.run_labelled("fetch_order", 1)
    agenda.run_all()
    assert client.answers[0].refusal is Refusal.ORDER_NOT_FOUND


def test_a_duplicate_event_arrives_on_a_link_of_its_own() -> None:
    """So it may come late, and after newer frames (A5, A14); the monitor has nothing to object."""
    agenda, venue, client = stage("duplicate_event")
    client.connect()
    agenda.step(lambda: place_order(venue, LIMIT), 1)
    venue.engine.cancel("o-1")
    first, overlap = sorted(agenda.ready(), key=lambda process: -len(agenda.queues[process]))
    agenda.run(first)
    agenda.run(first)
    agenda.run(overlap)
    assert client.texts == ["new o-1", "canceled o-1", "new o-1"]
    venue.check_quiet()


def test_a_stream_that_breaks_loses_the_frame() -> None:
    """And everything that is still in flight on it."""
    agenda, venue, client = stage("stream_disconnect")
    client.connect()
    agenda.step(lambda: place_order(venue, LIMIT), 1)
    agenda.run_all()
    assert (client.texts, client.closed) == ([], 1)
    venue.check_quiet()


def test_an_expired_listen_key_breaks_every_stream_of_its_client() -> None:
    """Both topics are told; another client, with a key of its own, hears the frame."""
    agenda, venue, client = stage("listen_key_expired")
    other = Client(venue)
    for topic in (Topic.ORDERS, Topic.BALANCE):
        client.connect(topic)
    other.session = venue.open_session("other")
    other.connect()
    agenda.step(lambda: place_order(venue, LIMIT), 1)
    agenda.run_all()
    assert (client.texts, client.closed) == ([], 2)
    assert (other.texts, other.closed) == (["new o-1"], 0)
    assert venue.broken_streams() == ["user stream balance of bot", "user stream orders of bot"]
    client.connect()
    client.session.end()
    assert venue.broken_streams() == []
    venue.check_quiet()


def test_a_report_carries_the_whole_order() -> None:
    """Ids, cumulative and last quantity, and a sequence."""
    agenda, venue, client = stage()
    client.connect()
    place_order(venue, LIMIT)
    venue.engine.fill("o-1", Decimal("0.4"))
    agenda.run_all()
    report = client.frames[-1]
    assert isinstance(report, ExecutionReport)
    assert report.trade is not None
    assert (report.trade.id, report.order.filled, report.order.remaining, report.sequence) == (
        "o-1-t1",
        Decimal("0.4"),
        Decimal("0.6"),
        2,
    )
