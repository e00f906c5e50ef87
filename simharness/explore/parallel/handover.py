"""From a search in one process to a tree that several share; and such a tree as JSON."""

from __future__ import annotations

from typing import Any

from simharness.explore.dpor import Frame
from simharness.explore.frozen import Names, ResumableExplorer, freeze_footprint, thaw_footprint, thaw_names
from simharness.explore.parallel.tree import Place, Tree
from simharness.explore.wakeup import Node, Sleep

Json = Any


def shared_tree(explorer: ResumableExplorer) -> Tree:
    """Return the tree in which an explorer stands; what it handed out last is planned first.

    The explorer must not be used any more.
    """
    explorer.catch_up()
    if explorer.frames and not explorer.frames[0].opened:
        return Tree()
    root = place = Place(None, leaf=True, sleep=Sleep())
    for depth, frame in enumerate(explorer.frames):
        inherited = _arrived(place, explorer.frames[depth - 1]) if depth else Sleep()
        for (process, values), asleep in frame.sleep.items():
            if (process, values) not in inherited:
                explored = Place(place, process, values, leaf=True)
                explored.footprint, explored.options = asleep
                place.children.append(explored)
        place = _continue(place, frame)
    _recount(root)
    return Tree(root)


def _arrived(place: Place, above: Frame) -> Sleep:
    assert place.footprint is not None
    return above.sleep.after(place.process, place.footprint)


def _continue(place: Place, frame: Frame) -> Place:
    """Add the children of a node; return the one that is being explored, or the node itself if none is."""
    following = place
    planned = list(frame.tree.children)
    if frame.current is not None:
        (process, values), asleep = frame.current
        event, subtree = planned[0]
        following = Place(place, process, values, footprint=asleep.footprint, options=asleep.options)
        following.planned = event.values is not None
        following.leaf = not subtree.children
        place.children.append(following)
    if frame.pending is not None:
        process, values = frame.pending
        place.children.append(Place(place, process, values, every=frame.every, leaf=True, open=1))
    if frame.current is not None or frame.pending is not None:
        del planned[0]
    _plant(place, planned)
    return following


def _plant(root: Place, children: list[tuple[Any, Node]]) -> None:
    left = [(root, event, node) for event, node in reversed(children)]
    while left:
        parent, event, node = left.pop()
        place = Place(parent, event.process, event.values or (), planned=event.values is not None)
        place.every = event.values is None
        place.footprint = event.footprint
        # How many answers a question has that was never asked here is not known; without questions, it is.
        place.options = () if event.values == () else None
        place.leaf = not node.children
        place.open = int(place.leaf)
        parent.children.append(place)
        left.extend((place, *child) for child in reversed(node.children))


def _recount(root: Place) -> None:
    """Let every place that has children count what is open below it; the others know."""
    order: list[Place] = []
    left = [root]
    while left:
        place = left.pop()
        order.append(place)
        left.extend(place.children)
    for place in reversed(order):
        if place.children:
            place.open = sum(child.open for child in place.children)
        place.owed = place.open


# -- JSON -------------------------------------------------------------------------------------------------


def freeze_tree(tree: Tree) -> Json:
    """Return a tree as JSON; what is handed out is owed again."""
    names = Names()
    rows: list[Json] = []
    left = [tree.root]
    while left:
        place = left.pop()
        rows.append(
            [
                None if place.parent is None else names.put(place.process),
                list(place.values),
                place.every,
                place.leaf,
                place.planned,
                freeze_footprint(place.footprint, names),
                None if place.options is None else list(place.options),
                bool(place.open and not place.children),
                len(place.children),
            ]
        )
        left.extend(reversed(place.children))
    return {"places": rows, "names": names.rows}


def thaw_tree(form: Json) -> Tree:
    """Return what :func:`freeze_tree` wrote."""
    names = thaw_names(form["names"])
    root: Place | None = None
    path: list[list[Any]] = []
    for process, values, every, leaf, planned, footprint, options, is_open, count in form["places"]:
        while path and not path[-1][1]:
            path.pop()
        place = Place(None, -1, tuple(values), every, leaf, planned, open=int(is_open))
        if path:
            place.parent, place.process = path[-1][0], names[process]
            place.parent.children.append(place)
            path[-1][1] -= 1
        else:
            root, place.sleep = place, Sleep()
        place.footprint = thaw_footprint(footprint, names)
        place.options = None if options is None else tuple(options)
        path.append([place, count])
    assert root is not None
    _recount(root)
    return Tree(root)
