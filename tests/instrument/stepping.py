"""Steps of two processes, without a loop."""

from simharness.core import name
from simharness.core.footprint import recorder

A, B = name.static("process a"), name.static("process b")


class World:
    """Runs functions as steps of processes, with the footprints that the explorer would see."""

    def __init__(self):
        self.steps = {A: 0, B: 0}

    def step(self, process, function, *arguments):
        recorder.begin(process, self.steps[process], active=True)
        self.steps[process] += 1
        try:
            self.result = function(*arguments)
        finally:
            footprint = recorder.end()
        return footprint
