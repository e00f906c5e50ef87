"""Checks a certificate: explores again, or a sample of it, and compares."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from simharness.core import trace
from simharness.errors import ScenarioError
from simharness.explore.campaign import Campaign, Limits
from simharness.runner.case import claim, search_for
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
    certificate, search = document["certificate"], document["search"]
    if search["shared"] and not certificate["exhausted"]:
        raise ScenarioError(
            f"{path}: several processes shared this search and did not end it: which part of it they explored was a "
            "matter of time; use `--jobs 1` for one that can be explored again"
        )
    lines, ok = [], True
    for package, version in sorted(versions().items()):
        if certificate["versions"].get(package, version) != version:
            lines.append(f"{package} is {version}, the certificate was made with {certificate['versions'][package]}")
    with located(cases[0]), staged(setting_of(cases[0]), system_of(cases[0])) as stage:
        fewer = search["faults"] < cases[0].explore.faults
        program = stage.with_fewer_faults(search["faults"]).program if fewer else stage.program
        campaign = Campaign(
            program,
            search_for(cases[0], program, search["seed"]),
            _limits(certificate),
            stock=certificate["semantics"] == "stock",
            timed=stage.setting.latency is not None,
        )
        campaign.run()
        verdict = claim(campaign, stage)
    statistics = campaign.search.statistics
    found = {
        "executions": statistics.executions,
        "traces": statistics.traces,
        "exhausted": campaign.exhausted,
        "traces_digest": trace.combined(statistics.fingerprints),
        "verdict": verdict.value,
    }
    for key, value in found.items():
        stated = document["verdict"] if key == "verdict" else certificate[key]
        same = stated == value
        ok &= same
        lines.append(f"{key}: {value}, as stated" if same else f"{key}: {value}, the certificate says {stated}")
    return Verification(ok, tuple(lines))


def _limits(certificate: dict[str, Any]) -> Limits:
    """Return where to stop: exactly there if the search was ended from outside, one later if it ended by itself.

    One later, because an iterator only knows that it is exhausted when it is asked once more; and because a tree that
    has become larger shows then.
    """
    executions = certificate["executions"]
    return Limits(executions + 1 if certificate["exhausted"] else executions)


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ScenarioError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:
        raise ScenarioError(f"{path}: not a certificate: {error}") from None
    if not isinstance(document, dict) or document.get("schema") != "simharness/certificate@1":
        raise ScenarioError(f"{path}: not a certificate: its schema is not simharness/certificate@1")
    missing = sorted({"path", "case", "verdict", "search", "certificate"} - set(document))
    if missing:
        raise ScenarioError(f"{path}: not a certificate: it has no {missing[0]!r}")
    return document
