"""From source text to linked code, with a cache in memory and one on disk.

What stands on disk is not linked yet, and is found by a digest of everything it depends on: source, module, root,
Python version and the rewriter's own source. A cache that cannot be read or written is no error, only slower.
"""

from __future__ import annotations

import marshal
import os
import sys
import tempfile
import types
import warnings
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from simharness.instrument.hooks import link, nested
from simharness.instrument.statements import Rewriter, parse


class Compiled(NamedTuple):
    """The rewritten code of a module.

    Args:
        code: the code of the module, linked.
        variables: the module's names that some function stores into.
        bound: every name that the module binds, sorted.
    """

    code: types.CodeType
    variables: frozenset[str]
    bound: tuple[str, ...]

    def find(self, old: types.CodeType) -> types.CodeType | None:
        """Return the rewritten form of ``old``; None if it is not there or cannot be told from another."""
        found = [code for code in nested(self.code) if _place(code) == _place(old)]
        if len(found) > 1:
            # Two lambdas on a line: they end in different columns.
            found = [code for code in found if _end(code) == _end(old)]
        return found[0] if len(found) == 1 else None


def _place(code: types.CodeType) -> tuple[str, int]:
    return code.co_qualname, code.co_firstlineno


def _end(code: types.CodeType) -> tuple[int, int]:
    return max((end_line or 0, end or 0) for _, end_line, _, end in code.co_positions())


_memory: dict[str, Compiled] = {}
# What marshal, the file system and a file of another version may raise.
_CACHE_ERRORS = (OSError, EOFError, ValueError, TypeError, KeyError, AttributeError)


def default_cache_directory() -> Path:
    """Return where compiled code is kept, as the XDG rules say."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "simharness" / "instrument"


@cache
def _own_digest() -> bytes:
    digest = blake2b(digest_size=16)
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.digest()


def compile_module(
    source: str,
    filename: str,
    module: str,
    root: tuple[str, int] | None = None,
    cache_directory: Path | None = None,
) -> Compiled:
    """Return the rewritten code of a module.

    Args:
        source: its text.
        filename: what tracebacks name.
        module: its dotted name.
        root: the only function to rewrite, see :class:`ExpressionRewriter`.
        cache_directory: where compiled code is kept; None: in memory only.

    Raises:
        SyntaxError: the source is not Python.
    """
    digest = blake2b(_own_digest(), digest_size=16)
    for part in (sys.version, filename, module, repr(root), source):
        digest.update(part.encode("utf-8", "surrogatepass") + b"\0")
    key = digest.hexdigest()
    compiled = _memory.get(key)
    if compiled is None:
        unlinked = _load(cache_directory, key)
        if unlinked is None:
            unlinked = _rewrite(source, filename, module, root)
            _save(cache_directory, key, unlinked)
        code, variables, bound = unlinked
        compiled = _memory[key] = Compiled(link(code), frozenset(variables), tuple(bound))
    return compiled


_Unlinked = tuple[types.CodeType, list[str], list[str]]


def _rewrite(source: str, filename: str, module: str, root: tuple[str, int] | None) -> _Unlinked:
    with warnings.catch_warnings():
        # The call of a constant looks like a mistake to the compiler.
        warnings.simplefilter("ignore", SyntaxWarning)
        tree, scopes = parse(source, filename)
        rewritten = Rewriter(scopes, module, root).rewrite(tree)
        code = compile(rewritten, filename, "exec", dont_inherit=True)
    return code, sorted(scopes.variables), sorted(scopes.module.bound)


def _load(directory: Path | None, key: str) -> _Unlinked | None:
    if directory is None:
        return None
    try:
        code, variables, bound = marshal.loads((directory / f"{key}.code").read_bytes())
    except _CACHE_ERRORS:
        return None
    return (code, variables, bound) if isinstance(code, types.CodeType) else None


def _save(directory: Path | None, key: str, unlinked: _Unlinked) -> None:
    if directory is None:
        return
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=directory, delete=False) as file:
            file.write(marshal.dumps(unlinked))
        # Renaming is atomic: another process sees the whole file or none.
        Path(file.name).replace(directory / f"{key}.code")
    except _CACHE_ERRORS:
        return
