"""Did you mean …? The same words for every mistyped name."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

# What is longer was not meant to be a name, and comparing it with every name takes its time.
_WORD_MAX = 60


def closest(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """Return the one of ``known`` that ``word`` was probably meant to be, or None.

    Args:
        word: what was written.
        known: what would have been right.
        cutoff: how alike they must be, from 0 (anything) to 1 (equal).
    """
    # Sorted: among equally close names the first in the alphabet is suggested, wherever `known` came from.
    by_folded = {name.lower(): name for name in sorted(known, reverse=True)}
    matches = get_close_matches(word.lower(), sorted(by_folded), n=1, cutoff=cutoff)
    return by_folded[matches[0]] if matches else None


def unknown(kind: str, word: str, known: Iterable[str], *, where: str = "") -> str:
    """Return ``unknown <kind> '<word>'<where>`` with a suggestion, or with all that is known if that is little."""
    names = sorted(known)
    word = word if len(word) <= _WORD_MAX else f"{word[:_WORD_MAX]}…"
    text = f"unknown {kind} {word!r}{where}"
    match = closest(word, names)
    if match is not None:
        return f"{text}; did you mean {match!r}?"
    if names and len(names) <= 8:
        return f"{text}; known: {', '.join(names)}"
    return text
