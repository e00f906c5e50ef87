"""The trace of an execution: its steps, and which happened before which.

A trace is a Mazurkiewicz trace: two executions that differ only in the order of independent steps have the same
steps with the same causal pasts, hence the same :func:`fingerprint`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b

from simharness.core import name
from simharness.core.step import Step

_64_BITS = (1 << 64) - 1


class HappensBefore:
    """The causal order of a sequence of steps.

    ``past[j]`` is a bit set of the positions that happen before ``j``, and ``j`` itself. ``conflicts[j]`` are the
    positions ``j`` is in direct conflict with (last writer, or readers since), ``direct[j]`` adds the step before
    it in its process and the step that enabled it. Both are candidates: every other predecessor is implied.
    """

    __slots__ = ("_adders", "_last_of", "_readers", "_writer", "conflicts", "direct", "past", "prints", "sums")

    def __init__(self, steps: Sequence[Step] = ()) -> None:
        self.past: list[int] = []
        self.conflicts: list[set[int]] = []
        self.direct: list[set[int]] = []
        # Filled by step_fingerprints().
        self.prints: list[int] = []
        self.sums: list[int] = []
        self._writer: dict[int, int] = {}
        self._readers: dict[int, list[int]] = {}
        self._adders: dict[int, list[int]] = {}
        self._last_of: dict[int, int] = {}
        for step in steps:
            self.append(step)

    def append(self, step: Step) -> None:
        """Extend the order by the next step."""
        position = len(self.past)
        conflicts = self._conflicts(step)
        direct = set(conflicts)
        previous = self._last_of.get(step.process)
        if previous is not None:
            direct.add(previous)
        if step.cause is not None:
            direct.add(step.cause)
        past = 1 << position
        for earlier in direct:
            past |= self.past[earlier]
        self.past.append(past)
        self.conflicts.append(conflicts)
        self.direct.append(direct)
        self._last_of[step.process] = position
        self._remember(step, position)

    def _conflicts(self, step: Step) -> set[int]:
        writer, readers, adders = self._writer, self._readers, self._adders
        reads, writes, adds = step.footprint
        found = set()
        for key in reads:
            if key in writer:
                found.add(writer[key])
            if key in adders:
                found.update(adders[key])
        for key in writes:
            if key in writer:
                found.add(writer[key])
            if key in readers:
                found.update(readers[key])
            if key in adders:
                found.update(adders[key])
        for key in adds:
            if key in writer:
                found.add(writer[key])
            if key in readers:
                found.update(readers[key])
        return found

    def _remember(self, step: Step, position: int) -> None:
        readers, adders = self._readers, self._adders
        reads, writes, adds = step.footprint
        for key in writes:
            self._writer[key] = position
            readers.pop(key, None)
            adders.pop(key, None)
        # A reader does not end the adds before it (nor the other way round): a later writer or reader
        # still has to see them, unless something that happens after them stands in between.
        for key in reads:
            readers.setdefault(key, []).append(position)
        for key in adds:
            adders.setdefault(key, []).append(position)

    def before(self, earlier: int, later: int) -> bool:
        """Return whether ``earlier`` happens before ``later`` (or is it)."""
        return bool(self.past[later] >> earlier & 1)

    def past_of(self, position: int) -> Iterator[int]:
        """Yield the positions that happen before ``position``, and itself, in order."""
        mask = self.past[position]
        for earlier in range(position + 1):
            if mask >> earlier & 1:
                yield earlier


def step_fingerprints(steps: Sequence[Step], order: HappensBefore) -> list[int]:
    """Return 61-bit fingerprints of the steps: equal for equal steps with equal causal pasts.

    ``order`` keeps them, and the sum over the past of each step.
    """
    prints, sums = order.prints, order.sums
    everything = sum(prints)
    for position in range(len(prints), len(steps)):
        step = steps[position]
        # Only the maximal predecessors would do; all direct ones are implied by the trace except for conflicts
        # that another predecessor covers, and which of those are listed depends on the order. So: the whole past.
        past = order.past[position] ^ (1 << position)
        rest = past ^ ((1 << position) - 1)
        if past.bit_count() <= rest.bit_count():
            total = sum_of(past, prints)
        else:
            total = (everything - sum_of(rest, prints)) & _64_BITS
        sums.append(total)
        prints.append(hash((name.fingerprint(step.process), step.index, step.values, total)))
        everything += prints[-1]
    return prints


def sum_of(positions: int, prints: Sequence[int]) -> int:
    """Return 64 bits that stand for a set of steps, given as a bit set of their positions."""
    total = 0
    while positions:
        low = positions & -positions
        total += prints[low.bit_length() - 1]
        positions ^= low
    return total & _64_BITS


def fingerprint(steps: Sequence[Step], order: HappensBefore) -> int:
    """Return 128 bits that are equal for two executions exactly if they are the same interleaving."""
    total = 0
    for value in step_fingerprints(steps, order):
        total += int.from_bytes(blake2b(value.to_bytes(9, "big", signed=True), digest_size=16).digest(), "big")
    return total & ((1 << 128) - 1)


def combined(fingerprints: Iterable[int]) -> str:
    """Return 32 hex digits over a set of interleavings; the order in which they were explored makes no difference."""
    return f"{sum(fingerprints) & ((1 << 128) - 1):032x}"


def digest(steps: Sequence[Step]) -> str:
    """Return 16 hex digits over the steps in the order in which they ran, with labels and footprints.

    Equal for the same schedule in every process, under every PYTHONHASHSEED and Python version.
    """
    state = blake2b(digest_size=8)
    for step in steps:
        reads, writes, adds = step.footprint
        parts = [name.fingerprint(step.process), step.index, *step.values, -1]
        for keys in (reads, writes, adds):
            parts.extend(sorted(name.fingerprint(key) for key in keys))
            parts.append(-1)
        state.update(f"{step.kind}|{step.label}|{parts}|{step.time_ns}\n".encode())
    return state.hexdigest()
