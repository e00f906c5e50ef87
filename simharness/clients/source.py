"""Where in the program under test a call comes from."""

from __future__ import annotations

import sys
from pathlib import Path

from simharness.core.footprint import recorder

_SKIPPED = (str(Path(__file__).parent), str(Path(sys.modules["asyncio"].__file__ or "").parent), "/ccxt/")


def caller() -> str | None:
    """Return ``path:line`` of the nearest frame outside the client and ccxt; None unless a timeline is being made."""
    if not recorder.narrating:
        return None
    frame = sys._getframe(1)
    while frame is not None:
        path = frame.f_code.co_filename
        if not any(part in path for part in _SKIPPED):
            return f"{path}:{frame.f_lineno}"
        if frame.f_back is None:
            return None
        frame = frame.f_back
    return None
