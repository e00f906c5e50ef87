"""Runs cases one after the other, or several at once in processes of their own."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from queue import Empty
from typing import TYPE_CHECKING, Any

from simharness.runner.case import Interrupted, run_case
from simharness.runner.observer import Observer, Progress
from simharness.runner.result import CaseResult, RunOptions, RunResult

if TYPE_CHECKING:
    from simharness.scenario.case import Case

_POLL_S = 0.1


def run_cases(cases: Sequence[Case], options: RunOptions, observer: Observer) -> RunResult:
    """Run every case; Ctrl-C ends it with what is known.

    Args:
        cases: in the order of the report.
        options: what the command line adds.
        observer: hears of the progress, in this thread.

    Raises:
        ScenarioError: a case cannot be run as it stands.
    """
    if options.jobs > 1 and len(cases) > 1:
        return _run_in_processes(cases, options, observer)
    results: list[CaseResult] = []
    for case in cases:
        observer.case_started(case)
        try:
            result = run_case(case, options, lambda progress, case=case: observer.progress(case, progress))  # type: ignore[misc]  # the default binds the loop variable
        except Interrupted as interrupted:
            results.append(interrupted.result)
            observer.case_finished(interrupted.result)
            return RunResult(tuple(results), interrupted=True)
        except KeyboardInterrupt:
            return RunResult(tuple(results), interrupted=True)
        results.append(result)
        observer.case_finished(result)
    return RunResult(tuple(results))


_queue: Any = None


def _start_worker(queue: Any) -> None:
    global _queue  # noqa: PLW0603 — how a pool's initializer hands something to its tasks
    _queue = queue


def _work(position: int, case: Case, options: RunOptions) -> tuple[CaseResult, bool]:
    last = 0.0

    def report(progress: Progress) -> None:
        nonlocal last
        if progress.elapsed_s - last >= _POLL_S:
            last = progress.elapsed_s
            _queue.put((position, progress))

    _queue.put((position, None))
    try:
        return run_case(case, options, report), False
    except Interrupted as interrupted:
        return interrupted.result, True


def _run_in_processes(cases: Sequence[Case], options: RunOptions, observer: Observer) -> RunResult:
    # spawn: a forked child would share open SQLite handles and whatever else the parent holds.
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    results: dict[int, CaseResult] = {}
    interrupted = False
    with ProcessPoolExecutor(options.jobs, context, _start_worker, (queue,)) as pool:
        futures = {
            position: pool.submit(_work, position, case, replace(options, jobs=1))
            for position, case in enumerate(cases)
        }
        try:
            while len(results) < len(futures):
                _drain(queue, cases, observer)
                for position, future in futures.items():
                    if future.done() and position not in results:
                        result, stopped = future.result()
                        interrupted |= stopped
                        results[position] = result
                        observer.case_finished(result)
        except KeyboardInterrupt:
            interrupted = True
            pool.shutdown(cancel_futures=True)
            for position, future in futures.items():
                if position not in results and future.done() and not future.cancelled():
                    results[position] = future.result()[0]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return RunResult(tuple(results[position] for position in sorted(results)), interrupted=interrupted)


def _drain(queue: Any, cases: Sequence[Case], observer: Observer) -> None:
    try:
        position, progress = queue.get(timeout=_POLL_S)
    except Empty:
        return
    if progress is None:
        observer.case_started(cases[position])
    else:
        observer.progress(cases[position], progress)
