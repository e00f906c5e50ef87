"""Says what was explored and what a reader has to accept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from simharness.core import trace
from simharness.core.verdict import Certificate, versions_of
from simharness.report.certificate import certificate_dict
from simharness.report.save import report_stem
from simharness.runner.json_output import write_text
from simharness.runner.result import CaseResult

if TYPE_CHECKING:
    from simharness.explore.campaign import Campaign
    from simharness.scenario.case import Case
    from simharness.world.stage import Stage

_PACKAGES = ("simharness", "aiosqlite", "asyncpg", "ccxt", "fastapi", "httpx", "psycopg", "simpy", "sqlalchemy")

ASSUMPTIONS = (
    "one event loop in one thread; functions sent to threads run atomically",
    "code of the packages under test is tracked; libraries behave as the table of scopes says",
    "connection pools are warm: first-connection set-up is over when the exploration begins",
    "virtual time moves only when timers fire",
    "the invariants look at what their rules look at, nothing else",
)
SINGLE_FRAMES = (
    "frames: single: a frame arrives only while the program waits for one, so no read returns two; a program "
    "that takes the frames of one read one after the other, and waits for nothing in between, comes to no other states"
)


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that executions run on."""
    return versions_of(_PACKAGES)


def write_certificate(directory: Path, case: Case, result: CaseResult, search: dict[str, int | bool]) -> Path:
    """Write the certificate of a case beside its timelines; return the file.

    Args:
        directory: where.
        case: what was explored.
        result: what was found.
        search: what one has to know to search again in the same order; see ``verify``.
    """
    assert result.certificate is not None
    file = directory / f"{report_stem(case.scenario.name, dict(case.values), 'certificate')}.json"
    document = {
        "schema": "simharness/certificate@1",
        "scenario": case.scenario.name,
        "path": case.scenario.path,
        "case": dict(case.values),
        "verdict": result.verdict.value,
        "search": search,
        "certificate": certificate_dict(result.certificate),
    }
    write_text(file, json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True) + "\n")
    return file


def certify(case: Case, stage: Stage, campaign: Campaign, checks: dict[str, object]) -> Certificate:
    """Return the certificate of a finished search."""
    explore = case.explore
    statistics = campaign.search.statistics
    setting = stage.setting
    return Certificate(
        semantics=explore.semantics,
        latency=case.scenario.spec.venue.latency.text,
        faults=explore.faults,
        horizon=explore.horizon,
        dependence=stage.dependence,
        bounds=tuple(campaign.bounds),
        database="none" if stage.database is None else stage.database.description,
        versions=versions(),
        strategy=explore.strategy,
        executions=statistics.executions,
        traces=statistics.traces,
        blocked=statistics.blocked,
        duplicates=statistics.duplicates,
        exhausted=campaign.exhausted,
        traces_digest=trace.combined(statistics.fingerprints),
        assumptions=(
            *ASSUMPTIONS,
            *((SINGLE_FRAMES,) if setting.single_frames else ()),
            *stage.coarse(),
            *(f"{fault} may strike" for fault in setting.faults),
        ),
        checks={
            "probes": statistics.probes,
            "probe audit": "every probe",
            "determinism audit": "every step whose causal past came up before",
            "rules": list(setting.rules),
            "rules without anything to judge": stage.judged.never() or "none",
            **campaign.latency_check(case.scenario.spec.venue.latency.text),
            **checks,
        },
        holes=tuple(stage.holes()),
    )
