"""`buffer-wrong-key`, the published fix as it was typed: locked under one key, buffered under another."""

from __future__ import annotations

from typing import ClassVar

from simharness.managers.positions.policies.buffer_then_apply import BufferThenApply


class BufferWrongKey(BufferThenApply):
    """Lock `exchange_symbol`, while `on_update` asks for `symbol`: nothing is ever buffered."""

    name: ClassVar[str] = "buffer-wrong-key"

    def lock_key(self, symbol: str) -> str:
        """Return a key that no update has."""
        return f"{self.manager.exchange.name}_{symbol}"
