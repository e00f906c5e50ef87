"""A bot's side of the venue: a SimExchange on an agenda that the test pumps, inside a stock asyncio loop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from decimal import Decimal
from typing import Any

from fake_agenda import FakeAgenda

from simharness.clients.sim_exchange import SimExchange
from simharness.faults import FaultPlan
from simharness.venue import Market, Rules, Venue

ETH, PERP = "ETH/USDT", "ETH/USDT:USDT"


class Stage:
    """Venue, agenda and exchange of one test."""

    def __init__(self, *faults: str, balances: dict[str, Decimal] | None = None, **options: Any) -> None:
        self.agenda = FakeAgenda(faults=1 if faults else 0)
        self.venue = Venue(
            self.agenda,
            [Market(ETH, taker_rate=Decimal("0.001")), Market(PERP)],
            rules=Rules(finite=balances is not None),
            prices={ETH: Decimal(100), PERP: Decimal(100)},
            balances=balances,
            faults=FaultPlan.of(*faults),
        )
        self.exchange = SimExchange(self.agenda, self.venue, **options)

    async def start(self, call: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Let the program run until it waits for the venue."""
        task = asyncio.ensure_future(call)
        await self.settle()
        return task

    async def settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    async def finish(self, call: Coroutine[Any, Any, Any], *values: int) -> Any:
        """Run a call and every world event that it needs; ``values`` answer the choices of the first event."""
        task = await self.start(call)
        if values:
            self.agenda.run(self.agenda.ready()[0], *values)
        self.agenda.run_all()
        await self.settle()
        return task.result()
