"""A project of somebody else's with a scenario, and a pytest that knows the plugin and no other one by itself."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "COLUMNS", "COV"))} | {
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    "PYTHONPATH": str(ROOT),
}


def write(folder: Path) -> None:
    """Write the program of the documentation, whose weak variant is expected to hold, and a file of another tool's."""
    document = (ROOT / "docs" / "writing-a-system.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```(python|yaml)\n(.*?)```", document, re.DOTALL)
    (bot, system), (scenario,) = ([text for kind, text in blocks if kind == each] for each in ("python", "yaml"))
    (folder / "my_bot.py").write_text(bot, encoding="utf-8")
    (folder / "my_system.py").write_text(system, encoding="utf-8")
    (folder / "scenarios").mkdir()
    wrong = scenario.replace("verdict: violated, by: [S13]", "verdict: proven")
    assert wrong != scenario
    (folder / "scenarios" / "fills.yaml").write_text(wrong, encoding="utf-8")
    (folder / "scenarios" / "compose.yaml").write_text("services: {}\n", encoding="utf-8")


def pytest_in(folder: Path, *words: str, plugin: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run pytest as its users do."""
    loaded = ["-p", "simharness.pytest_plugin"] if plugin else []
    return subprocess.run(
        [sys.executable, "-m", "pytest", *loaded, "-p", "no:cacheprovider", *words],
        cwd=folder,
        env={**ENVIRONMENT, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
