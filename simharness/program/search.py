"""Which search a plain program gets, and how it goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from time import monotonic

from simharness.explore.bounded import bounded
from simharness.explore.campaign import Campaign, Limits
from simharness.explore.component_search import ComponentSearch
from simharness.explore.deepening import Deepened, deepened
from simharness.explore.exhaustive.dpor import DporSearch
from simharness.explore.parallel.search import ParallelSearch
from simharness.explore.strategy import Search, build
from simharness.loop.execution import Semantics
from simharness.program.opener import ProgramOpener
from simharness.program.stage import ProgramStage


@dataclass(frozen=True, slots=True)
class Plan:
    """How a program is to be searched; the arguments are those of :func:`simharness.explore`."""

    strategy: str
    limits: Limits
    seed: int = 0
    reversals: int | None = None
    delays: int | None = None
    jobs: int = 1
    begun_s: float = field(default_factory=monotonic)

    def search(self, stage: ProgramStage) -> Deepened:
        """Search until the tree is exhausted or a limit is reached."""
        setup = stage.setup
        levels = self.strategy == "dpor" and (self.reversals, self.delays) == (None, None)
        # A latency, and a stock loop, take or refuse the orders of all components together, so these are not enough.
        if isinstance(setup.check, Mapping) and levels and setup.latency is None:
            found = self._deepened(stage, by_component=True, at_once=False)
            if not found.campaign.doubtful or found.campaign.interrupted:
                return found
            # Among other orders of the others there may be one that a stock loop takes: the product knows.
        return self._deepened(stage, by_component=False, at_once=not levels)

    def _deepened(self, stage: ProgramStage, *, by_component: bool, at_once: bool) -> Deepened:
        return deepened(partial(self._campaign, stage, by_component), stage.setup.faults, at_once=at_once)

    def _campaign(self, stage: ProgramStage, by_component: bool, budget: int) -> Campaign:
        start = partial(stage.program, budget)
        search: Search | None = bounded(start, self.strategy, reversals=self.reversals, delays=self.delays)
        if search is None:
            search = ComponentSearch(start) if by_component else build(self.strategy, start, seed=self.seed)
        if self.jobs > 1 and isinstance(search, DporSearch):
            opener = ProgramOpener(stage.setup, budget)
            search = ParallelSearch(start, opener, self.jobs, search, learn=stage.learn)
        stock, timed = stage.setup.semantics is Semantics.STOCK, stage.setup.latency is not None
        return Campaign(start, search, self.limits, stock=stock, timed=timed, started_s=self.begun_s)
