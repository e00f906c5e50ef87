"""How large the tree that several processes explore will be, from what is explored of it.

The estimate is that of ``explore.estimate``, for a tree of which more than one branch is under way: from a leaf that is
not executed yet upwards, a branch that is not begun is as large as the mean of those to its left, but for a factor
that is measured; and a node will be at least as large as the mean of the closed ones of its depth.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from simharness.explore.estimate import HIGH_FACTOR, LOW_DIVISOR, Forecast

if TYPE_CHECKING:
    from simharness.explore.parallel.tree import Place


class Sizes:
    """What closed branches were like; a branch is closed when nothing below it is left to execute."""

    def __init__(self) -> None:
        # Executions in closed branches that had closed ones before them, and how many those would have been, had
        # they been as large as the mean of the ones before.
        self._later = 0
        self._foretold = 0.0
        self._nodes: Counter[int] = Counter()
        self._inside: Counter[int] = Counter()

    def closed(self, place: Place, depth: int) -> None:
        """Take note of a branch that is closed now."""
        self._nodes[depth] += 1
        self._inside[depth] += place.done
        if place.parent is None:
            return
        siblings = place.parent.children
        before = [each.done for each in siblings[: siblings.index(place)] if not each.open]
        if before:
            self._later += place.done
            self._foretold += sum(before) / len(before)

    def forecast(self, root: Place, executions: int, elapsed_s: float) -> Forecast:
        """Return the estimate for a search that is not over.

        Args:
            root: of the tree.
            executions: how many there were, also before the tree was shared.
            elapsed_s: wall time that they took, in seconds.
        """
        if not executions:
            return Forecast()
        certain = executions + root.open
        known = executions - root.done + self._size(root, grown=False)
        grown = executions - root.done + self._size(root, grown=True)
        low = max(certain, math.floor(known / LOW_DIVISOR))
        high = max(certain, math.ceil(grown), math.ceil(known * HIGH_FACTOR))
        return Forecast(low, high, elapsed_s / executions * (max(known, certain) - executions))

    def _size(self, root: Place, *, grown: bool) -> float:
        below = 1.0
        factor = (self._later + 2) / (self._foretold + 2)
        for depth, (node, begun) in reversed(list(enumerate(_way(root)))):
            children = node.children
            place = children.index(begun)
            inside = below + _done(children[:place])
            mean = inside / (place + 1)
            after = sum(max(each.done, mean * factor) if each.open else each.done for each in children[place + 1 :])
            below = inside + after
            if grown and self._nodes[depth]:
                below = max(below, self._inside[depth] / self._nodes[depth])
        return below


def _way(root: Place) -> Sequence[tuple[Place, Place]]:
    """Return the nodes above the leftmost leaf that is not executed, each with the child that leads to it."""
    found: list[tuple[Place, Place]] = []
    node = root
    while (child := next((each for each in node.children if each.open), None)) is not None:
        found.append((node, child))
        node = child
    return found


def _done(places: Iterable[Place]) -> int:
    return sum(each.done for each in places)
