"""The exceptions of simharness.

::

    SimharnessError
    ├── ScenarioError            bad input: a scenario, a token, an option (exit code 2)
    │   └── TokenError           a token that cannot be read or belongs elsewhere
    ├── ReplayDiverged           the program offered something else than the schedule (exit code 3)
    ├── Nondeterminism           two runs of one schedule differed, or code asked for real chance (exit code 3)
    ├── SelfCheckFailed          a check of simharness on itself failed: nothing may be certified (exit code 3)
    ├── IllegalVenue             the simulated venue did what no venue may do (exit code 3)
    └── SpinningProgram          a step or an execution that does not end within its horizon
"""

from __future__ import annotations


class SimharnessError(Exception):
    """Base of everything that simharness raises on purpose."""


class ScenarioError(SimharnessError):
    """Input that cannot be used; the message is one line and starts with ``file:line:`` where there is one."""


class TokenError(ScenarioError):
    """A replay token that cannot be read, is damaged, or belongs to another scenario."""


class Nondeterminism(SimharnessError):
    """Something outside the control of simharness influenced the program."""


class ReplayDiverged(Nondeterminism):
    """The program did not offer what the schedule expects.

    Args:
        step: position in the schedule, counted from 0.
        expected: what the schedule asks for.
        offered: what the program offers at that place.
    """

    def __init__(self, step: int, expected: str, offered: str) -> None:
        self.step = step
        self.expected = expected
        self.offered = offered
        super().__init__(
            f"replay diverged at step {step}: the schedule expects {expected}, the program offers {offered}. "
            "Likely cause: uncontrolled nondeterminism or changed code; run `simharness doctor SCENARIO`"
        )


class SelfCheckFailed(SimharnessError):
    """A check that simharness makes on itself failed; the verdict becomes ``error`` and names the hole."""


class IllegalVenue(SimharnessError):
    """The simulated venue broke a rule that every venue keeps (I1–I11); a bug in the venue, not in the bot."""


class SpinningProgram(SimharnessError):
    """The program did not come to rest within the horizon."""
