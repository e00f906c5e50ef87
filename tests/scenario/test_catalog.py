"""The names of the catalog are unique, and every id says when its invariant is evaluated."""

from __future__ import annotations

import re

import pytest

from simharness.core.catalog import INVARIANTS, Moment, invariant


def test_no_two_invariants_share_an_id_or_a_name() -> None:
    words = [word for entry in INVARIANTS for word in (entry.id, entry.name)]
    assert len(words) == len(set(words))


def test_names_are_kebab_case_and_sentences_end() -> None:
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)+", entry.name) for entry in INVARIANTS)
    assert all(entry.about.endswith((".", ")")) for entry in INVARIANTS)


@pytest.mark.parametrize("word", ["Q5", "q5", "no-spurious-stop"])
def test_an_invariant_is_found_by_id_and_by_name(word: str) -> None:
    found = invariant(word)
    assert found is not None
    assert (found.id, found.moment) == ("Q5", Moment.QUIET)


def test_an_unknown_word_is_no_invariant() -> None:
    assert invariant("Q55") is None
