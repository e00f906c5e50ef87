"""L6: stop ends with no working order and places none afterwards."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from simharness.core import name
from simharness.core.footprint import recorder
from simharness.invariants.rule import Breach, Rule
from simharness.invariants.snapshot import Owner, OwnerState, Snapshot
from simharness.invariants.view import Answer, View

if TYPE_CHECKING:
    from simharness.venue.event import ExecutionReport


class StopIsFinal(Rule):
    """From the moment at which a client is told that its bot is stopped, the venue accepts no order of that symbol.

    The moment is written as a key and read by every acceptance, so both orders of the two are looked at. It is left
    to other rules where several bots share the symbol, or where a command may start the bot again.
    """

    id = "L6"

    def __init__(self) -> None:
        self._stopped: dict[str, str] = {}

    @classmethod
    def applies(cls, snapshot: Snapshot) -> bool:
        return bool(snapshot.owners)

    def vacuous(self, view: View) -> str | None:
        return None if self._stopped else "no client was told that a bot is stopped"

    def on_answer(self, view: View, answer: Answer) -> Iterable[Breach]:
        owner = view.snapshot.owners.get(answer.subject or "")
        if not answer.ok or owner is None or not _stops(answer) or view.venue is None:
            return
        if any(_starts(command) for command in view.commands):
            return
        row = view.observe(owner.key)
        if not isinstance(row, Owner) or row.state not in (OwnerState.STOPPED, OwnerState.DELETED):
            return
        if sum(each.symbol == row.symbol for each in view.snapshot.owners.values()) > 1:
            return
        recorder.write(name.static(f"answered: {row.symbol} is stopped"))
        self._stopped[row.symbol] = answer.command
        working = view.venue.open_orders(row.symbol)
        if working:
            yield Breach(f"{answer.command} was answered while {working[0].id} works at the venue")

    def on_report(self, view: View, report: ExecutionReport) -> Iterable[Breach]:
        if report.exec_type != "NEW":
            return
        symbol = report.order.symbol
        recorder.read(name.static(f"answered: {symbol} is stopped"))
        if symbol in self._stopped:
            yield Breach(f"{report.order.id} was placed after {self._stopped[symbol]} had been answered")


def _stops(answer: Answer) -> bool:
    return answer.command.startswith("DELETE") or "/stop" in answer.command


def _starts(command: str) -> bool:
    return "/start" in command or command.startswith(("PUT", "POST /api/v1/bots ")) or command == "POST /api/v1/bots"
