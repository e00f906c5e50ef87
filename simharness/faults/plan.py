"""Which faults a scenario allows, and the one question that is asked wherever one of them could strike."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from simharness.core.choice import ChoicePoint, Chooser
from simharness.core.footprint import recorder
from simharness.core.step import Operation
from simharness.faults.fault import Effect, Fault, Place
from simharness.faults.registry import find_fault


@dataclass(frozen=True, slots=True)
class AllowedFault:
    """A fault that a scenario permits.

    Args:
        fault: the kind of fault.
        subjects: narrows it further than the fault itself does; empty means wherever the fault can strike.
    """

    fault: Fault
    subjects: frozenset[str] = frozenset()

    def applies(self, place: Place, subject: str, traits: frozenset[str]) -> bool:
        """Return whether this permission covers ``subject`` at ``place``."""
        return self.fault.applies(place, subject, traits) and (not self.subjects or subject in self.subjects)


class FaultPlan:
    """The faults that may strike in one execution, in the order of preference.

    Args:
        allowed: the permissions; of two that name the same fault at one place, the first wins.
    """

    __slots__ = ("_allowed", "_known")

    def __init__(self, allowed: Iterable[AllowedFault] = ()) -> None:
        self._allowed = tuple(allowed)
        self._known: dict[tuple[Place, str, frozenset[str]], tuple[Fault, ...]] = {}

    @classmethod
    def of(cls, *names: str) -> FaultPlan:
        """Return a plan that allows faults by name, as ``reply_lost`` or ``reply_lost@create_order``.

        Raises:
            ScenarioError: no fault has that name.
        """
        allowed = []
        for entry in names:
            fault, _, subject = entry.partition("@")
            allowed.append(AllowedFault(find_fault(fault), frozenset({subject} if subject else ())))
        return cls(allowed)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the allowed faults, in order, each once."""
        return tuple(dict.fromkeys(allowed.fault.name for allowed in self._allowed))

    def allows(self, effect: Effect) -> bool:
        """Return whether any allowed fault has this effect."""
        return any(allowed.fault.effect is effect for allowed in self._allowed)

    def candidates(self, place: Place, subject: str, traits: frozenset[str] = frozenset()) -> tuple[Fault, ...]:
        """Return the faults that may strike here, first the one that the scenario lists first."""
        key = (place, subject, traits)
        known = self._known.get(key)
        if known is None:
            fitting = [allowed.fault for allowed in self._allowed if allowed.applies(place, subject, traits)]
            known = self._known[key] = tuple(dict.fromkeys(fitting))
        return known

    def ask(
        self, chooser: Chooser, place: Place, subject: str, *, lane: str, traits: frozenset[str] = frozenset()
    ) -> Fault | None:
        """Ask the explorer whether a fault strikes here; note the one that does.

        Args:
            chooser: answers the question.
            place: where the program is.
            subject: the method, topic or statement at that place.
            lane: the timeline's lane in which the fault is shown.
            traits: properties of the request that a fault may need.
        """
        faults = self.candidates(place, subject, traits)
        if not faults:
            return None
        options = ("none", *(fault.name for fault in faults))
        value = chooser.choose(ChoicePoint(f"{place} {subject}", options, fault=True))
        if not value:
            return None
        struck = faults[value - 1]
        recorder.note(lambda: Operation(lane, f"fault: {struck.name} strikes {subject}", effect="fault"))
        return struck
