"""Every supported Python that this machine has gives the same interleavings, counts and tokens.

Where asyncio itself was written anew (``wait_for`` in 3.12, ``as_completed`` in 3.13), the same outcomes.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("counted_programs.py")
VERSIONS = ("3.11", "3.12", "3.13")


def places(version: str) -> list[str]:
    """Return where an interpreter of this version may be."""
    pyenv = Path.home() / ".pyenv" / "versions"
    found = [shutil.which(f"python{version}"), *sorted(map(str, pyenv.glob(f"{version}.*/bin/python")))]
    return [place for place in found if place is not None]


@cache
def counted(interpreter: str) -> str:
    """Return what an interpreter counts; no package has to be installed there."""
    command = [interpreter, "-E", "-s", "-B", str(SCRIPT), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]
    return done.stdout


@pytest.mark.parametrize("version", VERSIONS)
def test_an_interpreter_counts_what_this_one_does(version: str) -> None:
    interpreters = [place for place in places(version) if Path(place).exists()]
    if not interpreters:
        pytest.skip(f"no Python {version} here")
    here = counted(sys.executable)
    assert "as_completed" in here
    assert counted(interpreters[-1]) == here
