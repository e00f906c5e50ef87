"""A scenario and its cases: one for each combination of the matrix."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from simharness.core.catalog import INVARIANTS
from simharness.core.suggest import unknown
from simharness.core.token import decode, subject_of
from simharness.errors import ScenarioError, TokenError
from simharness.scenario.exploring import Search
from simharness.scenario.factory import import_factory
from simharness.scenario.model import Database, Expectation, Spec

DATABASE = "database"

Filters = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A valid scenario and the file it came from.

    Args:
        path: the file, as the user named it.
        spec: what it says.
        order: for each entry of ``when`` the positions, from 0, of the entries that it comes after.
        lines: key → the line in which it stands, for the keys on top.
    """

    path: str
    spec: Spec
    order: tuple[tuple[int, ...], ...] = ()
    lines: Mapping[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its name, which reports, tokens and the result JSON use."""
        return self.spec.scenario

    @property
    def invariants(self) -> tuple[str, ...]:
        """The ids that are checked, in the order of the catalog; all of them for ``check: all``."""
        wanted = self.spec.check
        return tuple(entry.id for entry in INVARIANTS if wanted == ("all",) or entry.id in wanted)

    @property
    def checks_all(self) -> bool:
        """Whether ``check`` is ``all``: an invariant that does not apply to the system is then passed over."""
        return self.spec.check == ("all",)

    def where(self, key: str) -> str:
        """Return ``file:line`` of a key on top, for messages."""
        return f"{self.path}:{self.lines.get(key, 1)}"

    def factory(self) -> Callable[..., Any]:
        """Return the callable that ``system`` names.

        Raises:
            ScenarioError: it does not import.
        """
        return import_factory(self.spec.system, self.where("system"))

    def choices(self) -> dict[str, tuple[str, ...]]:
        """Return for each key that ``--case`` may name the values it may have here."""
        matrix = self.spec.matrix
        return {**matrix, DATABASE: matrix.get(DATABASE, (self.spec.database.engine,))}

    def cases(self, filters: Filters | None = None) -> list[Case]:
        """Return the cases in the order of the matrix, those only whose values every filter allows.

        Args:
            filters: key → allowed values. A key that is not part of this scenario allows no case of it; see
                :func:`select` for a check of the names.
        """
        found = []
        for values in product(*self.spec.matrix.values()):
            case = self._case(dict(zip(self.spec.matrix, values, strict=True)))
            known = {DATABASE: case.database.engine, **case.values}
            if all(known.get(key) in allowed for key, allowed in (filters or {}).items()):
                found.append(case)
        return found

    def _case(self, values: dict[str, str]) -> Case:
        expected = next((each for each in self.spec.expect if each.matches(values)), None)
        return Case(self, values, expected)


@dataclass(frozen=True, slots=True)
class Case:
    """One combination of a scenario's matrix.

    Args:
        scenario: whose case it is.
        values: matrix key → value, in the order of the matrix.
        expected: what the run must say, if the scenario says.
    """

    scenario: Scenario
    values: dict[str, str]
    expected: Expectation | None = None

    def __hash__(self) -> int:
        return hash((self.scenario.path, self.scenario.name, *self.values.items()))

    @property
    def label(self) -> str:
        """Its values as ``key=value key=value``; empty if the scenario has no matrix."""
        return " ".join(f"{key}={value}" for key, value in self.values.items())

    @property
    def title(self) -> str:
        """The scenario's name and the label."""
        return f"{self.scenario.name} {self.label}".rstrip()

    @property
    def subject(self) -> int:
        """The 32 bits that tie a token to this case; independent of the order of the matrix and of the file's place."""
        # Sorted: swapping two lines of the matrix must not orphan the tokens.
        return subject_of(self.scenario.name, *(f"{key}={value}" for key, value in sorted(self.values.items())))

    @property
    def database(self) -> Database:
        """The database of this case: the scenario's, with the engine that the matrix names."""
        database = self.scenario.spec.database
        engine = self.values.get(DATABASE)
        return database if engine is None else database.model_copy(update={"engine": engine})

    @property
    def explore(self) -> Search:
        """How to search it."""
        return self.scenario.spec.explore.of(self.values)


def select(scenarios: Iterable[Scenario], filters: Filters) -> list[Case]:
    """Return the cases of all ``scenarios`` that the filters allow.

    Scenarios that do not have a key of the filters take no part.

    Raises:
        ScenarioError: no scenario has a key, or none has a value, or nothing is left.
    """
    chosen = list(scenarios)
    known: dict[str, dict[str, None]] = {}
    for scenario in chosen:
        for key, values in scenario.choices().items():
            known.setdefault(key, {}).update(dict.fromkeys(values))
    for key, wanted in filters.items():
        if key not in known:
            raise ScenarioError(unknown("case key", key, known))
        for value in wanted:
            if value not in known[key]:
                raise ScenarioError(unknown(f"value for the case key {key!r}:", value, known[key]))
    cases = [case for scenario in chosen for case in scenario.cases(filters)]
    if not cases:
        asked = " ".join(f"{key}={value}" for key, values in filters.items() for value in values)
        raise ScenarioError(f"no case matches {asked}")
    return cases


def find_case(scenarios: Iterable[Scenario], token: str) -> Case:
    """Return the case that a replay token belongs to.

    Raises:
        TokenError: the text is no token, or belongs to none of the cases.
    """
    subject = decode(token).subject
    chosen = list(scenarios)
    for scenario in chosen:
        for case in scenario.cases():
            if case.subject == subject:
                return case
    looked = ", ".join(scenario.path for scenario in chosen[:3])
    more = f" and {len(chosen) - 3} more" if len(chosen) > 3 else ""
    raise TokenError(
        f"the token {token[:24]} belongs to none of the scenarios in {looked}{more}; "
        "name its scenario with --scenario PATH, or check whether its name or matrix has changed"
    )
