"""The one clock: simpy's processes on the agenda's timers."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest
from fake_agenda import FakeAgenda
from simpy.events import Event

from simharness.core.footprint import conflicting
from simharness.venue import VenueClock

Ticks = list[tuple[str, int]]


def ticker(clock: VenueClock, who: str, seen: Ticks, *delays: int) -> Generator[Event, Any, None]:
    for delay in delays:
        yield clock.timeout(delay)
        seen.append((who, clock.now_ns))


def test_a_delay_becomes_a_timer_of_the_agenda() -> None:
    """The process goes on when the agenda fires it, at the moment that it asked for."""
    agenda, seen = FakeAgenda(), []
    agenda.clock.start(ticker(agenda.clock, "a", seen, 5, 7), "a ticks")
    assert not seen
    assert agenda.fire().label == "a ticks"
    agenda.fire()
    assert seen == [("a", 5), ("a", 12)]
    assert not agenda.timers


@pytest.mark.parametrize("first", ["a", "b"])
def test_ties_are_for_the_agenda_to_decide(first: str) -> None:
    """simpy would fire them in insertion order."""
    agenda, seen = FakeAgenda(), []
    for who in ("a", "b"):
        agenda.clock.start(ticker(agenda.clock, who, seen, 5), f"{who} ticks")
    second = "b" if first == "a" else "a"
    agenda.fire(first)
    agenda.fire(second)
    assert seen == [(first, 5), (second, 5)]


def test_events_without_a_delay_run_at_once_in_order() -> None:
    """Whoever waits goes on within the same step."""
    agenda, seen = FakeAgenda(), []
    gate = agenda.clock.event()

    def waiter(who: str) -> Generator[Event, Any, None]:
        yield gate
        seen.append(who)

    agenda.clock.start(waiter("a"), "a")
    agenda.clock.start(waiter("b"), "b")
    gate.succeed()
    assert not seen
    agenda.clock.settle()
    assert seen == ["a", "b"]


def test_a_process_can_wait_for_another() -> None:
    """Its return value arrives, and an interrupt too."""
    agenda, seen = FakeAgenda(), []

    def child() -> Generator[Event, Any, int]:
        yield agenda.clock.timeout(3)
        return 42

    def parent() -> Generator[Event, Any, None]:
        seen.append((yield agenda.clock.process(child())))

    agenda.clock.start(parent(), "parent")
    agenda.fire()
    assert seen == [42]


def test_a_failure_of_a_process_is_raised_where_it_fires() -> None:
    """It does not vanish."""
    agenda = FakeAgenda()

    def broken() -> Generator[Event, Any, None]:
        yield agenda.clock.timeout(1)
        raise LookupError("lost")

    agenda.clock.start(broken(), "broken")
    with pytest.raises(LookupError, match="lost"):
        agenda.fire()


def test_steps_of_simpy_processes_depend_on_each_other() -> None:
    """simpy's own objects report no accesses, so nothing is taken for independent."""
    agenda, seen = FakeAgenda(), []
    for who in ("a", "b"):
        agenda.clock.start(ticker(agenda.clock, who, seen, 5), who)
    assert conflicting(agenda.fire("a").footprint, agenda.fire("b").footprint)


def test_a_fraction_of_a_nanosecond_is_refused() -> None:
    """Money and time are no floats."""
    with pytest.raises(TypeError, match="integer number of nanoseconds"):
        FakeAgenda().clock.timeout(0.5)


def test_a_clock_without_an_agenda_cannot_wait() -> None:
    """It says so instead of never waking up."""
    with pytest.raises(RuntimeError, match="not bound"):
        VenueClock().timeout(1)


def test_time_does_not_go_backwards() -> None:
    """Whoever tries has a bug."""
    clock = VenueClock()
    clock.advance_to(5)
    with pytest.raises(ValueError, match="backwards"):
        clock.advance_to(4)
    assert clock.now_ns == 5
