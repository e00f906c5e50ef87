"""Faults as data: what may go wrong, where, and how a scenario allows it.

One file of :mod:`simharness.faults.catalog` defines one fault; adding a fault means adding a file.
"""

from simharness.faults.fault import Effect, Fault, Place
from simharness.faults.plan import AllowedFault, FaultPlan
from simharness.faults.registry import all_faults, find_fault

__all__ = ["AllowedFault", "Effect", "Fault", "FaultPlan", "Place", "all_faults", "find_fault"]
