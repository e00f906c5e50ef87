"""Which timers may fire next, when nobody knows how long anything takes.

Between two events any amount of time may pass, so a short timer that starts late can fire before or after a long
one that started early. But not everything is possible: of two timers, the one that was created earlier with a delay
no longer than the other's always fires first; and two sleeps of three seconds in a row never end before one sleep of
five seconds that began together with them.

The deadlines of the pending timers and the present are real numbers that nobody knows, under known differences.
That is a *zone*, kept as a difference bound matrix (Dill, "Timing assumptions and verification of finite-state
concurrent systems", 1989). A timer may fire next if the zone has a point in which its deadline is the least.
Where we differ: there are no invariants that stop time, because a loop may always be late.
"""

from __future__ import annotations

# Reading the clock twice never gives the same instant, so of two timers with equal delays the one created first is
# strictly first. A tick stands for "some time passed": so small that a million of them do not add up to a nanosecond.
_TICK = 1
_SCALE = 1 << 24


class TimerZone:
    """The possible deadlines of all pending timers.

    Timers are small integers that the caller gives; the present is a variable of its own.
    """

    _NOW = -1

    def __init__(self) -> None:
        # bound[a][b] is the least c known with a - b <= c; a missing entry means that there is none.
        self._bound: dict[int, dict[int, int]] = {self._NOW: {}}

    def start(self, timer: int, delay_ns: int, *, same_instant_as: int | None = None) -> None:
        """Add a timer with a deadline ``delay_ns`` from now.

        Args:
            timer: its number, not in use.
            delay_ns: from the present; negative counts as 0.
            same_instant_as: a pending timer that was given exactly the same deadline; either may fire first.
        """
        if same_instant_as is not None and same_instant_as in self._bound:
            self._add_variable(timer)
            self._tie(timer, same_instant_as, 0)
            return
        self._elapse()
        self._add_variable(timer)
        self._tie(timer, self._NOW, max(delay_ns, 0) * _SCALE)

    def may_fire(self, timer: int) -> bool:
        """Return whether there are deadlines under which ``timer`` is due before every other one."""
        row = self._bound
        # timer <= other needs no (other - timer <= c) with c < 0. Adding constraints that all have the same
        # left-hand variable creates no new cycle through two of them, so each can be tested alone.
        return all(row[other].get(timer, 0) >= 0 for other in row if other not in (timer, self._NOW))

    def fire(self, timer: int) -> None:
        """Remove ``timer`` after it fired first: it was due, and no other was due before it."""
        self._elapse()
        for other in list(self._bound):
            if other not in (timer, self._NOW):
                self._constrain(timer, other, 0)
        self._constrain(timer, self._NOW, 0)
        del self._bound[timer]
        for row in self._bound.values():
            row.pop(timer, None)

    def drop(self, timer: int) -> None:
        """Remove ``timer`` although it never fired: nothing is learned about the others."""
        del self._bound[timer]
        for row in self._bound.values():
            row.pop(timer, None)

    def _add_variable(self, variable: int) -> None:
        self._bound[variable] = {}

    def _tie(self, a: int, b: int, difference: int) -> None:
        """Set a - b = difference, where ``a`` is new."""
        row_b = dict(self._bound[b])
        for other, bound in row_b.items():
            self._bound[a][other] = bound + difference
        self._bound[a][b] = difference
        for other, row in self._bound.items():
            if other not in (a, b) and b in row:
                row[a] = row[b] - difference
        self._bound[b][a] = -difference

    def _elapse(self) -> None:
        """Let time pass: the present becomes strictly later, by an unknown amount."""
        for variable, row in self._bound.items():
            if variable == self._NOW:
                row.clear()
            elif self._NOW in row:
                row[self._NOW] -= _TICK

    def _constrain(self, a: int, b: int, bound: int) -> None:
        """Add a - b <= bound and draw every conclusion."""
        if self._bound[a].get(b, bound + 1) <= bound:
            return
        self._bound[a][b] = bound
        into_a = [(x, row[a]) for x, row in self._bound.items() if a in row] + [(a, 0)]
        from_b = [*self._bound[b].items(), (b, 0)]
        for x, to_a in into_a:
            row = self._bound[x]
            for y, to_y in from_b:
                if x != y:
                    total = to_a + bound + to_y
                    if row.get(y, total + 1) > total:
                        row[y] = total
