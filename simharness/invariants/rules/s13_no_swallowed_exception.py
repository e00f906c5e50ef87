"""S13: no exception is swallowed, and a failing handler does not stop the others."""

from __future__ import annotations

from collections.abc import Iterable

from simharness.invariants.rule import Breach, Rule
from simharness.invariants.view import View


class NoSwallowedException(Rule):
    """Reports every exception that was logged and dropped, left in a task, or turned into an internal error."""

    id = "S13"

    def at_rest(self, view: View) -> Iterable[Breach]:
        for complaint in view.complaints:
            yield Breach(f"{complaint.where}: {complaint.message}", step=complaint.step)
        for answer in view.answers:
            if answer.unexpected:
                yield Breach(f"{answer.command} failed: {answer.failure}", step=answer.step)
