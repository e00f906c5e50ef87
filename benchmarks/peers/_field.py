"""Who takes part: finds the modules, asks each tool in processes of its own, and puts the answers into lines."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import json
import os
import pkgutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.peers._contest import SEEDS, Peer

# A tool that does not even let its own process be interrupted is killed so many seconds later.
GRACE_SECONDS = 3.0
SYMBOLS = (1, 2)
WIDTH = 61
ROOT = Path(__file__).parents[2]


def modules(package: str = __package__) -> list[str]:
    """Return the modules of tools, ours first: whatever lies in the package and has no underscore in front."""
    where = importlib.import_module(package).__path__
    names = [f"{package}.{found.name}" for found in pkgutil.iter_modules(where) if not found.name.startswith("_")]
    return sorted(names, key=lambda name: (not name.endswith(".simharness"), name))


def absent(peer: Peer) -> str:
    """Return why a tool cannot take part; "" if it can."""
    if sys.version_info[:2] < peer.python:
        return f"needs Python {peer.python[0]}.{peer.python[1]}"
    if importlib.util.find_spec(peer.package) is None:
        return f"not installed (pip install {peer.package})"
    return ""


def lines(module: str, limit: float) -> Iterator[tuple[str, bool]]:
    """Yield what there is to say about one tool, and whether that is a failure of the benchmark itself."""
    peer: Peer = importlib.import_module(module).PEER
    if why := absent(peer):
        yield f"{peer.package}: {why}", peer.ours
        return
    yield f"{peer.package} {version(peer.package)}", False
    for index, search in enumerate(peer.finds):
        told = ask(module, f"find:{index}", limit)
        yield f"  bug    {search.title:{WIDTH}} {found(told)}", peer.ours and "crashed" in told
    for index, search in enumerate(peer.proofs):
        for symbols in SYMBOLS:
            told = ask(module, f"prove:{index}:{symbols}", limit)
            title = f"{search.title}, {symbols} symbol{'s' if symbols > 1 else ''}"
            yield f"  fixed  {title:{WIDTH}} {proved(told)}", peer.ours and "crashed" in told
            if "unfinished" in told or "killed" in told:
                break  # more symbols are more work
    pace = peer.pace or peer.finds[0]
    yield f"  pace   {pace.title:{WIDTH}} {paced(ask(module, 'rate', limit))}", False
    for each in peer.cannot:
        yield f"  {each}", False


def version(package: str) -> str:
    """Return the installed version."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "(no version)"


def ask(module: str, question: str, limit: float) -> dict[str, Any]:
    """Ask in a process of its own, in a folder of its own, and end it when time is up."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-m", "benchmarks.peers._contest", module, question, str(limit)]
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = subprocess.run(
                command,
                check=False,
                capture_output=True,
                text=True,
                timeout=limit + GRACE_SECONDS,
                cwd=folder,
                env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "0"},
            )
        except subprocess.TimeoutExpired:
            return {"killed": limit + GRACE_SECONDS}
    told = done.stdout.strip().rpartition("\n")[2]
    if done.returncode or not told.startswith("{"):
        last = (done.stderr.strip() or told or "nothing on standard error").rpartition("\n")[2]
        return {"crashed": f"exit code {done.returncode}: {last[:120]}"}
    answer: dict[str, Any] = json.loads(told)
    return answer


def mishap(told: dict[str, Any]) -> str:
    """Return what went wrong with a question; "" if nothing."""
    if "crashed" in told:
        return f"crashed: {told['crashed']}"
    return f"killed after {told['killed']:.0f} s, without an answer" if "killed" in told else ""


def found(told: dict[str, Any]) -> str:
    """Return in words after how many executions the bug was found, by the program's own account."""
    runs = told.get("runs", [])
    if wrong := mishap(told) or ("" if runs else "no answer within the limit"):
        return wrong
    hits = [run["stopped"] for run in runs if run["found"] and run["stopped"]]
    said: list[str] = []
    if hits:
        spread = f" ({min(hits)} to {max(hits)})" if min(hits) < max(hits) else ""
        said.append(f"found after {statistics.median(hits):g}{spread}, {len(hits)} of {len(runs)} times")
    if other := [run for run in runs if run["found"] and not run["stopped"]]:
        said.append(f"{len(other)} times reports another failure: {' '.join(other[0]['failure'].split())[:100]}")
    if missed := [run for run in runs if not run["found"]]:
        executions = max(run["executions"] for run in missed)
        claims = sorted({run["claim"] for run in missed} - {""})
        claim = f'; says "{claims[0]}"' if claims else ""
        said.append(
            f"not in {executions} execution{'s' if executions > 1 else ''}, {len(missed)} of {len(runs)} times{claim}"
        )
    if "unfinished" in told:
        said.append(f"time is up before {SEEDS} times")
    return "; ".join(said)


def proved(told: dict[str, Any]) -> str:
    """Return in words what is claimed of the fixed version and what it took."""
    if wrong := mishap(told):
        return wrong
    if "executions" not in told:
        return "no answer within the limit"
    took = f"{told['executions']:,} executions, {told['seconds']:.2f} s"
    if "unfinished" in told:
        return f"not finished: {took}"
    if told["found"]:
        return f"reports a failure of the fixed version: {' '.join(told['failure'].split())[:100]}"
    return f'{took}; says "{told["claim"]}"' if told["claim"] else f"{took}; claims nothing"


def paced(told: dict[str, Any]) -> str:
    """Return executions per second in words."""
    if wrong := mishap(told):
        return wrong
    return f"{told['rate']:,.0f} executions/s" if "rate" in told else "no answer within the limit"
