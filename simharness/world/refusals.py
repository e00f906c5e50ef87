"""Which commands were refused in every execution: what they should have set off was then never explored."""

from __future__ import annotations

from collections.abc import Iterable

from simharness.invariants.view import Answer

# Not found, not allowed there, not understood. A conflict (409) is an answer to expect.
_MISDIRECTED = ("404", "405", "422")


class Refusals:
    """Takes down the answers of all executions of a case."""

    def __init__(self) -> None:
        self._failures: dict[str, str] = {}
        self._accepted: set[str] = set()

    def take(self, answers: Iterable[Answer]) -> None:
        """Take down what one execution answered."""
        for answer in answers:
            if answer.ok or not (answer.failure or "").startswith(_MISDIRECTED):
                self._accepted.add(answer.command)
            else:
                self._failures.setdefault(answer.command, str(answer.failure))

    def state(self) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
        """Return all that was taken down, for another process to add to its own."""
        return tuple(sorted(self._failures.items())), tuple(sorted(self._accepted))

    def add(self, state: tuple[tuple[tuple[str, str], ...], tuple[str, ...]]) -> None:
        """Add what another process has taken down."""
        failures, accepted = state
        self._failures = {**dict(failures), **self._failures}
        self._accepted.update(accepted)

    def sentences(self) -> list[str]:
        """Return one sentence for each command that was never accepted."""
        return [
            f"{command} was refused in every execution ({failure}): what it should set off was not explored"
            for command, failure in sorted(self._failures.items())
            if command not in self._accepted
        ]
