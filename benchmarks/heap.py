"""What heap footprints cost on user code that does nothing but touch the heap: a hot order book."""

from __future__ import annotations

import time
from collections.abc import Callable

from simharness.core import name
from simharness.core.footprint import recorder
from simharness.instrument import instrumented

REPEATS = 20
UPDATES = 20_000


class Book:
    """Price levels of both sides."""

    def __init__(self) -> None:
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        self.updates = 0
        self.trades: list[tuple[int, int]] = []

    def apply(self, side: str, price: int, quantity: int) -> None:
        """Set one level; quantity zero removes it."""
        levels = self.bids if side == "buy" else self.asks
        if quantity == 0:
            levels.pop(price, None)
        else:
            levels[price] = quantity
        self.updates += 1

    def match(self, price: int, quantity: int) -> bool:
        """Take from the other side if there is enough."""
        level = self.asks.get(price)
        if level is None or level < quantity:
            return False
        self.asks[price] = level - quantity
        self.trades.append((price, quantity))
        return True

    def best(self) -> int | None:
        """Return the best bid."""
        return max(self.bids) if self.bids else None


def program() -> int:
    """Feed one book."""
    book = Book()
    for number in range(UPDATES):
        price = 100 + number % 50
        book.apply("buy" if number % 2 else "sell", price, number % 7)
        if number % 3 == 0:
            book.match(price, 2)
        if number % 100 == 0:
            book.best()
    return book.updates


def best_of(measured: Callable[[], object]) -> float:
    """Return the shortest of some runs in seconds."""
    shortest = float("inf")
    for _ in range(REPEATS):
        started = time.process_time()
        measured()
        shortest = min(shortest, time.process_time() - started)
    return shortest


def main() -> None:
    """Print the plain, the rewritten and the recording loop."""
    plain = best_of(program)
    with instrumented(program=program) as instrumenter:
        rewritten = best_of(program)

        def recording() -> None:
            instrumenter.begin_execution()
            recorder.begin(name.static("benchmark"), 0, active=True)
            program()
            recorder.end()
            instrumenter.end_execution()

        recorded = best_of(recording)
    for title, seconds in (
        ("order book, plain Python", plain),
        ("rewritten, outside of executions", rewritten),
        ("rewritten, footprints recorded", recorded),
    ):
        print(f"  {title:40} {seconds / UPDATES * 1e9:8.0f} ns an update  x{seconds / plain:.1f}")
