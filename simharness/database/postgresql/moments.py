"""Virtual time inside the server: what now() says, and the timeouts that a session asked for."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

from simharness.core.agenda import Agenda
from simharness.core.time import NS_PER_SECOND, parse_duration_ns
from simharness.database.postgresql import wire
from simharness.database.postgresql.backend import Backend
from simharness.database.postgresql.tuning import PREFIX, STATEMENT_TIME, TIMEOUTS, TRANSACTION_TIME
from simharness.database.postgresql.wire import Message

_NAME = "simharness_moment"
_READ = ", ".join(f"current_setting('{PREFIX}.{timeout}', true)" for timeout in TIMEOUTS)
_SQL = (
    f"SELECT pg_catalog.set_config('{TRANSACTION_TIME}', $1, false), "
    f"pg_catalog.set_config('{STATEMENT_TIME}', $2, false), {_READ}"
)
# What the server says when one of its timeouts strikes: code and text.
CANCELLED_BY = {
    "lock_timeout": ("55P03", "canceling statement due to lock timeout"),
    "statement_timeout": ("57014", "canceling statement due to statement timeout"),
}
TERMINATED_BY = {
    "idle_in_transaction_session_timeout": ("25P03", "terminating connection due to idle-in-transaction timeout"),
    "transaction_timeout": ("25P04", "terminating connection due to transaction timeout"),
    "idle_session_timeout": ("57P05", "terminating connection due to idle-session timeout"),
}
_MICROSECONDS = 1_000
_UNIT = {"": "ms", "min": "m", "us": "us", "ms": "ms", "s": "s", "h": "h"}
_VALUE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(us|ms|s|min|h|d|)\s*")
# After which a fault may end a wait in a session that set no limit of its own.
_LONG_NS = 5 * NS_PER_SECOND
_DAY_NS = 86_400 * NS_PER_SECOND


class Moments:
    """The clock and the timeouts of one session.

    Args:
        agenda: the loop's side.
        epoch_ns: Unix time in nanoseconds at the start of the execution.
        gives_up: asked when a statement has waited long for a lock; None where no fault allows it to give up.
    """

    def __init__(self, agenda: Agenda, epoch_ns: int, gives_up: Callable[[str], bool] | None = None) -> None:
        self._gives_up = gives_up
        self._agenda = agenda
        self._epoch_ns = epoch_ns
        self._transaction_ns = 0
        self._told: tuple[int, int] | None = None
        self._timers: dict[str, int] = {}
        self.limits_ns: dict[str, int] = {}
        # Set when the client's text mentions a timeout: only then are the values asked for.
        self.watched = False

    def begin_batch(self, *, in_transaction: bool) -> None:
        """Note the moment of a statement, which outside a transaction is also that of its transaction."""
        if not in_transaction:
            self._transaction_ns = self._agenda.clock.now_ns

    def forget(self) -> None:
        """Tell the time anew before the next statement: a rollback took the setting back."""
        self._told = None

    def tell(self, backend: Backend) -> None:
        """Put the virtual time into the session, and read its timeouts. Not in an aborted transaction."""
        moment = (self._transaction_ns, self._agenda.clock.now_ns)
        if moment == self._told and not self.watched:
            return
        messages = (
            wire.Parse(_NAME, _SQL, b"\0\0").encode(),
            wire.bind(_NAME, *(self._text(ns) for ns in moment)),
            Message(b"E", b"simharness\0\0\0\0\0"),
            Message(b"C", b"Psimharness\0"),
            Message(b"C", b"S" + _NAME.encode() + b"\0"),
            Message(b"S", b""),
        )
        backend.send(wire.encode(messages))
        row = backend.rows()[0]
        self._told = moment
        self.limits_ns = {
            timeout: limit for timeout, value in zip(TIMEOUTS, row[2:], strict=True) if (limit := _limit_ns(value))
        }

    def arm(self, timeout: str, label: str, action: Callable[[], None], *, elapsed_ns: int = 0) -> None:
        """Start the timer of a timeout, if the session set it."""
        limit = self.limits_ns.get(timeout)
        if limit is None or timeout in self._timers:
            return

        def fire() -> None:
            self._timers.pop(timeout, None)
            action()

        self._timers[timeout] = self._agenda.after(max(limit - elapsed_ns, 0), label, fire)

    def arm_wait(self, strike: Callable[[str], None], elapsed_ns: int, statement: str = "") -> None:
        """Start the timers of a statement that waits for a lock and began so long ago."""
        self.arm("lock_timeout", "lock_timeout", partial(strike, "lock_timeout"))
        if self._gives_up is not None and "lock_timeout" not in self._timers:
            verb = statement.partition(" ")[0]
            self._arm_fault(partial(self._gives_up, verb), partial(strike, "lock_timeout"))
        self.arm("statement_timeout", "statement_timeout", partial(strike, "statement_timeout"), elapsed_ns=elapsed_ns)

    def _arm_fault(self, gives_up: Callable[[], bool], strike: Callable[[], None]) -> None:
        def fire() -> None:
            self._timers.pop("lock_timeout", None)
            if gives_up():
                strike()

        self._timers["lock_timeout"] = self._agenda.after(_LONG_NS, "lock_timeout", fire)

    def disarm(self, *timeouts: str) -> None:
        """Stop timers; all of them when none is named."""
        for timeout in timeouts or tuple(self._timers):
            timer = self._timers.pop(timeout, None)
            if timer is not None:
                self._agenda.cancel_timer(timer)

    def _text(self, moment_ns: int) -> str:
        return moment_text(self._epoch_ns + moment_ns)


def moment_text(unix_ns: int) -> str:
    """Return a moment as PostgreSQL reads it."""
    whole, rest = divmod(unix_ns, NS_PER_SECOND)
    return (datetime.fromtimestamp(whole, UTC) + timedelta(microseconds=rest // _MICROSECONDS)).isoformat()


def _limit_ns(value: str | None) -> int:
    """Return a timeout in nanoseconds, 0 for none; a bare number counts milliseconds."""
    match = _VALUE.fullmatch(value or "")
    if match is None:
        return 0
    if match[2] == "d":
        return int(match[1]) * _DAY_NS
    return parse_duration_ns(f"{match[1]}{_UNIT[match[2]]}")
