"""The floors of the house are kept, and the check that keeps them can fail."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-c", code, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.fixture
def copy_of_the_house(tmp_path: Path) -> Path:
    """The sources without anything that is not needed to read their imports."""
    for source in (ROOT / "simharness").rglob("*.py"):
        target = tmp_path / source.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(source.read_text())
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    return tmp_path


def test_every_package_imports_only_what_stands_below_it() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("room", "forbidden"),
    [
        ("core/time.py", "simharness.loop.loop"),
        ("venue/market.py", "simharness.loop.loop"),
        ("managers/bots/ids.py", "simharness.core.name"),
        ("explore/races.py", "sqlalchemy"),
    ],
)
def test_an_import_upwards_or_sideways_is_noticed(copy_of_the_house: Path, room: str, forbidden: str) -> None:
    module = copy_of_the_house / "simharness" / room
    module.write_text(f"{module.read_text()}\nimport {forbidden}\n")
    result = lint_imports(copy_of_the_house)
    assert result.returncode == 1, result.stdout + result.stderr


def test_a_new_room_must_be_given_a_floor(copy_of_the_house: Path) -> None:
    room = copy_of_the_house / "simharness" / "attic"
    room.mkdir()
    (room / "__init__.py").write_text('"""Nobody knows where this belongs."""\n')
    assert lint_imports(copy_of_the_house).returncode == 1
