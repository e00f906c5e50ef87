"""An execution that violates something, as it is kept while the search goes on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from simharness.core import name
from simharness.core.verdict import Finding
from simharness.explore.replay import Path


@dataclass(slots=True)
class Candidate:
    """An execution that violates something.

    Args:
        finding: what.
        path: the choices that lead there.
        reachable: whether stock asyncio can produce it.
        number: which of the explored executions it was, from 1.
        deliveries: positions of the deliveries in the order in which a stock loop must see them.
    """

    finding: Finding
    path: Path
    reachable: bool | None
    number: int
    deliveries: tuple[tuple[int, int], ...] = ()

    def freeze(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "finding": asdict(self.finding),
            "path": freeze_path(self.path),
            "reachable": self.reachable,
            "number": self.number,
            "deliveries": self.deliveries,
        }

    @classmethod
    def thaw(cls, form: dict[str, Any]) -> Candidate:
        """Return what :meth:`freeze` made this of."""
        finding = Finding(**{**form["finding"], "witness": tuple(form["finding"]["witness"])})
        deliveries = tuple((position, ran) for position, ran in form["deliveries"])
        return cls(finding, thaw_path(form["path"]), form["reachable"], form["number"], deliveries)


def freeze_path(path: Path) -> list[Any]:
    """Return a path as JSON."""
    return [[name.freeze(process), list(values)] for process, values in path]


def thaw_path(form: list[Any]) -> Path:
    """Return what :func:`freeze_path` wrote."""
    return [(name.thaw(process), tuple(values)) for process, values in form]
