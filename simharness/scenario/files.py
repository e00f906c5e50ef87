"""Which files hold scenarios, and a glance at each: no model is built, so that listing them costs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from simharness.core.suggest import closest
from simharness.errors import ScenarioError
from simharness.scenario.document import read

_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Outline:
    """The first glance at a scenario: ``problem`` says why there is no more."""

    path: str
    name: str
    about: str = ""
    problem: str = ""


def files_in(paths: Sequence[str | Path]) -> list[Path]:
    """Return the scenario files that the paths name, sorted, each once.

    Raises:
        ScenarioError: a path does not exist, or a folder holds no scenario.
    """
    found: dict[Path, Path] = {}
    for path in (Path(each) for each in paths):
        if path.is_dir():
            files = sorted(file for suffix in _SUFFIXES for file in path.rglob(f"*{suffix}") if _visible(file, path))
            if not files:
                raise ScenarioError(f"{path}: no scenarios (*.yaml) in this folder")
        else:
            files = [path]
        for file in files:
            if not file.exists():
                raise ScenarioError(f"{path}: no such file or folder{near_file(path)}")
            found.setdefault(file.resolve(), file)
    return sorted(found.values())


def text_of(path: Path) -> str:
    """Return the text of a file.

    Raises:
        ScenarioError: it cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ScenarioError(f"{path}: no such file{near_file(path)}") from None
    except UnicodeDecodeError:
        raise ScenarioError(f"{path}: not a text file (UTF-8)") from None
    except OSError as error:
        raise ScenarioError(f"{path}: cannot be read: {error.strerror or error}") from None


def outline(path: Path) -> Outline:
    """Return the name of the scenario in a file and what it is about."""
    try:
        table = read(text_of(path), str(path))
    except ScenarioError as error:
        return Outline(str(path), path.stem, problem=str(error))
    name, about = table.get("scenario"), table.get("about")
    if not isinstance(name, str):
        return Outline(str(path), path.stem, problem=f"{path}:{table.line}: the key 'scenario' is missing")
    return Outline(str(path), name, about if isinstance(about, str) else "")


def _visible(file: Path, folder: Path) -> bool:
    return file.is_file() and not any(part.startswith(".") for part in file.relative_to(folder).parts)


def near_file(path: Path) -> str:
    """Return ``; did you mean …?`` if something beside a missing file is called nearly the same, or nothing."""
    try:
        beside = [each.name for each in path.parent.iterdir()]
    except OSError:
        return ""
    match = closest(path.name, beside, cutoff=0.75)
    return f"; did you mean {str(path.parent / match)!r}?" if match else ""
