"""How a plain program is executed: all that decides which schedules there are, and so all that its tokens depend on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simharness.core.step import Window
from simharness.core.token import Token, decode, subject_of
from simharness.errors import ScenarioError, TokenError
from simharness.loop.execution import Semantics
from simharness.program.database import DatabaseTerms
from simharness.program.duration import duration_ns
from simharness.program.execution import Check, Checks, ProgramFunction

# Arguments of ``explore`` as the user gave them, by name.
Terms = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Setup:
    """A program and the terms on which it runs; the arguments are those of :func:`simharness.explore`.

    Args:
        function: the program.
        check: judges outcomes.
        semantics: what a step is.
        faults: budget of fault choices.
        horizon: timers later than this never fire, such as ``10m``; None for no horizon.
        latency: the shortest and the longest time of a message, such as ``("5ms", "80ms")``; None for any time.
        instrument: packages whose heap is tracked, besides the module of the program.
        database: what the program gets; None for nothing.
    """

    function: ProgramFunction
    check: Check | Checks | None = None
    semantics: Semantics = Semantics.STOCK
    faults: int = 0
    horizon: str | None = None
    latency: tuple[str, str] | None = None
    instrument: tuple[str, ...] = ()
    database: DatabaseTerms | None = None

    @classmethod
    def of(cls, function: ProgramFunction, check: Check | Checks | None, **terms: Any) -> Setup:
        """Return a setup from what a user gave.

        Raises:
            ScenarioError: a duration makes no sense, or there is no such database.
        """
        database = DatabaseTerms.of(terms.pop("database"), terms.pop("schema"))
        terms |= {"semantics": Semantics(terms["semantics"]), "instrument": tuple(terms["instrument"])}
        setup = cls(function, check, database=database, **terms)
        _ = setup.horizon_ns, setup.window  # now, not in the middle
        return setup

    @property
    def horizon_ns(self) -> int | None:
        """The horizon in nanoseconds; None for none."""
        return None if self.horizon is None else duration_ns("horizon", self.horizon)

    @property
    def window(self) -> Window | None:
        """The shortest and the longest time of a message in nanoseconds; None for any time."""
        if self.latency is None:
            return None
        least, most = (duration_ns("latency", each) for each in self.latency)
        if least > most:
            shortest, longest = self.latency
            raise ScenarioError(f"latency: the shortest ({shortest}) is longer than the longest ({longest})")
        return least, most

    @property
    def spelt_latency(self) -> str:
        """The latency as a certificate spells it."""
        return "any" if self.latency is None else "..".join(self.latency)

    @property
    def name(self) -> str:
        """What the program is called in timelines."""
        name: str = self._plain.__qualname__.rpartition("<locals>.")[2]
        return name

    @property
    def subject(self) -> int:
        """What tokens of this program carry."""
        # Another database offers other statements to the schedule, so its tokens are others.
        engine = [] if self.database is None else [f"database={self.database.engine}"]
        return subject_of("program", self._plain.__qualname__, *engine)

    def decoded(self, token: str) -> Token:
        """Return what a token of this program says.

        Raises:
            TokenError: it is damaged, or that of another program or database.
        """
        decoded = decode(token)
        if decoded.subject != self.subject:
            on = "without a database" if self.database is None else f"on {self.database.engine}"
            raise TokenError(
                f"the token belongs to another program than {self._plain.__module__}.{self._plain.__qualname__} {on}"
            )
        return decoded

    @property
    def _plain(self) -> Any:
        return getattr(self.function, "func", self.function)
