"""What answers when a program opens a connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from simharness.loop.guard import declare, refused

if TYPE_CHECKING:
    from simharness.loop.loop import SimLoop


class Network:
    """The network inside an execution. The default refuses, naming the way out."""

    async def connect(self, loop: SimLoop, protocol_factory: Callable[[], Any], **options: Any) -> Any:
        """Return ``(transport, protocol)`` for ``loop.create_connection`` and ``create_unix_connection``."""
        where = options.get("path") or f"{options.get('host')}:{options.get('port')}"
        raise refused(
            f"the program opens a real network connection to {where}: inside an execution only simulated peers "
            f"answer; hand the program a simulated client, or {declare('postgresql')}"
        )

    async def start_tls(self, transport: Any) -> Any:
        """Return the transport that ``loop.start_tls`` hands out; without a peer nobody gets so far."""
        raise refused(f"the program starts TLS on {transport!r}, which leads to no simulated peer")
