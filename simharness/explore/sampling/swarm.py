"""Partial order sampling in which each execution allows only some kinds of fault."""

from __future__ import annotations

import random

from simharness.core.execution import Program
from simharness.explore.sampling.answers import SwarmAnswers
from simharness.explore.sampling.pos import PartialOrderSampling
from simharness.explore.sampling.sampler import Sampler
from simharness.explore.strategy import Strategy


def _build(program: Program, rng: random.Random) -> Sampler:
    return Sampler(program, PartialOrderSampling(rng), SwarmAnswers(rng))


STRATEGY = Strategy("swarm", exhaustive=False, build=_build)
