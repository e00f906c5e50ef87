"""What can be typed: commands, arguments, options. Each command is a module of its own, imported when it is called.

The functions below only say what was typed. Nothing runs inside typer, which has its own ideas about Ctrl-C and
closed pipes.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from simharness.cli.console import Wishes

# A flag that already is a bool needs no conversion, and so `list` does not load pydantic (70 ms) for a missing --help.
_FLAGS = {"help": False, "version": False}

app = typer.Typer(
    name="simharness",
    help="Runs a real trading bot under every order in which replies, events, commits, timers and faults can arrive.",
    add_completion=False,
    # Plain help: rich would cost every call 40 ms, and our own words come out of it no clearer.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"default_map": _FLAGS},
)

Paths = Annotated[list[Path], typer.Argument(metavar="PATH", help="Scenario files, or folders that hold some.")]
Ascii = Annotated[bool, typer.Option("--ascii", help="Use no character beyond ASCII.")]
Width = Annotated[int | None, typer.Option("--width", min=40, metavar="N", help="Columns to draw in.")]
Color = Annotated[bool | None, typer.Option("--color/--no-color", help="Colours, whatever the terminal says.")]
Full = Annotated[bool, typer.Option("--full", help="Fold nothing in timelines.")]
CaseFilter = Annotated[
    list[str] | None,
    typer.Option("--case", metavar="KEY=VALUE", help="Only cases with this value; may be given several times."),
]


@dataclass(frozen=True, slots=True)
class Command:
    """What was typed: a module of this package, and the arguments of its ``main``."""

    module: str
    arguments: dict[str, Any]

    def call(self) -> int:
        """Run it and return the exit code."""
        code: int = import_module(f"simharness.cli.{self.module}").main(**self.arguments)
        return code


def parse(arguments: list[str]) -> Command | int:
    """Return what is to be done, or the exit code if that is done already (help, version, a usage error)."""
    try:
        parsed = app(arguments, prog_name="simharness", standalone_mode=False)
    except typer.Abort:  # how older ones say Ctrl-C
        raise KeyboardInterrupt from None
    except Exception as error:
        # typer brings its own click, older ones use the installed one: ask for what a usage error can do.
        if not hasattr(error, "format_message"):
            raise
        return _usage(error)
    return parsed if isinstance(parsed, Command) else int(parsed or 0)


def _usage(error: Any) -> int:
    if type(error).__name__ == "NoArgsIsHelpError":
        typer.echo(error.format_message())
        return 2
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "simharness"
    typer.echo(f"{_wording(error)} (see `{command} --help`)", err=True)
    return 2


def _wording(error: Any) -> str:
    """Return a usage error in one line, with the suggestion in the words of all our suggestions."""
    possible = sorted(getattr(error, "possibilities", None) or [])
    message = error.message if possible else error.format_message()
    text = " ".join(str(message).split()).rstrip(".").replace(". Did you mean", "; did you mean")
    if not possible:
        return text
    typed = getattr(error, "option_name", None) or text
    # The likest: the first of the alphabet is a guess.
    likest = max(possible, key=lambda each: SequenceMatcher(None, typed, each).ratio())
    return f"{text}; did you mean {likest!r}?"


def _command(module: str, /, **arguments: Any) -> Command:
    return Command(module, arguments)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"simharness {version('simharness')}")
        raise typer.Exit


@app.callback(no_args_is_help=True, invoke_without_command=False)
def _top(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Run a real trading bot under every order in which replies, events, commits, timers and faults can arrive."""


@app.command()
def run(
    *,
    paths: Paths,
    case: CaseFilter = None,
    json: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the result as JSON.")] = None,
    junit: Annotated[Path | None, typer.Option("--junit", metavar="FILE", help="Write JUnit XML.")] = None,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="DIR", help="Write timelines and certificates.")
    ] = None,
    time: Annotated[str | None, typer.Option("--time", metavar="60s", help="Wall time for each case.")] = None,
    executions: Annotated[
        int | None, typer.Option("--executions", min=1, metavar="N", help="Executions for each case.")
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", min=1, metavar="N", help="Worker processes.")] = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an interrupted run stopped.")] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, metavar="N", help="For sampling and audits.")] = 0,
    audit: Annotated[
        int, typer.Option("--audit", min=0, metavar="N", help="Swap N pairs of independent steps as a check.")
    ] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress; timelines only of what failed.")] = False,
    full: Full = False,
    ascii_only: Ascii = False,
    width: Width = None,
    color: Color = None,
) -> Command:
    """Explore every interleaving; compare with what is expected.

    Exit codes: 0 every expectation is met (with none stated: nothing is violated), 1 one is missed, 2 bad input,
    3 something could not be controlled, 130 interrupted, with what is known written.
    """
    return _command(
        "run",
        paths=paths,
        case=case or [],
        json=json,
        junit=junit,
        report=report,
        time=time,
        executions=executions,
        jobs=jobs,
        resume=resume,
        seed=seed,
        audit=audit,
        quiet=quiet,
        wishes=Wishes(full, ascii_only, width, color),
    )


@app.command()
def replay(
    *,
    what: Annotated[str, typer.Argument(metavar="TOKEN|FILE", help="A replay token, or a JSON file that holds some.")],
    scenario: Annotated[
        list[Path] | None, typer.Option("--scenario", metavar="PATH", help="Where to look; `scenarios/` if not given.")
    ] = None,
    full: Full = False,
    ascii_only: Ascii = False,
    width: Width = None,
    color: Color = None,
) -> Command:
    """Execute one counterexample again and draw it. 0: it happened again, 1: it no longer happens, 3: it diverged."""
    return _command("replay", what=what, paths=scenario or [], wishes=Wishes(full, ascii_only, width, color))


@app.command()
def check(paths: Paths) -> Command:
    """Validate scenarios, factories included, without running them."""
    return _command("check", paths=paths)


# No declared argument, for the same reason.
@app.command(
    name="list", options_metavar="[PATH]...", context_settings={"allow_extra_args": True, "default_map": _FLAGS}
)
def list_(context: typer.Context) -> Command:
    """Show scenarios, invariants, faults, strategies, semantics.

    The scenarios are those below PATH, or in `scenarios/`.
    """
    return _command("listing", paths=[Path(word) for word in context.args])


@app.command()
def schema() -> Command:
    """Print the JSON Schema of a scenario, for editors."""
    return _command("schema")


@app.command()
def doctor(paths: Paths, case: CaseFilter = None) -> Command:
    """Hunt for what makes two runs of one schedule differ.

    Runs some schedules twice in this process and again in others with other hash seeds, and compares them step by
    step. 0: nothing found, 3: something.
    """
    return _command("doctor", paths=paths, case=case or [])


@app.command()
def verify(
    certificate: Annotated[Path, typer.Argument(metavar="CERTIFICATE", help="A certificate that a run has written.")],
) -> Command:
    """Explore what a certificate claims again and compare.

    0: everything is as stated, 1: something is not.
    """
    return _command("verify", path=certificate)
