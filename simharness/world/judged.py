"""Which rules never had anything to judge: that they found nothing says nothing."""

from __future__ import annotations

from simharness.world.watch import Watch


class Judged:
    """Takes down, over all executions of a case, which rules had something to look at."""

    def __init__(self) -> None:
        self._judged: set[str] = set()
        self._idle: dict[str, str] = {}

    def take(self, watch: Watch) -> None:
        """Take down one execution that has come to rest."""
        for identifier in watch.passed_over:
            self._idle[identifier] = "it does not apply to this system"
        for rule in watch.rules:
            if rule.id in self._judged:
                continue
            reason = rule.vacuous(watch.view)
            if reason is None:
                self._judged.add(rule.id)
            else:
                self._idle[rule.id] = reason

    def state(self) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
        """Return all that was taken down, for another process to add to its own."""
        return tuple(sorted(self._idle.items())), tuple(sorted(self._judged))

    def add(self, state: tuple[tuple[tuple[str, str], ...], tuple[str, ...]]) -> None:
        """Add what another process has taken down."""
        idle, judged = state
        self._idle = {**dict(idle), **self._idle}
        self._judged.update(judged)

    def never(self) -> dict[str, str]:
        """Return the rules that never had anything to judge, with the reason."""
        return {rule: reason for rule, reason in sorted(self._idle.items()) if rule not in self._judged}
