"""Faults as data, and the one question that is asked wherever one could strike."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from fake_agenda import FakeAgenda

from simharness.core.choice import StepChooser
from simharness.errors import ScenarioError
from simharness.faults import Effect, FaultPlan, Place, all_faults, find_fault, registry
from simharness.venue import Refusal

REQUIRED = {
    "reply_lost",
    "request_lost",
    "reject",
    "duplicate_event",
    "stream_disconnect",
    "lagging_read",
    "stop_loss_refused",
    "crash",
    "lock_timeout",
    "listen_key_expired",
}


def test_the_catalog_holds_what_scenarios_may_name() -> None:
    """Every fault that the documentation promises."""
    assert set(all_faults()) >= REQUIRED
    assert list(all_faults()) == sorted(all_faults())


@pytest.mark.parametrize("name", sorted(all_faults()))
def test_a_fault_says_what_it_is(name: str) -> None:
    """One sentence, and an error that the venue knows where its effect is an error."""
    fault = all_faults()[name]
    assert fault.about.endswith(".")
    if fault.effect in (Effect.LOSE_REQUEST, Effect.LOSE_REPLY, Effect.REFUSE):
        assert Refusal(fault.refusal)
    else:
        assert not fault.refusal


def test_a_module_without_a_fault_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Adding a fault means adding a file that exports it."""
    all_faults.cache_clear()
    monkeypatch.setattr(registry.importlib, "import_module", lambda _: SimpleNamespace(FAULT=None))
    with pytest.raises(TypeError, match="must export FAULT"):
        all_faults()
    all_faults.cache_clear()


def test_hyphens_count_as_underscores() -> None:
    """YAML people write reply-lost."""
    assert find_fault("reply-lost") is find_fault("reply_lost")


@pytest.mark.parametrize(("name", "hint"), [("reply_los", "did you mean 'reply_lost'"), ("xyz", "known faults: crash")])
def test_an_unknown_fault_is_answered_with_a_suggestion(name: str, hint: str) -> None:
    """One line, no traceback."""
    with pytest.raises(ScenarioError, match=hint):
        find_fault(name)


def ask(plan: FaultPlan, value: int, *, method: str = "create_order", traits: frozenset[str] = frozenset()) -> str:
    chooser = StepChooser(faults=1)
    chooser.begin((value,))
    fault = plan.ask(chooser, Place.REQUEST, method, lane="venue", traits=traits)
    return "none" if fault is None else fault.name


def test_one_question_offers_the_faults_in_the_order_of_the_scenario() -> None:
    """And nothing as the first answer."""
    plan = FaultPlan.of("request_lost", "reply_lost", "crash")
    assert [ask(plan, value) for value in range(3)] == ["none", "request_lost", "reply_lost"]
    with pytest.raises(IndexError):
        ask(plan, 3)


def test_nothing_is_asked_where_no_fault_applies() -> None:
    """So the tree does not grow for nothing."""
    chooser = StepChooser(faults=1)
    plan = FaultPlan.of("reject", "stream_disconnect")
    assert plan.ask(chooser, Place.REQUEST, "cancel_order", lane="venue") is None
    assert not chooser.history


def test_a_permission_can_name_a_method() -> None:
    """``reply_lost@create_order`` leaves cancels alone."""
    plan = FaultPlan.of("reply_lost@create_order")
    assert plan.candidates(Place.REQUEST, "create_order") == (find_fault("reply_lost"),)
    assert plan.candidates(Place.REQUEST, "cancel_order") == ()


def test_a_stop_loss_is_refused_only_if_it_is_one() -> None:
    """The fault needs the trait of the request."""
    plan = FaultPlan.of("stop_loss_refused")
    assert plan.candidates(Place.REQUEST, "create_order") == ()
    assert ask(plan, 1, traits=frozenset({"stop"})) == "stop_loss_refused"


def test_a_fault_that_is_allowed_twice_is_offered_once() -> None:
    """The first permission wins."""
    plan = FaultPlan.of("reply_lost@create_order", "reply_lost")
    assert plan.candidates(Place.REQUEST, "create_order") == (find_fault("reply_lost"),)
    assert plan.names == ("reply_lost",)


def test_the_budget_is_spent_by_the_fault_that_strikes() -> None:
    """The next place is not asked any more."""
    chooser = StepChooser(faults=1)
    plan = FaultPlan.of("reply_lost")
    chooser.begin((1, 1))
    assert plan.ask(chooser, Place.REQUEST, "create_order", lane="venue") is not None
    assert plan.ask(chooser, Place.REQUEST, "cancel_order", lane="venue") is None


def test_what_struck_is_in_the_timeline() -> None:
    """With the effect ``fault`` and the lane of the actor."""
    agenda = FakeAgenda(faults=1)
    plan = FaultPlan.of("reply_lost")
    ran = agenda.step(lambda: plan.ask(agenda.chooser, Place.REQUEST, "create_order", lane="venue"), 1)
    assert [(op.lane, op.text, op.effect) for op in ran.operations] == [
        ("venue", "fault: reply_lost strikes create_order", "fault")
    ]
