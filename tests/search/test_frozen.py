"""Nothing of a search is lost when it is frozen: every field of every node comes back, in the same order."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import pytest
from search_programs import Coroutines, accesses, asking, program

from simharness.core import name
from simharness.core.footprint import Footprint
from simharness.errors import ReplayDiverged
from simharness.explore.dpor import Frame, OptimalExplorer
from simharness.explore.frozen import freeze_explorer, thaw_explorer
from simharness.explore.statistics import Statistics
from simharness.explore.wakeup import Asleep, Event, Node, Sleep

A, B = name.static("a"), name.causal("call", name.ROOT, 3, 1)
KEY = name.member(B, "reason")
READS, WRITES, ADDS = Footprint(frozenset({KEY})), Footprint(writes=frozenset({A, KEY})), Footprint(adds=frozenset({A}))


def _around(explorer: OptimalExplorer) -> OptimalExplorer:
    """Freeze and thaw through text."""
    return thaw_explorer(json.loads(json.dumps(freeze_explorer(explorer))), explorer.program)


def _state(explorer: OptimalExplorer) -> tuple[Any, ...]:
    """Return everything that an explorer knows, except what it saw on the way, with what is one object and in order."""
    frames = [replace(frame, probes={}, enabled=None) for frame in explorer.frames]
    order = [list(frame.sleep) for frame in explorer.frames]
    one = [
        bool(above.tree.children) and above.tree.children[0][1] is frame.tree
        for above, frame in zip(explorer.frames, explorer.frames[1:], strict=False)
    ]
    return frames, order, one, explorer.path, explorer.statistics


def _explorer(frames: list[Frame]) -> OptimalExplorer:
    explorer = OptimalExplorer(program(asking))
    explorer.frames = frames
    explorer.path = [(A, (1, 0)), (B, ())]
    explorer.statistics = Statistics(7, blocked=6, duplicates=5, probes=4, steps=3, fingerprints={1 << 127, 9})
    return explorer


def test_every_field_of_a_node_comes_back() -> None:
    """Each value differs from what a new node has."""
    tree = Node([(Event(A, None, None), Node()), (Event(B, (2,), ADDS), Node([(Event(A, (), READS), Node())]))])
    frame = Frame(
        Sleep({(B, (1,)): Asleep(WRITES, (2,)), (A, ()): Asleep(READS, ())}),
        tree,
        opened=True,
        current=((A, (1, 0)), Asleep(WRITES, (3, 2))),
        explored=True,
        barren={A, B},
        pending=(A, (1, 1)),
        every=False,
    )
    new = Frame(Sleep(), Node())
    same = {each.name for each in fields(Frame) if getattr(frame, each.name) == getattr(new, each.name)}
    assert same == {"probes", "enabled"}, "a field of Frame that this test, and perhaps explore.frozen, does not know"
    explorer = _explorer([frame])
    assert _state(_around(explorer)) == _state(explorer)


def test_a_part_of_the_tree_that_two_nodes_share_is_one_object_again() -> None:
    inner = Node([(Event(B, (), READS), Node())])
    frames = [Frame(Sleep(), Node([(Event(A, (), WRITES), inner)])), Frame(Sleep(), inner), Frame(Sleep(), Node())]
    explorer = _explorer(frames)
    again = _around(explorer)
    assert _state(again) == _state(explorer)
    again.frames[1].tree.children.clear()
    assert again.frames[0].tree.children[0][1].children == []


def test_a_branch_longer_than_the_recursion_limit_can_be_frozen() -> None:
    root = node = Node()
    for _ in range(5_000):
        child = Node()
        node.children.append((Event(A, (), WRITES), child))
        node = child
    node = _around(_explorer([Frame(Sleep(), root)])).frames[0].tree
    depth = 0
    while node.children:
        node = node.children[0][1]
        depth += 1
    assert depth == 5_000


@pytest.mark.parametrize("function", [accesses("ww", "r", "w"), asking], ids=["accesses", "choices"])
def test_a_search_comes_back_as_it_was_after_every_execution(function: Coroutines) -> None:
    explorer = OptimalExplorer(program(function))
    shared = 0
    for _ in explorer.executions():
        state = _state(explorer)
        assert _state(_around(explorer)) == state
        shared += any(state[2])
    assert (shared > 0) == (function is not asking)


def test_equal_searches_give_equal_text() -> None:
    texts = set()
    for _ in range(2):
        explorer = OptimalExplorer(program(accesses("w", "w", "r")))
        for _ in explorer.executions():
            if explorer.statistics.executions == 3:
                texts.add(json.dumps(freeze_explorer(explorer)))
    assert len(texts) == 1


def test_an_execution_with_other_footprints_than_were_frozen_is_noticed() -> None:
    explorer = OptimalExplorer(program(accesses("w", "r")))
    executions = explorer.executions()
    next(executions)
    form = freeze_explorer(explorer)
    form["frames"][3]["current"][2][1].append(0)
    with pytest.raises(ReplayDiverged, match="replay diverged at step 3: the schedule expects what was frozen"):
        next(thaw_explorer(form, explorer.program).executions())
