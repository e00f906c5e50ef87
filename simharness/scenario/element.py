"""What the parts of a scenario have in common."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, PrivateAttr, model_validator

from simharness.core.suggest import unknown
from simharness.scenario.value import wrong


class Element(BaseModel):
    """A part of a scenario that knows the line it stands in (0 if it does not stand in a file)."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    _line: int = PrivateAttr(default=0)

    @property
    def line(self) -> int:
        """The line in the scenario's file, from 1."""
        return self._line

    @model_validator(mode="wrap")
    @classmethod
    def _keep_line(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        element = handler(data)
        element._line = getattr(data, "line", 0)
        return element


def known(kind: str, value: Any, choices: tuple[str, ...]) -> Any:
    """Reject text that is none of ``choices``; other types are left to the field."""
    if isinstance(value, str) and value not in choices:
        raise wrong(unknown(kind, value, choices))
    return value
