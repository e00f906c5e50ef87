"""``simharness schema``."""

from __future__ import annotations

import json

from simharness.cli.console import out
from simharness.scenario import schema


def main() -> int:
    """Print the schema."""
    out(json.dumps(schema(), indent=2))
    return 0
