"""Certificates and progress in words."""

from __future__ import annotations

import json

import snapshot
from rich.cells import cell_len

from simharness.core.verdict import Certificate, Verdict, versions_of
from simharness.report.certificate import certificate_dict, certificate_text
from simharness.report.progress import case_line, counter_line, duration, progress_line

CERTIFICATE = Certificate(
    "stock", "any", 0, "10m", "rows of the database, futures, primitives; the rest is one key",
    database="sqlite 3.45.1 (WAL, one file per execution)",
    versions={"simharness": "0.1.0", "python": "3.11"},
    executions=130, traces=121, exhausted=True,
    assumptions=("the program is one process", "the venue keeps the order of each stream"),
    checks={"probe audit": True, "commutation audit": {"pairs": 1200, "failed": 0}},
    holes=("CURRENT_TIMESTAMP of SQLite is the wall clock",),
)  # fmt: skip
CASE = {"cancel_policy": "write-ahead"}


def test_a_certificate_reads_like_this() -> None:
    snapshot.check("certificate-100", certificate_text(CERTIFICATE, Verdict.PROVEN, width=100).plain + "\n")


def test_a_certificate_fits_a_narrow_terminal() -> None:
    text = certificate_text(CERTIFICATE, Verdict.PROVEN, width=50, ascii_only=True).plain
    assert text.isascii()
    assert max(cell_len(line) for line in text.splitlines()) <= 50


def test_a_search_that_was_cut_short_does_not_say_all() -> None:
    text = certificate_text(Certificate("stock", "any", 0, "10m", "", traces=5), Verdict.PASSED).plain
    assert "5 interleavings; there may be more" in text
    assert "all 5" not in text


def test_a_failed_check_stands_out() -> None:
    certificate = Certificate("stock", "any", 0, "10m", "", checks={"probe audit": False})
    assert "probe audit: NO" in certificate_text(certificate, Verdict.ERROR).plain


def test_the_dictionary_survives_json_and_has_the_keys_of_the_contract() -> None:
    plain = certificate_dict(CERTIFICATE)
    assert json.loads(json.dumps(plain)) == plain
    contract = {"semantics", "latency", "faults", "horizon", "dependence", "bounds", "database", "versions"}
    assert contract <= set(plain)
    assert list(plain["versions"]) == ["python", "simharness"]


def test_progress_says_what_is_done_and_what_may_be_left() -> None:
    line = progress_line("bot-update", CASE, 120, left=(80, 140), eta_s=3.2)
    assert line == "bot-update cancel_policy=write-ahead  120 executions, 80–140 left, ETA 3 s"


def test_progress_without_an_estimate_invents_none() -> None:
    assert progress_line("duplicate-fill", {}, 1) == "duplicate-fill  1 execution"


def test_progress_in_ascii() -> None:
    assert "80-140 left" in progress_line("bot-update", CASE, 120, left=(80, 140), ascii_only=True)


def test_a_finished_case_is_one_line_with_its_verdict_first() -> None:
    line = case_line("bot-update", CASE, Verdict.VIOLATED, 17, elapsed_s=0.21, by=("S8", "Q5"))
    assert line == "✗ violated by S8, Q5  bot-update cancel_policy=write-ahead  17 executions in 0.2 s"


def test_the_counter_stands_for_all_cases() -> None:
    assert counter_line(3, 16, 1200, elapsed_s=75) == "3 of 16 cases, 1,200 executions, 1 min 15 s"


def test_durations_have_one_or_two_units() -> None:
    assert [duration(seconds) for seconds in (-1, 0.04, 9.9, 59, 59.7, 185, 7810)] == [
        "0.0 s", "0.0 s", "9.9 s", "59 s", "1 min 00 s", "3 min 05 s", "2 h 10 min",
    ]  # fmt: skip


def test_what_is_not_installed_has_no_version() -> None:
    """Such as simharness itself, when a checkout is on the path."""
    assert versions_of(("rich", "no-such-package")).keys() == {"python", "rich"}
