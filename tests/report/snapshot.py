"""Exact texts under ``snapshots/``.

To write them anew after a wanted change: ``SIMHARNESS_SNAPSHOTS=write pytest tests/report``; then read the diff.
"""

from __future__ import annotations

import os
from pathlib import Path

_FOLDER = Path(__file__).parent / "snapshots"


def check(name: str, text: str) -> None:
    """Assert that ``text`` is the snapshot ``name``; write it instead if the environment says so."""
    path = _FOLDER / f"{name}.txt"
    if os.environ.get("SIMHARNESS_SNAPSHOTS") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    assert text == path.read_text(encoding="utf-8"), f"{path.name} differs; see {Path(__file__).name} on renewing it"
