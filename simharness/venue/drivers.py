"""What moves the market by itself, as simpy processes: prices along a path, and funding."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from decimal import Decimal
from typing import Any

from simpy.events import Event

from simharness.venue.clock import VenueClock


def price_path(
    clock: VenueClock, move: Callable[[Decimal], None], path: Iterable[tuple[int, Decimal]]
) -> Generator[Event, Any, None]:
    """Move the price through ``path``: nanoseconds to wait, then the price."""
    for delay_ns, price in path:
        yield clock.timeout(delay_ns)
        move(price)


def repeated(
    clock: VenueClock, action: Callable[[int], None], interval_ns: int, times: int
) -> Generator[Event, Any, None]:
    """Call ``action`` with 1, 2, … ``times``, each after ``interval_ns``."""
    for number in range(1, times + 1):
        yield clock.timeout(interval_ns)
        action(number)
