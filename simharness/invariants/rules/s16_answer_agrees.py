"""S16: a command's answer agrees with the committed state."""

from __future__ import annotations

from collections.abc import Iterable

from simharness.invariants.rule import Breach, Rule
from simharness.invariants.snapshot import Owner
from simharness.invariants.view import Answer, View


class AnswerAgrees(Rule):
    """Compares the fields of an answer with the committed row at the moment at which it arrives.

    With several commands in flight an answer may be overtaken by another command's commit: only what the answer's
    own command is the last to write is compared, so overlapping commands on one row are left to Q1 and Q5.
    """

    id = "S16"

    def vacuous(self, view: View) -> str | None:
        answered = any(answer.ok and answer.subject is not None for answer in view.answers)
        return None if answered and len(view.commands) == 1 else "no single command was answered with a row"

    def on_answer(self, view: View, answer: Answer) -> Iterable[Breach]:
        if not answer.ok or answer.subject is None or len(view.commands) > 1:
            return
        row = view.observe(answer.subject)
        if not isinstance(row, Owner):
            return
        for field, said in sorted(answer.says.items()):
            committed = row.fields.get(field, said)
            if committed != said:
                yield Breach(
                    f"{answer.command} answered {field}={said}, but {answer.subject} has {field}={committed}",
                    witness=(view.commits[answer.subject],) if answer.subject in view.commits else (),
                )
