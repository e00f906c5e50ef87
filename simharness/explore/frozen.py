"""The state of a reduced search as JSON, and back, in any process.

What is frozen is the search while it hands out an execution: the execution is counted, its races are not planned yet.
A thawed explorer plans them first. Results of probes are not kept, nor what steps were seen to touch or to be held back
by; they are measured again when they are needed.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from simharness.core import name, trace
from simharness.core.execution import Execution, Program
from simharness.core.footprint import Footprint
from simharness.core.trace import HappensBefore
from simharness.errors import ReplayDiverged
from simharness.explore.dpor import Frame, OptimalExplorer
from simharness.explore.statistics import Statistics
from simharness.explore.wakeup import Asleep, Event, Node, Sleep, Values

Json = Any


class ResumableExplorer(OptimalExplorer):
    """An explorer that can be left while it hands out an execution and goes on later, thawed or not."""

    def executions(self) -> Generator[Execution, None, None]:
        """Yield the executions that were not handed out yet."""
        self.catch_up()
        yield from super().executions()

    def catch_up(self) -> None:
        """Plan the reversals of the execution that was handed out last, if that has not been done."""
        if self.frames and _handing_out(self.frames[-1]):
            self._plan_again()

    def _plan_again(self) -> None:
        """Replay the execution that was handed out last, make sure that it is the same, and plan its reversals."""
        execution = self._replay(self.path)
        try:
            steps = execution.steps
            order = HappensBefore(steps)
            if execution.enabled() or trace.fingerprint(steps, order) not in self.statistics.fingerprints:
                raise ReplayDiverged(len(steps), "the execution at which the search was frozen", "another one")
            for position, (frame, step) in enumerate(zip(self.frames, steps, strict=False)):
                if frame.current != ((step.process, step.values), Asleep(step.footprint, step.options)):
                    raise ReplayDiverged(position, "what was frozen", f"another footprint of {step}")
        finally:
            execution.close()  # before probes: there is one database, one heap, one running execution
        self._plan(steps, order)
        self._retreat()


def _handing_out(frame: Frame) -> bool:
    """Return whether a node is the end of an execution that was handed out and not planned."""
    return frame.opened and not frame.explored and frame.pending is None and not frame.tree.children


def freeze_explorer(explorer: OptimalExplorer) -> Json:
    """Return the state of an explorer that hands out an execution, has not begun, or is exhausted."""
    names = Names()
    frames = []
    above: Frame | None = None
    for frame in explorer.frames:
        frames.append(_freeze_frame(frame, above, names))
        above = frame
    return {
        "path": [[names.put(process), list(values)] for process, values in explorer.path],
        "frames": frames,
        "statistics": freeze_statistics(explorer.statistics),
        "names": names.rows,
    }


def thaw_explorer(form: Json, program: Program) -> ResumableExplorer:
    """Return an explorer that goes on where ``freeze_explorer`` found one."""
    names = thaw_names(form["names"])
    explorer = ResumableExplorer(program)
    explorer.path = [(names[process], tuple(values)) for process, values in form["path"]]
    explorer.frames = []
    for row in form["frames"]:
        above = explorer.frames[-1] if explorer.frames else None
        explorer.frames.append(_thaw_frame(row, above, names))
    explorer.statistics = thaw_statistics(form["statistics"])
    return explorer


def freeze_statistics(statistics: Statistics) -> Json:
    """Return counts as JSON."""
    return {
        "executions": statistics.executions,
        "blocked": statistics.blocked,
        "duplicates": statistics.duplicates,
        "probes": statistics.probes,
        "steps": statistics.steps,
        # Sorted: set order is arbitrary, and equal searches give equal files.
        "fingerprints": [f"{each:x}" for each in sorted(statistics.fingerprints)],
    }


def thaw_statistics(form: Json) -> Statistics:
    """Return what :func:`freeze_statistics` wrote."""
    return Statistics(**{**form, "fingerprints": {int(each, 16) for each in form["fingerprints"]}})


# -- nodes ------------------------------------------------------------------------------------------------


def _freeze_frame(frame: Frame, above: Frame | None, names: Names) -> Json:
    # While a planned branch is explored, its part of the tree belongs to the node above as well: what is planned
    # there meanwhile must see what is done here. So it is one object, and must be one again.
    shared = above is not None and bool(above.tree.children) and above.tree.children[0][1] is frame.tree
    return {
        "sleep": [_freeze_asleep(event, asleep, names) for event, asleep in frame.sleep.items()],
        "tree": None if shared else _freeze_tree(frame.tree, names),
        "opened": frame.opened,
        "current": None if frame.current is None else _freeze_asleep(*frame.current, names),
        "explored": frame.explored,
        "barren": sorted(names.put(process) for process in frame.barren),
        "pending": None if frame.pending is None else [names.put(frame.pending[0]), list(frame.pending[1])],
        "every": frame.every,
    }


def _thaw_frame(row: Json, above: Frame | None, names: list[int]) -> Frame:
    if row["tree"] is None:
        assert above is not None
        tree = above.tree.children[0][1]
    else:
        tree = _thaw_tree(row["tree"], names)
    current = row["current"]
    pending = row["pending"]
    return Frame(
        Sleep(_thaw_asleep(entry, names) for entry in row["sleep"]),
        tree,
        opened=row["opened"],
        current=None if current is None else _thaw_asleep(current, names),
        explored=row["explored"],
        barren={names[process] for process in row["barren"]},
        pending=None if pending is None else (names[pending[0]], tuple(pending[1])),
        every=row["every"],
    )


def _freeze_asleep(event: tuple[int, Values], asleep: Asleep, names: Names) -> Json:
    return [*_freeze_event(*event, asleep.footprint, names), list(asleep.options)]


def _thaw_asleep(form: Json, names: list[int]) -> tuple[tuple[int, Values], Asleep]:
    *entry, options = form
    event = _thaw_event(entry, names)
    assert event.values is not None
    assert event.footprint is not None
    return (event.process, event.values), Asleep(event.footprint, tuple(options))


def _freeze_tree(root: Node, names: Names) -> Json:
    """Return the events of a wakeup tree in preorder, each with the number of its children; the root's comes first.

    Flat, because a branch may be as long as an execution, and neither Python nor JSON nests so deep.
    """
    rows: list[Json] = [len(root.children)]
    left = list(reversed(root.children))
    while left:
        event, node = left.pop()
        rows.append([*_freeze_event(*event, names), len(node.children)])
        left.extend(reversed(node.children))
    return rows


def _thaw_tree(rows: Json, names: list[int]) -> Node:
    root = Node()
    open_nodes = [[root, rows[0]]]
    for *entry, count in rows[1:]:
        while not open_nodes[-1][1]:
            open_nodes.pop()
        open_nodes[-1][1] -= 1
        node = Node()
        open_nodes[-1][0].children.append((_thaw_event(entry, names), node))
        open_nodes.append([node, count])
    return root


def _freeze_event(process: int, values: Values | None, keys: Footprint | None, names: Names) -> Json:
    return [names.put(process), None if values is None else list(values), freeze_footprint(keys, names)]


def _thaw_event(entry: Json, names: list[int]) -> Event:
    process, values, keys = entry
    return Event(names[process], None if values is None else tuple(values), thaw_footprint(keys, names))


def freeze_footprint(footprint: Footprint | None, names: Names) -> Json:
    """Return a footprint as JSON that refers to rows of ``names``."""
    return None if footprint is None else [sorted(names.put(key) for key in keys) for keys in footprint]


def thaw_footprint(form: Json, names: list[int]) -> Footprint | None:
    """Return what :func:`freeze_footprint` wrote."""
    return None if form is None else Footprint(*[frozenset(names[key] for key in keys) for keys in form])


# -- names ------------------------------------------------------------------------------------------------


class Names:
    """A table of frozen names in which each stands once and refers to its owner by row."""

    def __init__(self) -> None:
        self.rows: list[list[Any]] = []
        self._by_name: dict[int, int] = {}
        self._by_row: dict[tuple[Any, ...], int] = {}

    def put(self, key: int) -> int:
        """Return the row of a name."""
        row = self._by_name.get(key)
        if row is None:
            row = self._by_name[key] = self._put(name.freeze(key))
        return row

    def _put(self, form: list[Any]) -> int:
        # The owner of a name is the one part of its frozen form that is a list.
        parts = tuple([self._put(part) if isinstance(part, list) else part for part in form])
        row = self._by_row.get(parts)
        if row is None:
            row = self._by_row[parts] = len(self.rows)
            self.rows.append(list(parts))
        return row


def thaw_names(rows: Json) -> list[int]:
    """Return the names of a table; a row refers only to rows before it."""
    names: list[int] = []
    for row in rows:
        match row:
            case [str(text)]:
                names.append(name.static(text))
            case [int(owner), str(part)]:
                names.append(name.member(names[owner], part))
            case [str(kind), int(process), int(step), int(ordinal)]:
                names.append(name.causal(kind, names[process], step, ordinal))
            case _:
                raise ValueError(f"not a frozen name: {row!r}")
    return names
