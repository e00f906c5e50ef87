"""The rules about the program itself, and the catalog of rules."""

from __future__ import annotations

from judge import PERP

from simharness.core.catalog import INVARIANTS
from simharness.invariants.registry import all_rules
from simharness.invariants.view import Complaint


def test_s12_fires_when_a_command_is_never_answered(judge):
    court = judge("S12")
    court.view.stuck += ["PUT /api/v1/bots/1 is never answered", "UPDATE bots waits for the writer lock"]
    assert court.rest() == ["S12: PUT /api/v1/bots/1 is never answered; UPDATE bots waits for the writer lock"]


def test_s12_is_silent_about_commands_that_died_with_their_process(judge):
    answered, crashed = judge("S12"), judge("S12")
    crashed.view.stuck.append("PUT /api/v1/bots/1 is never answered")
    crashed.view.crashed = True
    assert answered.rest() + crashed.rest() == []


def test_s13_fires_on_a_dropped_exception_and_on_an_error_that_nobody_expects(judge):
    court = judge("S13")
    court.view.complaints.append(Complaint("KeyError: 'x'", "a stream handler failed", 3))
    court.answer("call sync", ok=False, failure="DivisionByZero")
    assert court.rest() == ["S13: a stream handler failed: KeyError: 'x'", "S13: call sync failed: DivisionByZero"]
    assert court.watch.findings[0].step == 3


def test_s13_is_silent_about_refusals_that_clients_expect(judge):
    court = judge("S13")
    court.answer("call open_position", ok=False)
    assert court.rest() == []


def test_rules_about_positions_pass_over_systems_without_positions(judge):
    court = judge("S7", "S9", "S10", "S11", "S14", "S15", "Q2", "Q3", "Q6", "Q7", "L1", keeps=())
    court.place("buy", 1, PERP)
    assert court.watch.rules == []
    assert court.rest() == []


def test_every_invariant_of_the_catalog_has_a_rule_unless_the_runner_compares_executions():
    assert {entry.id for entry in INVARIANTS} - set(all_rules()) <= {"Q8", "Q9", "L4"}


def test_every_rule_stands_in_the_catalog():
    assert set(all_rules()) <= {entry.id for entry in INVARIANTS}


def test_s12_warns_of_a_request_under_a_lock_beside_a_deadlock(judge):
    court = judge("S12")
    court.view.under_lock["cancel_order o-1 is awaited while the transaction of its task holds the writer lock"] = 7
    court.view.stuck.append("PUT /api/v1/bots/1 is never answered")
    court.rest()
    deadlock, warning = court.watch.findings
    assert (deadlock.kind, warning.kind) == ("S12", "S12 (warning)")
    assert (warning.warning, warning.step) == (True, 7)
