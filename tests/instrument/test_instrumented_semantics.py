"""Instrumented code does what plain code does: values, exceptions, order of evaluation, line numbers."""

from __future__ import annotations

import asyncio
import inspect
import traceback
from pathlib import Path

import pytest
import snippets

from simharness.core import name
from simharness.core.footprint import recorder
from simharness.instrument import instrumented

PROCESS = name.static("test process")
SNIPPETS = [
    member
    for title, member in vars(snippets).items()
    if inspect.isfunction(member) and member.__module__ == "snippets" and title != "say"
]


def outcome(program):
    """Return what a run gave, what it did on the way, and the line of the program that raised."""
    snippets.LOG.clear()
    try:
        result = asyncio.run(program()) if inspect.iscoroutinefunction(program) else program()
    except Exception as error:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == snippets.__file__]
        return type(error), str(error), frames[-1].lineno, repr(snippets.LOG)
    return repr(result), repr(snippets.LOG)


@pytest.mark.parametrize("recording", [False, True], ids=["silent", "recording"])
@pytest.mark.parametrize("program", SNIPPETS, ids=lambda program: program.__name__)
def test_a_snippet_behaves_as_without_instrumentation(program, recording, tmp_path):
    plain = outcome(program)
    with instrumented(["snippets"], cache_directory=tmp_path) as instrumenter:
        assert instrumenter.uninstrumentable == {}
        instrumenter.begin_execution()
        recorder.begin(PROCESS, 0, active=recording)
        try:
            rewritten = outcome(program)
        finally:
            recorder.end()
    assert rewritten == plain


def test_leaving_gives_every_function_its_code_back(tmp_path):
    before = {program: program.__code__ for program in SNIPPETS}
    with instrumented(["snippets"], cache_directory=tmp_path):
        assert all(program.__code__ is not code for program, code in before.items())
    assert all(program.__code__ is code for program, code in before.items())


def test_an_exception_of_an_item_is_raised_in_the_frame_of_the_program(tmp_path):
    with instrumented(["snippets"], cache_directory=tmp_path):
        recorder.begin(PROCESS, 0, active=True)
        with pytest.raises(KeyError) as caught:
            snippets.wrong_key_raises()
        recorder.end()
    assert Path(traceback.extract_tb(caught.tb)[-1].filename).name == "snippets.py"


def test_signatures_and_annotations_stay(tmp_path):
    before = inspect.signature(snippets.Order.helper), snippets.say.__annotations__
    with instrumented(["snippets"], cache_directory=tmp_path):
        assert (inspect.signature(snippets.Order.helper), snippets.say.__annotations__) == before
