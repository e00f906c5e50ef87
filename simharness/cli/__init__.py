"""The command line: parse, call the runner, turn what came out into an exit code.

Nothing heavy is imported before a command needs it; ``--help`` works in a broken project.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from simharness.errors import ScenarioError, SimharnessError

_USAGE = 2
_BROKEN = 3
_INTERRUPTED = 130
_PIPE_CLOSED = 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code; never raises for anything a user can do.

    Args:
        arguments: what stands behind ``simharness``; None for the process's own.
    """
    _survive_odd_encodings()
    try:
        from simharness.cli.app import parse

        parsed = parse(list(sys.argv[1:] if arguments is None else arguments))
        code = parsed if isinstance(parsed, int) else parsed.call()
        # Now, while somebody listens, and not in the interpreter's last moments.
        sys.stdout.flush()
        return code
    except ScenarioError as error:
        _say(str(error))
        return _USAGE
    except SimharnessError as error:
        _say(str(error))
        return _BROKEN
    except KeyboardInterrupt:
        _say("interrupted")
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read us has seen enough. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _PIPE_CLOSED
    except Exception as error:  # the last net: what gets here is our mistake, and still no traceback for a user
        return _internal(error)


def _internal(error: Exception) -> int:
    if os.environ.get("SIMHARNESS_TRACEBACK"):
        import traceback

        traceback.print_exception(error)
    text = " ".join(str(error).split())
    _say(
        f"internal error: {type(error).__name__}{': ' if text else ''}{text}, please report; "
        "rerun with SIMHARNESS_TRACEBACK=1"
    )
    return _BROKEN


def _say(text: str) -> None:
    with suppress(BrokenPipeError):  # whoever read it has seen enough
        print(text, file=sys.stderr, flush=True)  # noqa: T201 — the one place where errors reach the user


def _survive_odd_encodings() -> None:
    """Let a terminal that lacks a character show its escape instead of ending the run."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
