"""The forecasts of exhaustive searches against the truth, and of samples against what is known of them."""

from __future__ import annotations

import json

import pytest
from search_programs import Coroutines, accesses, asking, bot_update, first, program

from simharness.explore.estimate import Forecast, SeenClasses, TreeEstimate
from simharness.explore.strategy import Search, build

PROGRAMS: dict[str, tuple[Coroutines, int]] = {
    "5 writers": (accesses(*["w"] * 5), 120),
    "3 writers twice": (accesses("ww", "ww", "ww"), 90),
    "2 writers and 4 readers": (accesses("w", "w", *["r"] * 4), 162),
    "2 writers four times": (accesses("wwww", "wwww"), 70),
    "1 writer and 6 readers": (accesses("w", *["r"] * 6), 64),
    "the bot update": (bot_update(commit_first=False), 4),
    "questions of data": (asking, 7),
}


def _forecasts(search: Search) -> list[Forecast]:
    """Return a forecast after every execution, with one second for each."""
    return [search.estimate(float(number)) for number, _ in enumerate(search.executions(), 1)]


@pytest.mark.parametrize("title", PROGRAMS)
def test_the_forecast_is_exact_when_the_search_is_exhausted(title: str) -> None:
    function, count = PROGRAMS[title]
    search = build("dpor", program(function), seed=0)
    _forecasts(search)
    assert search.statistics.executions == count
    assert search.estimate(9.0) == Forecast(count, count, 0.0)


@pytest.mark.parametrize("title", [title for title, (_, count) in PROGRAMS.items() if count > 20])
def test_half_way_the_truth_is_in_the_range_and_the_eta_within_a_factor_of_three(title: str) -> None:
    function, count = PROGRAMS[title]
    forecast = _forecasts(build("dpor", program(function), seed=0))[count // 2 - 1]
    assert forecast.low is not None
    assert forecast.high is not None
    assert forecast.eta_s is not None
    assert forecast.low <= count <= forecast.high
    done = count // 2
    assert count / 3 <= done + forecast.eta_s <= count * 3  # a second for each execution


@pytest.mark.parametrize("title", PROGRAMS)
def test_a_forecast_never_promises_less_than_what_is_owed_already(title: str) -> None:
    function, _ = PROGRAMS[title]
    for number, forecast in enumerate(_forecasts(build("dpor", program(function), seed=0)), 1):
        assert forecast.low is not None
        assert forecast.high is not None
        assert forecast.eta_s is not None
        assert number <= forecast.low <= forecast.high
        assert forecast.eta_s >= 0


def test_nothing_is_foretold_before_the_first_execution() -> None:
    assert build("dpor", program(asking), seed=0).estimate(0.0) == (None, None, None)


def test_brute_force_foretells_nothing_before_its_end() -> None:
    search = build("brute", program(accesses("w", "w")), seed=0)
    forecasts = _forecasts(search)
    assert set(forecasts) == {(None, None, None)}
    assert search.estimate(1.0) == (len(forecasts), len(forecasts), 0.0)


def test_an_estimate_that_was_frozen_goes_on_as_if_it_had_not_been() -> None:
    """Paths of a complete binary tree of depth 3, frozen after each."""
    paths = [[a, b, c] for a in "01" for b in "01" for c in "01"]
    straight, thawed = TreeEstimate(), TreeEstimate()
    for path in paths:
        straight.observe(path)
        thawed.observe(path)
        thawed = TreeEstimate.thaw(json.loads(json.dumps(thawed.freeze())), path)
    assert thawed.freeze() == straight.freeze()


def test_the_size_of_a_complete_tree_is_known_as_soon_as_its_branches_are() -> None:
    estimate = TreeEstimate()
    estimate.observe(["0", "0", "0"])
    forecast = estimate.forecast([1, 1, 1], 1.0, exhausted=False)
    assert forecast == (1 + 3, 2 * 8, pytest.approx(7.0))  # low is what is owed for certain


def test_later_branches_are_taken_to_be_as_much_smaller_as_earlier_ones_were() -> None:
    """The first branch holds four executions and the second one; a fourth is owed while the third is under way."""
    estimate = TreeEstimate()
    for path in ("0a", "0b", "0c", "0d", "1a", "2a"):
        estimate.observe(path)
    # Four finished branches had siblings before them. They hold 1 + 1 + 1 + 1 executions, where 1 + 1 + 1 + 4 would
    # have been expected; with the two that stand for no knowledge a factor of 6/9 on the mean of 6/3.
    assert estimate.forecast([1, 0], 6.0, exhausted=False).eta_s == pytest.approx(6 / 3 * 6 / 9)


# -- samples ----------------------------------------------------------------------------------------------


def test_a_sample_without_repeats_says_that_everything_is_still_unseen() -> None:
    classes = SeenClasses()
    for fingerprint in range(10):
        classes.add(fingerprint)
    coverage = classes.coverage()
    assert coverage is not None
    assert (coverage.classes, coverage.unseen_share, coverage.classes_low) == (10, 1.0, 10 + 45)


def test_good_and_turing_count_what_was_seen_once() -> None:
    """Seen: a three times, b twice, c and d once; so 2 of 7 draws were new and never came again."""
    classes = SeenClasses()
    for fingerprint in (1, 1, 1, 2, 2, 3, 4):
        classes.add(fingerprint)
    coverage = classes.coverage()
    assert coverage is not None
    assert coverage.unseen_share == pytest.approx(2 / 7)
    assert coverage.classes_low == 4 + 2 * 1 // (2 * (1 + 1))


def test_nothing_is_said_about_an_empty_sample() -> None:
    assert SeenClasses().coverage() is None


def test_the_unseen_share_falls_to_nothing_when_a_sample_has_seen_everything() -> None:
    search = build("random", program(accesses("w", "w", "r")), seed=0)
    shares = []
    for _ in first(search, 300):
        coverage = search.coverage()
        assert coverage is not None
        shares.append(coverage.unseen_share)
    assert shares[0] == 1.0
    assert shares[-1] == 0.0
    assert search.statistics.traces == coverage.classes_low == 6
