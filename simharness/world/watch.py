"""Asks the rules, in the step in which something that they look at has changed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from simharness.core import lane
from simharness.core.footprint import recorder
from simharness.core.step import Operation
from simharness.core.verdict import Finding
from simharness.invariants.registry import all_rules
from simharness.invariants.rule import Breach, Rule
from simharness.invariants.snapshot import LocalOrder, LocalPosition, Owner, Snapshot
from simharness.invariants.view import Answer, Complaint, View

if TYPE_CHECKING:
    from simharness.venue.event import ExecutionReport


class Watch:
    """The rules of one execution, with what they found.

    Args:
        ids: which invariants are checked.
        view: what they see.
        take_snapshot: reads the committed state.

    Attributes:
        rules: those that apply to the system.
        passed_over: ids of the others.
    """

    def __init__(self, ids: tuple[str, ...], view: View, take_snapshot: Callable[[], Snapshot]) -> None:
        self.view = view
        self.findings: list[Finding] = []
        self._take_snapshot = take_snapshot
        view.snapshot = take_snapshot()
        known = all_rules()
        self.rules: list[Rule] = [known[each]() for each in ids if each in known and known[each].applies(view.snapshot)]
        self.passed_over = [each for each in ids if each not in {rule.id for rule in self.rules}]
        self._on_commit = _overriding(self.rules, "on_commit")
        self._on_report = _overriding(self.rules, "on_report")
        self._on_answer = _overriding(self.rules, "on_answer")
        self._on_time = _overriding(self.rules, "on_time")

    def committed(self) -> None:
        """Judge a step that published rows."""
        before = self.view.snapshot
        now = self.view.snapshot = self._take_snapshot()
        for kind in ("orders", "owners", "executions", "positions"):
            old, new = getattr(before, kind), getattr(now, kind)
            for key in {*old, *new}:
                if old.get(key) != new.get(key):
                    self.view.commits[key] = self.view.step
        for rule in self._on_commit:
            self._take(rule, rule.on_commit(self.view, before))

    def reported(self, report: ExecutionReport) -> None:
        """Judge something that happened to an order at the venue."""
        for rule in self._on_report:
            self._take(rule, rule.on_report(self.view, report))

    def time_passes(self, passed_ns: int, lasted_ns: int) -> None:
        """Let the rules with a bound look; on the record once an execution has lasted long enough to break them."""
        for rule in self._on_time:
            with nullcontext() if lasted_ns > rule.bound_ns(self.view) else recorder.aside():
                rule.on_time(self.view, passed_ns)

    def answered(self, answer: Answer) -> None:
        """Judge what a client was told."""
        self.view.answers.append(answer)
        for rule in self._on_answer:
            self._take(rule, rule.on_answer(self.view, answer))

    def at_rest(self) -> None:
        """Judge the end."""
        for rule in self.rules:
            self._take(rule, rule.at_rest(self.view), resting=True)

    def _take(self, rule: Rule, breaches: Iterable[Breach], *, resting: bool = False) -> None:
        for breach in breaches:
            step = breach.step if breach.step is not None or resting else self.view.step
            self.findings.append(Finding(rule.id, breach.message, step, breach.witness, breach.warning))


def _overriding(rules: list[Rule], method: str) -> list[Rule]:
    return [rule for rule in rules if getattr(type(rule), method) is not getattr(Rule, method)]


class ComplaintHandler(logging.Handler):
    """Collects the exceptions that the program logs and drops.

    Args:
        view: where they go.
        watched: packages whose loggers count, and asyncio's own.
    """

    def __init__(self, view: View, watched: tuple[str, ...]) -> None:
        super().__init__(logging.ERROR)
        self._view = view
        self._watched = (*watched, "asyncio")

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record with an exception of a watched logger."""
        if not any(record.name == name or record.name.startswith(f"{name}.") for name in self._watched):
            return
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            text = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}".rstrip(": ")
            self._view.complaints.append(Complaint(text, record.getMessage(), self._view.step))


@contextmanager
def timeless_logging() -> Iterator[None]:
    """Let making a log record leave no footprint.

    A record takes the time, and whether one is made at all depends on levels that telling an execution lowers. What the
    line says of the time decides nothing.
    """
    factory = logging.getLogRecordFactory()

    def make(*arguments: Any, **keywords: Any) -> logging.LogRecord:
        with recorder.aside():
            return factory(*arguments, **keywords)

    logging.setLogRecordFactory(make)
    try:
        yield
    finally:
        logging.setLogRecordFactory(factory)


class LogNarrator(logging.Handler):
    """Puts what the program logs into the timeline, for as long as an execution is told to somebody.

    Args:
        watched: packages whose loggers count.
    """

    def __init__(self, watched: tuple[str, ...]) -> None:
        super().__init__(logging.INFO)
        self._loggers = [logging.getLogger(name) for name in watched]
        self._levels = [logger.level for logger in self._loggers]
        for logger in self._loggers:
            logger.addHandler(self)
            if not logger.isEnabledFor(logging.INFO):
                logger.setLevel(logging.INFO)

    def emit(self, record: logging.LogRecord) -> None:
        """Note a line; making it leaves no footprint, for the same step must have the same one untold."""
        with recorder.aside():
            text, source = f"log “{record.getMessage()}”", lane.caller()
        recorder.note(lambda: Operation(lane.current_lane.get(), text, source=source, effect="log"))

    def end(self) -> None:
        """Leave the loggers as they were."""
        for logger, level in zip(self._loggers, self._levels, strict=True):
            logger.removeHandler(self)
            logger.setLevel(level)


def observed(snapshot: Snapshot, key: str) -> LocalOrder | Owner | LocalPosition | None:
    """Return the row of a key."""
    return snapshot.orders.get(key) or snapshot.owners.get(key) or snapshot.positions.get(key)
