"""One execution of a system in its world."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from simharness.core import lane, name
from simharness.core.footprint import recorder
from simharness.core.step import Kind, Step
from simharness.core.verdict import Finding
from simharness.database.pool import empty_kept_pools
from simharness.errors import ScenarioError
from simharness.faults.plan import FaultPlan
from simharness.invariants.view import View
from simharness.loop.agenda import Item
from simharness.loop.execution import LoopExecution, Semantics
from simharness.loop.futures import unseen_exception
from simharness.loop.garbage import silence
from simharness.venue import Topic, VenueClock
from simharness.venue.event import ExecutionReport, PositionUpdate, VenueEvent
from simharness.world.commands import Clients
from simharness.world.crash import OF_THE_PROGRAM, Crashes
from simharness.world.judged import Judged
from simharness.world.refusals import Refusals
from simharness.world.setting import Command, Setting
from simharness.world.venue_actions import offer, open_venue, start_markets
from simharness.world.watch import ComplaintHandler, LogNarrator, Watch, observed

if TYPE_CHECKING:
    from simharness.clients.sim_exchange import SimExchange
    from simharness.instrument import Instrumenter
    from simharness.invariants.serial import SerialOutcomes
    from simharness.venue import Request
    from simharness.world.databases import Port
    from simharness.world.system import Running, System


class World(LoopExecution):
    """Builds everything, brings the system to rest, and then stands at the beginning of the exploration.

    Args:
        setting: the case.
        system: what is under test.
        database: its database, or None.
        instrumenter: names the objects of the packages under test; None without heap tracking.
        tracking: whether footprints are recorded.
        refusals: takes down what was answered; None if nobody asks.
        judged: takes down which rules had something to judge; None if nobody asks.
        serial: what serial executions of the case come to, for the rules that compare with them.
    """

    def __init__(
        self,
        setting: Setting,
        system: System,
        database: Port | None,
        instrumenter: Instrumenter | None = None,
        *,
        tracking: bool = True,
        refusals: Refusals | None = None,
        judged: Judged | None = None,
        serial: SerialOutcomes | None = None,
    ) -> None:
        clock = VenueClock()
        super().__init__(
            semantics=Semantics(setting.semantics),
            faults=setting.fault_budget,
            strikes=setting.strikes,
            clock=clock,
            tracking=tracking,
            horizon_ns=setting.horizon_ns,
            latency=setting.latency,
        )
        clock.bind(self.loop)
        self._instrumenter = instrumenter
        if instrumenter is not None:
            instrumenter.begin_execution()
        self.setting = setting
        self.system = system
        self.database = database
        self.expected_errors: tuple[type[BaseException], ...] = ()
        self.misuse: ScenarioError | None = None
        self._refusals = refusals
        self._judged = judged
        self._reports: list[ExecutionReport] = []
        # Virtual time at which the exploration begins; None before.
        self._began_ns: int | None = None
        self.venue = open_venue(self.loop, setting)
        self.venue.observe(self._heard)
        self.venue.listen_in(self._asked)
        self.view = View(self.venue, self._observe, bounds_ns=setting.bounds_ns, serial=serial)
        self._handler = ComplaintHandler(self.view, system.watched)
        logging.getLogger().addHandler(self._handler)
        self._log_narrator = LogNarrator(system.watched) if recorder.narrating else None
        lane.watched = system.watched
        if database is not None:
            database.begin_execution(self.loop)
        self._exchanges: dict[str, SimExchange] = {}
        self.crashes = Crashes(self, FaultPlan.of(*setting.faults))
        self.running: Running = self.call(lambda: system.build(self))
        self.spawn(self.running.start())
        self.settle()
        self._open()

    def _open(self) -> None:
        """Let everything begin that is explored: what came before is set-up, and nobody judges it."""
        self.watch = Watch(self.setting.rules, self.view, self._snapshot)
        self._began_ns = self.loop.clock.now_ns
        self.view.under_lock.clear()
        self._reports.clear()
        if self.database is not None:
            self.database.changed()
        self.clients = Clients(self, self.system.variables(self.setting.given))
        self.call(lambda: start_markets(self.venue, self.setting))
        self.call(self.clients.open)
        self.call(self.crashes.offer)

    # -- for the system -----------------------------------------------------------------------------------

    def open_exchange(self, session: str = "bot") -> SimExchange:
        """Return a ccxt exchange on the simulated venue; a program that starts again gets one with a new session."""
        from simharness.clients.sim_exchange import SimExchange

        number = sum(each.partition(" #")[0] == session for each in self._exchanges)
        unique = f"{session} #{number + 1}" if number else session
        exchange = self._exchanges[unique] = SimExchange(
            self.loop, self.venue, session=unique, single_frames=self.setting.single_frames
        )
        return exchange

    def abandon_exchanges(self) -> None:
        """End every client of the venue as a crash does."""
        for exchange in self._exchanges.values():
            exchange.abandon()

    def offer_venue_action(self, command: Command, process: int, over: Callable[[], None]) -> None:
        """Offer what a ``venue`` command asks for."""
        offer(self.venue, command, process, over)

    # -- judging ------------------------------------------------------------------------------------------

    def perform(self, process: int, item: Item, values: tuple[int, ...]) -> Step:
        """Run one entry of a queue; answers and complaints that come up in it carry its position."""
        self.view.step = len(self.steps)
        step = super().perform(process, item, values)
        if self.misuse is not None:
            self.close()
            raise self.misuse
        return step

    def _fire(self, item: Item) -> None:
        """Let time pass: the rules with a bound look at what it passes over."""
        clock, handle = self.loop.clock, item.payload
        passed_ns = handle.when_ns - clock.now_ns
        if passed_ns > 0 and not handle._cancelled and self._began_ns is not None:
            quiet = not any(self._under_way(process) for process in self.loop.queues.enabled())
            self.watch.time_passes(passed_ns if quiet else 0, handle.when_ns - self._began_ns)
        super()._fire(item)

    def _under_way(self, process: int) -> bool:
        """Return whether a process brings what somebody waits for: no timer, no command, no move of a market."""
        head = self.loop.queues.head(process)
        if head is None or head.kind is Kind.TIMER:
            return False
        kind = name.kind(process)
        return kind != "command" if head.kind is not Kind.EXECUTE else kind in OF_THE_PROGRAM

    def after_action(self, item: Item) -> None:
        """Let the rules look, inside the step, at what the step changed."""
        if self._reports:
            reports, self._reports = self._reports, []
            for report in reports:
                self.watch.reported(report)
        committed = self.database is not None and item.acts and self.database.changed()
        if item.acts:
            self.crashes.acted(lasting=committed or (self.database is not None and self.database.drew()))
        if committed:
            self.watch.committed()

    def is_mortal(self, process: int, item: Item) -> bool:
        """Return whether an entry is the program's own, and the program may crash."""
        return self.crashes.loses(process, item)

    def enabled(self) -> list[int]:
        """Return the processes that can take a step, a crash behind all others."""
        return self.crashes.last(super().enabled())

    def conclude(self) -> tuple[Any, tuple[Finding, ...]]:
        """Return the final state and everything that is wrong with this execution.

        Raises:
            IllegalVenue: the venue itself did what no venue may do; then nothing is claimed.
        """
        self.venue.check_quiet(crashed=self.view.crashed)
        if self.database is not None and self.database.changed():
            self.watch.committed()
        self.view.memory = self.running.memory()
        self.view.step = len(self.steps) - 1
        self._note_complaints()
        self.view.faults.extend(choice.option for choice in self.choices() if choice.point.fault and choice.value)
        self.view.stuck.extend(self._stuck())
        self.watch.at_rest()
        if self._refusals is not None:
            self._refusals.take(self.view.answers)
        if self._judged is not None:
            self._judged.take(self.watch)
        return self._outcome(), (*self.watch.findings, *self.remarks)

    def _outcome(self) -> Any:
        return (self.view.snapshot, self.venue.snapshot(), self.running.memory())

    def _note_complaints(self) -> None:
        from simharness.invariants.view import Complaint

        for task in self.loop.tasks:
            error = unseen_exception(task)
            if error is not None:
                self.view.complaints.append(
                    Complaint(f"{type(error).__name__}: {error}", "a task that nobody awaited", self.view.step)
                )

    def _stuck(self) -> list[str]:
        unfinished = [command.title for command in self.setting.commands if not self._answered(command)]
        if not unfinished:
            return []
        waits = self.database.waits() if self.database is not None else []
        return [f"{title} is never answered" for title in unfinished] + waits

    def _answered(self, command: Command) -> bool:
        if command.kind == "venue":
            return True
        return len(self.view.answers) >= sum(each.kind != "venue" for each in self.setting.commands)

    def _snapshot(self) -> Any:
        assert self.database is not None
        return self.system.snapshot(self.database.read)

    def _observe(self, key: str) -> Any:
        table, _, row = key.partition("#")
        if self.database is not None:
            self.database.observe(table, row)
        return observed(self.view.snapshot, key)

    # -- building -----------------------------------------------------------------------------------------

    def _asked(self, request: Request) -> None:
        """Take down a request that waits for the venue while its task keeps others from writing."""
        task = lane.running_task()
        held = None if task is None or self.database is None else self.database.locks_of(task)
        if held is not None:
            place = f" at {lane.caller()}" if lane.caller() is not None else ""
            sentence = f"{request.text} is awaited{place} while the transaction of its task holds {held}"
            self.view.under_lock.setdefault(sentence, len(self.steps))

    def _heard(self, topic: Topic, event: VenueEvent) -> None:
        if topic is Topic.ORDERS and isinstance(event, ExecutionReport):
            self._reports.append(event)
        if isinstance(event, PositionUpdate):
            self.view.updates.append(event)

    def close(self) -> None:
        """Drop everything, also half-way."""
        logging.getLogger().removeHandler(self._handler)
        if self._log_narrator is not None:
            self._log_narrator.end()
        if self.database is not None:
            # First the real handles: closing coroutines would otherwise still talk to them.
            self.database.close_execution()
        super().close()
        with silence():
            # What the program held complains about being dropped (asyncpg's connections do): here nobody listens.
            self.__dict__.pop("running", None)
            self.__dict__.pop("clients", None)
            empty_kept_pools()
        if self._instrumenter is not None:
            self._instrumenter.end_execution()
