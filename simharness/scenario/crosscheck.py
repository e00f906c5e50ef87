"""What only shows when the parts of a scenario are seen together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod

from simharness.core.suggest import unknown
from simharness.scenario import names
from simharness.scenario.case import DATABASE
from simharness.scenario.model import Expectation, Spec
from simharness.scenario.problem import Place

Problem = tuple[Place, str]

# A run that long is a mistake in the matrix, and the product is held in memory.
_CASES_MAX = 10_000


def problems(spec: Spec) -> Iterator[Problem]:
    """Yield where and what for everything that contradicts something else."""
    yield from _matrix(spec)
    yield from _names(spec)
    yield from _faults(spec)
    yield from _explore(spec)
    for position, expectation in enumerate(spec.expect):
        yield from _expectation(spec, position, expectation)


def order_of(spec: Spec) -> tuple[list[tuple[int, ...]], list[Problem]]:
    """Return for each entry of ``when`` the positions of the entries it comes after, and what is wrong with them."""
    named: dict[str, int] = {}
    order: list[tuple[int, ...]] = []
    wrong: list[Problem] = []
    for position, action in enumerate(spec.when):
        before: set[int] = set()
        for word in action.after:
            found = named.get(word) if isinstance(word, str) else word - 1
            if found is not None and 0 <= found < position:
                before.add(found)
                continue
            place: Place = ("when", position, "after")
            if isinstance(word, int):
                wrong.append((place, f"after: {word} is no earlier entry of when (they count from 1)"))
            elif any(each.name == word for each in spec.when):
                wrong.append((place, f"after: {word!r} does not stand before this entry"))
            else:
                wrong.append((place, unknown("entry", word, named)))
        if action.name is not None:
            named.setdefault(action.name, position)
        order.append(tuple(sorted(before)))
    return order, wrong


def _matrix(spec: Spec) -> Iterator[Problem]:
    if prod(len(values) for values in spec.matrix.values()) > _CASES_MAX:
        yield ("matrix",), f"the matrix has more than {_CASES_MAX} cases"
    if DATABASE not in spec.matrix:
        return
    for engine in spec.matrix[DATABASE]:
        if engine not in names.ENGINES:
            yield ("matrix", DATABASE), unknown("database", engine, names.ENGINES)
    chosen = spec.database.model_fields_set & {"engine", "url"}
    if chosen:
        yield (DATABASE,), f"the matrix already chooses the database; leave {max(chosen)!r} out here"


def _names(spec: Spec) -> Iterator[Problem]:
    seen: set[str] = set()
    for position, action in enumerate(spec.when):
        if action.name in seen:
            yield ("when", position, "name"), f"another entry of when is already called {action.name!r}"
        if action.name is not None:
            seen.add(action.name)


def _faults(spec: Spec) -> Iterator[Problem]:
    if not any(search.faults for search in (spec.explore, *map(spec.explore.merged, spec.explore.cases))):
        for place in [("faults",)] * bool(spec.faults) + [("venue", "faults")] * bool(spec.venue.faults):
            yield place, "faults are listed, but explore.faults is 0, so none can strike; set it to 1 or more"


def _explore(spec: Spec) -> Iterator[Problem]:
    for position, apart in enumerate(spec.explore.cases):
        place: Place = ("explore", "cases", position)
        yield from _cases(spec, place, apart.case)
        if (problem := spec.explore.merged(apart).contradiction) is not None:
            yield place, problem
        for earlier in range(position):
            if _overlap(spec.explore.cases[earlier].case, apart.case):
                yield place, f"unclear: entry {earlier + 1} already speaks of some of these cases"


def _cases(spec: Spec, place: Place, case: Mapping[str, tuple[str, ...]]) -> Iterator[Problem]:
    for key, options in case.items():
        if key not in spec.matrix:
            yield (*place, "case", key), unknown("case key", key, spec.matrix)
            continue
        for value in options:
            if value not in spec.matrix[key]:
                yield (*place, "case", key), unknown(f"value for the case key {key!r}:", value, spec.matrix[key])
        if not options:
            yield (*place, "case", key), f"unreachable: no value is listed for {key!r}, so it matches no case"


def _expectation(spec: Spec, position: int, expectation: Expectation) -> Iterator[Problem]:
    place: Place = ("expect", position)
    yield from _cases(spec, place, expectation.case)
    if spec.check != ("all",):
        for identifier in expectation.by:
            if identifier not in spec.check:
                yield (*place, "by"), f"unreachable: {identifier} is expected but not in check"
    for earlier in range(position):
        if _overlap(spec.expect[earlier].case, expectation.case):
            yield place, f"unclear: expectation {earlier + 1} already speaks of some of these cases"


def _overlap(one: Mapping[str, tuple[str, ...]], other: Mapping[str, tuple[str, ...]]) -> bool:
    return all(set(one[key]) & set(other[key]) for key in one.keys() & other.keys())
