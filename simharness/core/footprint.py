"""What a step touched, and when two steps are dependent.

Three kinds of access to a key:

* *read*: conflicts with writes and adds
* *write*: conflicts with everything
* *add*: a commutative update; conflicts with reads and writes, not with other adds

``add`` is what lets a row write collide with a scan of the whole table and still commute with the write of
another row: see :func:`write_row`.

The :data:`recorder` is the one place that everything running inside a step reports to: the loop, asyncio's
primitives, the database seams, the venue, instrumented user code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from simharness.core import name

if TYPE_CHECKING:
    from simharness.core.step import Operation

_NOTHING: frozenset[int] = frozenset()

# Everything that ran and was neither instrumented nor known: one key for the whole Python heap.
PYHEAP = name.static("PYHEAP")
CLOCK = name.static("CLOCK")


class Footprint(NamedTuple):
    """The keys one step accessed. A key stands in at most one of the three sets: the strongest access."""

    reads: frozenset[int] = _NOTHING
    writes: frozenset[int] = _NOTHING
    adds: frozenset[int] = _NOTHING


EMPTY = Footprint()


def conflicting(a: Footprint, b: Footprint) -> bool:
    """Return whether swapping two adjacent steps with these footprints could change anything."""
    aw, bw = a.writes, b.writes
    if aw and not (aw.isdisjoint(bw) and aw.isdisjoint(b.reads)):
        return True
    if bw and not bw.isdisjoint(a.reads):
        return True
    if a.adds and not (a.adds.isdisjoint(b.reads) and a.adds.isdisjoint(bw)):
        return True
    return bool(b.adds) and not (b.adds.isdisjoint(a.reads) and b.adds.isdisjoint(aw))


def shared_keys(a: Footprint, b: Footprint) -> frozenset[int]:
    """Return the keys over which two footprints conflict."""
    return (
        (a.writes & (b.writes | b.reads | b.adds))
        | (b.writes & (a.reads | a.adds))
        | (a.adds & b.reads)
        | (b.adds & a.reads)
    )


class Recorder:
    """Collects the footprint, the created names and the domain operations of the step that is running.

    ``active`` is False outside of steps (setting up, tearing down, reading an outcome) and in searches that do
    not use footprints: every hook must ask it first or call the methods below, which do.

    Attributes:
        touched: keys of the heap that were read. Rewritten code adds to it at each access, without asking whether
            anybody records and without what such a read implies; both is made up for once a step.
        changed: keys of the heap that were written, likewise.
        wholes: for a key of the heap, the key of a write that may have hit any part of its object: who accesses the
            part reads this one too.
        members: for a key of the heap, the key that stands for all parts of its object: who writes the part adds to it.
        begun: how many steps were begun.
    """

    __slots__ = (
        *("active", "adds", "begun", "changed", "members", "narrating", "operations", "ordinal", "process", "reads"),
        *("step", "touched", "wholes", "writes"),
    )

    def __init__(self) -> None:
        self.active = False
        self.narrating = False
        self.reads: set[int] = set()
        self.writes: set[int] = set()
        self.adds: set[int] = set()
        self.operations: list[Operation] = []
        self.process = name.ROOT
        self.step = 0
        self.ordinal = 0
        self.begun = 0
        # For good: rewritten code holds on to their methods.
        self.touched: set[int] = set()
        self.changed: set[int] = set()
        self.wholes: dict[int, int] = {}
        self.members: dict[int, int] = {}

    def begin(self, process: int, step: int, *, active: bool) -> None:
        """Start recording step number ``step`` of ``process``."""
        self.process = process
        self.step = step
        self.ordinal = 0
        self.begun += 1
        self.active = active
        if self.touched or self.changed:  # added while nobody recorded
            self.touched.clear()
            self.changed.clear()
        if active:
            self.reads = set()
            self.writes = set()
            self.adds = set()
        if self.narrating:
            self.operations = []

    def end(self) -> Footprint:
        """Stop recording and return what the step touched."""
        if not self.active:
            return EMPTY
        self.active = False
        self.gather()
        writes = self.writes
        reads = self.reads
        adds = self.adds
        if adds:
            # A key that was read and added to is a write: neither order of two such steps is the same.
            both = adds & reads
            if both:
                writes |= both
            adds -= writes
        reads -= writes
        return Footprint(
            frozenset(reads) if reads else _NOTHING,
            frozenset(writes) if writes else _NOTHING,
            frozenset(adds) if adds else _NOTHING,
        )

    def gather(self) -> None:
        """Take what the heap has reported into the three sets, with what it implies."""
        touched, changed = self.touched, self.changed
        if not touched and not changed:
            return
        reads, wholes = self.reads, self.wholes
        reads |= touched
        reads.add(PYHEAP)
        reads.update([wholes[key] for key in touched if key in wholes])
        if changed:
            self.writes |= changed
            members = self.members
            self.adds.update([members[key] for key in changed])
            reads.update([wholes[key] for key in changed if key in wholes])
            changed.clear()
        touched.clear()

    def read(self, key: int) -> None:
        """Record that the running step read ``key``."""
        if self.active:
            self.reads.add(key)

    def write(self, key: int) -> None:
        """Record that the running step wrote ``key``."""
        if self.active:
            self.writes.add(key)

    def add(self, key: int) -> None:
        """Record a commutative update of ``key``."""
        if self.active:
            self.adds.add(key)

    def fresh(self, kind: str) -> int:
        """Return the causal name of a thing that the running step creates now."""
        self.ordinal += 1
        return name.causal(kind, self.process, self.step, self.ordinal)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Run something that leaves neither a footprint nor a mark on the names of what follows in this step.

        For what depends on the schedule and makes no difference, such as whether a pool has an idle connection. If the
        step ends meanwhile, the rest is recorded as usual.
        """
        process, step, ordinal, active = self.process, self.step, self.ordinal, self.active
        if active:
            self.gather()
        self.active = False
        try:
            yield
        finally:
            if (self.process, self.step) == (process, step):
                self.ordinal, self.active = ordinal, active
                self.touched.clear()
                self.changed.clear()

    def note(self, operation: Callable[[], Operation]) -> None:
        """Add a domain operation to the timeline; ``operation`` is only called when somebody will read it."""
        if self.narrating:
            self.operations.append(operation())


