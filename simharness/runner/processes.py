"""Several cases at once, each in a process of its own."""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import TYPE_CHECKING

from simharness.core.verdict import Verdict
from simharness.errors import ScenarioError
from simharness.explore.campaign import interrupts
from simharness.explore.parallel.processes import dismiss, how_it_ended, start
from simharness.runner.case import Interrupted, run_case
from simharness.runner.observer import Observer, Progress
from simharness.runner.result import CaseResult, RunOptions, RunResult

if TYPE_CHECKING:
    from simharness.scenario.case import Case

# Seconds between two words about the progress of one case.
_EVERY_S = 0.1

# Seconds after which somebody looks whether Ctrl-C was pressed, if there are no news.
_POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class _Over:
    """A case is over.

    Args:
        result: what is known.
        interrupted: whether it was ended by Ctrl-C.
    """

    result: CaseResult
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class _Refused:
    """A case cannot be run as it stands.

    Args:
        message: why.
    """

    message: str


@dataclass(slots=True, eq=False)
class _Worker:
    process: BaseProcess
    connection: Connection
    case: int | None = None
    begun: bool = False
    told: bool = False


# Sent when a case has begun: from now on SIGINT is heard; before, it would be lost.
_BEGUN = "begun"


def run_in_processes(cases: Sequence[Case], options: RunOptions, observer: Observer) -> RunResult:
    """Run every case, up to ``options.jobs`` at a time; Ctrl-C ends it with what is known.

    A process that dies takes its case with it, and no other.

    Raises:
        ScenarioError: a case cannot be run as it stands.
        KeyboardInterrupt: Ctrl-C, a second time.
    """
    crew = _Crew(cases, options, observer)
    try:
        with interrupts() as pressed:
            while crew.goes_on():
                crew.listen()
                if pressed() or crew.interrupted:
                    crew.interrupt()
    finally:
        crew.dismiss()
    return RunResult(tuple(crew.results[each] for each in sorted(crew.results)), interrupted=crew.interrupted)


class _Crew:
    """The processes, and what they have to do."""

    def __init__(self, cases: Sequence[Case], options: RunOptions, observer: Observer) -> None:
        self.results: dict[int, CaseResult] = {}
        self.interrupted = False
        self._cases = cases
        self._observer = observer
        # Where there are more processes than cases, those share the searches.
        self._options = replace(options, jobs=max(1, options.jobs // len(cases)))
        self._size = min(options.jobs, len(cases))
        self._left = deque(range(len(cases)))
        self._workers: list[_Worker] = []

    def goes_on(self) -> bool:
        """Give everybody something to do; return whether anybody has."""
        while self._left and not self.interrupted:
            worker = next((each for each in self._workers if each.case is None), None)
            if worker is None and len(self._workers) < self._size:
                worker = _Worker(*start(_serve, daemon=False))
                self._workers.append(worker)
            if worker is None:
                break
            worker.case, worker.begun = self._left.popleft(), False
            self._observer.case_started(self._cases[worker.case])
            with suppress(OSError):  # it is dead, which comes out when we listen
                worker.connection.send((self._cases[worker.case], self._options))
        return any(worker.case is not None for worker in self._workers)

    def listen(self) -> None:
        """Wait for the next news, and pass it on."""
        busy = {worker.connection: worker for worker in self._workers if worker.case is not None}
        for connection in wait(list(busy), _POLL_S):
            assert isinstance(connection, Connection)
            self._hear(busy[connection])

    def interrupt(self) -> None:
        """Let everybody who has begun come to an end with what is known; each is told once."""
        self.interrupted = True
        for worker in self._workers:
            if worker.case is None or not worker.begun or worker.told:
                continue
            if worker.process.pid is not None and worker.process.is_alive():
                worker.told = True
                os.kill(worker.process.pid, signal.SIGINT)

    def dismiss(self) -> None:
        """End all processes."""
        dismiss((worker.process, worker.connection) for worker in self._workers)

    def _hear(self, worker: _Worker) -> None:
        assert worker.case is not None
        case = self._cases[worker.case]
        try:
            news = worker.connection.recv()
        except (EOFError, OSError):
            self._workers.remove(worker)
            worker.connection.close()
            if self.interrupted:
                return  # before it could know anything
            error = f"the process that ran it {how_it_ended(worker.process)}"
            news = _Over(CaseResult.of(case, Verdict.ERROR, error=error))
        if news == _BEGUN:
            worker.begun = True
        elif isinstance(news, Progress):
            self._observer.progress(case, news)
        elif isinstance(news, _Refused):
            raise ScenarioError(news.message)
        elif isinstance(news, _Over):
            self.interrupted |= news.interrupted
            self.results[worker.case] = news.result
            worker.case = None
            self._observer.case_finished(news.result)
        else:
            worker.case = None  # interrupted before anything was known


def _serve(connection: Connection) -> None:
    """Run the cases that come over the connection, until it is closed."""
    # A group of its own: Ctrl-C at the terminal is for the process that the user started, which passes it on, once.
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # forgets one that is pending
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    with suppress(EOFError, OSError, KeyboardInterrupt):  # nobody is there any more, or wants to hear more
        while True:
            case, options = connection.recv()
            connection.send(_run(connection, case, options))


def _run(connection: Connection, case: Case, options: RunOptions) -> _Over | _Refused | None:
    told_s: float | None = None
    pressed = False

    def note(number: int, frame: FrameType | None) -> None:
        # Once executions are under way an exception may land in one, where the program could swallow it.
        nonlocal pressed
        pressed = True
        if told_s is None:
            raise KeyboardInterrupt

    def report(progress: Progress) -> None:
        nonlocal told_s, pressed
        if pressed:
            # It came between two searches. Now one is under way, which knows how to end.
            pressed = False
            os.kill(os.getpid(), signal.SIGINT)
        if told_s is None:
            told_s = progress.elapsed_s - _EVERY_S
        if progress.elapsed_s - told_s >= _EVERY_S:
            told_s = progress.elapsed_s
            try:
                connection.send(progress)
            except OSError:
                # Nobody is there any more. What was set up for the case is put away on the way out.
                raise SystemExit(1) from None

    signal.signal(signal.SIGINT, note)
    try:
        connection.send(_BEGUN)
        return _Over(run_case(case, options, report), interrupted=pressed)
    except Interrupted as interrupted:
        return _Over(interrupted.result, interrupted=True)
    except ScenarioError as error:
        return _Refused(str(error))
    except KeyboardInterrupt:
        return None
    except Exception as error:  # a mistake of ours costs one case, and says so
        text = " ".join(str(error).split())
        return _Over(CaseResult.of(case, Verdict.ERROR, error=f"internal error: {type(error).__name__}: {text}"))
