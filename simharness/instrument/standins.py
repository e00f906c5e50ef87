"""What takes the place of something that others may call later, so that the call reports to the recorder.

``loop.call_later(1, orders.clear)``, ``task.add_done_callback(tasks.discard)``, ``asyncio.to_thread(row.update, …)``:
the loop calls a method of a built-in container, and neither is rewritten code. So a method that is taken as a value is
replaced by a stand-in that records what the method does when it is called, whoever calls it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simharness.core.footprint import recorder


class Via:
    """Stands in for an object in ``object.method`` when the method must be reached through a hook."""

    def __init__(self, method: str, call: Callable[..., Any]) -> None:
        setattr(self, method, call)


class BoundMethod:
    """A method of a built-in container, equal to the method that it stands in for.

    Args:
        subject: the container.
        name: of the method.
    """

    __slots__ = ("_call", "_name", "_subject")

    # The hook that records and calls: ``calls`` puts it here, for it knows this module.
    apply: Callable[..., Any]

    def __init__(self, subject: Any, name: str) -> None:
        self._subject = subject
        self._name = name
        self._call = getattr(subject, name)

    def __call__(self, /, *arguments: Any, **keywords: Any) -> Any:
        """Record what the method does, and do it."""
        if not recorder.active:
            return self._call(*arguments, **keywords)
        return type(self).apply(self._subject, self._name, *arguments, **keywords)

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self._call, attribute)

    def __eq__(self, other: object) -> bool:
        return bool(self._call == (other._call if isinstance(other, BoundMethod) else other))

    def __hash__(self) -> int:
        return hash(self._call)

    def __repr__(self) -> str:
        return repr(self._call)