recorder = Recorder()


class Rows:
    """Keys of one table (or of anything with members that can also be accessed as a whole).

    A row access names its row; a table access stands for every row. ``members`` carries "some row was written"
    against "all rows are read"; ``whole`` carries "all rows may be written" against "some row was read".
    """

    __slots__ = ("_members", "_owner", "_recorder", "_whole")

    def __init__(self, owner: int, target: Recorder = recorder) -> None:
        self._owner = owner
        self._members = name.member(owner, "*members")
        self._whole = name.member(owner, "*whole")
        self._recorder = target

    def read_row(self, row: str) -> None:
        """Record a read of one row."""
        self._recorder.read(name.member(self._owner, row))
        self._recorder.read(self._whole)

    def read_some(self) -> None:
        """Record a read of rows that are named apart: a write that may have touched any row meets it."""
        self._recorder.read(self._whole)

    def write_row(self, row: str) -> None:
        """Record a write of one row."""
        self._recorder.write(name.member(self._owner, row))
        self._recorder.add(self._members)
        self._recorder.read(self._whole)

    def read_all(self) -> None:
        """Record a read of every row, and of which rows exist."""
        self._recorder.read(self._members)
        self._recorder.read(self._whole)

    def write_all(self) -> None:
        """Record a write that may have touched any row."""
        self._recorder.write(self._members)
        self._recorder.write(self._whole)


def describe(footprint: Footprint) -> dict[str, Any]:
    """Return a readable, sorted form of a footprint, for error messages and certificates."""
    # Sorted: set order depends on the interning order, which depends on the search.
    return {
        "reads": sorted(name.text(key) for key in footprint.reads),
        "writes": sorted(name.text(key) for key in footprint.writes),
        "adds": sorted(name.text(key) for key in footprint.adds),
    }
