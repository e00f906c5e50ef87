"""Checks a certificate: explores again, or a sample of it, and compares."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from simharness.core import trace
from simharness.errors import ScenarioError
from simharness.explore.campaign import Campaign, Limits
from simharness.runner.case import search_for
from simharness.runner.certify import versions
from simharness.runner.result import Verification
from simharness.runner.setting import located, setting_of, system_of
from simharness.world.stage import staged


def verify(path: Path) -> Verification:
    """Re-execute what a certificate speaks of and re-check its counts.

    Raises:
        ScenarioError: the file is no certificate, or its scenario is gone.
    """
    document = _read(path)
    from simharness.scenario import load

    scenario = load(document["path"])
    cases = scenario.cases({key: [value] for key, value in document["case"].items()})
    if len(cases) != 1:
        raise ScenarioError(f"{path}: the scenario {document['path']} has no such case any more")
    certificate = document["certificate"]
    lines, ok = [], True
    for package, version in sorted(versions().items()):
        if certificate["versions"].get(package, version) != version:
            lines.append(f"{package} is {version}, the certificate was made with {certificate['versions'][package]}")
    with located(cases[0]), staged(setting_of(cases[0]), system_of(cases[0])) as stage:
        campaign = Campaign(
            stage.program,
            search_for(cases[0], stage.program, seed=0),
            Limits(certificate["executions"] + 1),
            stock=certificate["semantics"] == "stock",
            timed=stage.setting.latency is not None,
        )
        campaign.run()
    statistics = campaign.search.statistics
    found = {
        "executions": statistics.executions,
        "traces": statistics.traces,
        "exhausted": campaign.exhausted,
        "traces_digest": trace.combined(statistics.fingerprints),
        "verdict": campaign.verdict().value,
    }
    for key, value in found.items():
        stated = document["verdict"] if key == "verdict" else certificate[key]
        same = stated == value
        ok &= same
        lines.append(f"{key}: {value}, as stated" if same else f"{key}: {value}, the certificate says {stated}")
    return Verification(ok, tuple(lines))


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ScenarioError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:
        raise ScenarioError(f"{path}: not a certificate: {error}") from None
    if not isinstance(document, dict) or document.get("schema") != "simharness/certificate@1":
        raise ScenarioError(f"{path}: not a certificate: its schema is not simharness/certificate@1")
    return document
