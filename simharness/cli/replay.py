"""``simharness replay``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from simharness.cli.console import Wishes, out, rich_console, terminal
from simharness.errors import ScenarioError
from simharness.report.layout import emit
from simharness.runner.replay import replay
from simharness.runner.result import ExitCode, Layout, ReplayOutcome
from simharness.scenario import Scenario, discover, find_case
from simharness.scenario.files import near_file

if TYPE_CHECKING:
    from rich.text import Text

_DEFAULT = Path("scenarios")
# In bytes; no file system in use allows more.
_NAME_LENGTH_MAX = 255


def main(*, what: str, paths: list[Path], wishes: Wishes) -> int:
    """Replay a token, or every token in a file; return the worst exit code."""
    tokens, files = _tokens(what)
    scenarios = _scenarios(paths, files)
    for token in tokens:
        find_case(scenarios, token)
    on = terminal(sys.stdout, wishes)
    console = rich_console(sys.stdout, on)
    worst = ExitCode.OK
    for token in tokens:
        outcome = replay(token, scenarios, Layout(on.width, on.ascii_only, wishes.full))
        if outcome.drawing is not None:
            # The runner, which knows no rich, carries it under the name of a protocol.
            emit(console, cast("Text", outcome.drawing))
        else:
            out(outcome.text.rstrip("\n"))
        if outcome.digest:
            out(f"Trace   digest {outcome.digest}")
        out(_sentence(outcome))
        worst = max(worst, outcome.exit_code)
    return worst


def _sentence(outcome: ReplayOutcome) -> str:
    if outcome.diverged is not None:
        return outcome.diverged
    happened = "it happened again" if outcome.happened_again else "it no longer happens"
    if outcome.same_trace:
        return f"{happened}, step by step as recorded"
    changed = f"{happened}; not step by step as recorded: the code or the scenario has changed since"
    if not outcome.missing:
        return f"{changed}, and all {outcome.choices} choices were made again" if outcome.choices else changed
    steps = ", ".join(map(str, outcome.missing))
    made = outcome.choices - len(outcome.missing)
    return f"{changed}; {made} of {outcome.choices} choices were made again, none fits any more for step {steps}"


def _tokens(what: str) -> tuple[list[str], list[Path]]:
    """Return the tokens that ``what`` is or holds, and the scenario files that it names."""
    path = Path(what)
    # A token of many choices is longer than a name may be: to ask for such a file is an error.
    if len(path.name.encode()) > _NAME_LENGTH_MAX or not path.is_file():
        if what.lower().startswith("sh1-") or ("/" not in what and not path.suffix):
            return [what], []
        raise ScenarioError(f"{what}: no such file{near_file(path)}")
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ScenarioError(f"{path}: not a JSON file: {error}") from None
    found = list(_violations(data))
    if not found:
        raise ScenarioError(f"{path}: holds no violation with a token, so there is nothing to replay")
    files = sorted({Path(file) for _, file in found if file is not None and Path(file).is_file()})
    return list(dict.fromkeys(token for token, _ in found)), files


def _violations(data: Any) -> Iterator[tuple[str, str | None]]:
    """Yield token and scenario file of each violation in a result document, or of a single counterexample."""
    if not isinstance(data, dict):
        return
    if isinstance(data.get("token"), str):
        yield data["token"], _text_or_none(data.get("file"))
    cases = data.get("cases")
    for case in cases if isinstance(cases, list) else []:
        violations = case.get("violations") if isinstance(case, dict) else None
        for violation in violations if isinstance(violations, list) else []:
            if isinstance(violation, dict) and isinstance(violation.get("token"), str):
                yield violation["token"], _text_or_none(case.get("file"))


def _text_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _scenarios(paths: list[Path], files: list[Path]) -> list[Scenario]:
    chosen = paths or files or [_DEFAULT]
    if chosen == [_DEFAULT] and not _DEFAULT.is_dir():
        raise ScenarioError("there is no folder `scenarios/` here; name the token's scenario with --scenario PATH")
    return discover(chosen, factories=True)
