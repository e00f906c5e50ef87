"""``--case KEY=VALUE``."""

from __future__ import annotations

from collections.abc import Sequence

from simharness.errors import ScenarioError


def parse_filters(words: Sequence[str]) -> dict[str, list[str]]:
    """Return key → allowed values.

    Raises:
        ScenarioError: a word has no ``=``.
    """
    filters: dict[str, list[str]] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not (key and equals and value):
            raise ScenarioError(f"--case takes KEY=VALUE, not {word!r}")
        filters.setdefault(key, []).append(value)
    return filters
