"""Every test here explores programs, so asyncio reports to the recorder and nothing in it is left to chance."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from simharness.loop.guard import determinism_guard
from simharness.loop.primitives import tracked_asyncio


@pytest.fixture(autouse=True)
def _controlled_asyncio() -> Iterator[None]:
    with tracked_asyncio(), determinism_guard():
        yield
