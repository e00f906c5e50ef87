"""What a valid scenario says, case by case."""

from __future__ import annotations

import pickle
from decimal import Decimal
from pathlib import Path

import pytest

from simharness.core.schedule import Schedule
from simharness.core.token import Token
from simharness.errors import ScenarioError, TokenError
from simharness.scenario import Scenario, discover, find_case, parse, select

DESIGN = """\
scenario: bot-update
about: Changing a bot while its order is open must not stop the bot.
system: simharness.systems.bots:bot_service
matrix:
  cancel_policy: [cancel-then-mark, flush-then-cancel, commit-then-cancel, write-ahead]
  database: [sqlite, postgresql]
venue: {markets: [ETH/USDT], market: scripted, latency: any}
given:
  - bot: {ticker: ETH/USDT, first_order: buy, quantity: 1, buy_price: 100.10, sell_price: 110, on: no}
when:
  - rest: PUT /api/v1/bots/{bot}
    body: {buy_price: 99}
    name: put
  - venue: fill
    after: put
  - call: close_position
    args: {symbol: ETH/USDT}
    after: [1, 2]
explore: {strategy: dpor, semantics: stock, faults: 0, executions: 100000, time: 60s, horizon: 10m}
check: [S8, s16, Q1, no-spurious-stop]
expect:
  - {case: {cancel_policy: [cancel-then-mark, flush-then-cancel]}, verdict: violated, by: [Q5]}
  - {case: {cancel_policy: [commit-then-cancel, write-ahead]}, verdict: proven}
"""


@pytest.fixture
def scenario() -> Scenario:
    return parse(DESIGN, "scenarios/bot-update.yaml")


def small(name: str = "demo", more: str = "") -> Scenario:
    return parse(f"scenario: {name}\nsystem: m:f\n{more}\n", f"{name}.yaml")


def test_there_is_one_case_for_each_combination(scenario: Scenario) -> None:
    labels = [case.label for case in scenario.cases()]
    assert len(labels) == len(set(labels)) == 8
    assert labels[1] == "cancel_policy=cancel-then-mark database=postgresql"


def test_a_scenario_without_a_matrix_is_one_case() -> None:
    (case,) = small().cases()
    assert (case.label, case.title, case.values) == ("", "demo", {})


def test_a_case_knows_what_is_expected_of_it_and_where_that_stands(scenario: Scenario) -> None:
    first, last = scenario.cases()[0].expected, scenario.cases()[-1].expected
    assert first is not None
    assert last is not None
    assert (first.verdict, first.by, first.line) == ("violated", ("Q5",), 22)
    assert (last.verdict, last.by, last.line) == ("proven", (), 23)


def test_elements_keep_their_lines(scenario: Scenario) -> None:
    assert [action.line for action in scenario.spec.when] == [11, 14, 16]
    assert scenario.spec.given[0].line == 9
    assert scenario.spec.explore.line == 19


def test_money_is_decimal_and_yaml_12_keeps_on_and_no_as_text(scenario: Scenario) -> None:
    values = scenario.spec.given[0].values
    assert isinstance(values["buy_price"], Decimal)
    assert str(values["buy_price"]) == "100.10"
    assert values["on"] == "no"


def test_after_is_resolved_by_name_and_by_number(scenario: Scenario) -> None:
    assert scenario.order == ((), (0,), (0, 1))


def test_an_action_knows_method_and_path(scenario: Scenario) -> None:
    put = scenario.spec.when[0]
    assert (put.method, put.path, put.body) == ("PUT", "/api/v1/bots/{bot}", {"buy_price": 99})


def test_invariants_are_ids_in_the_order_of_the_catalog(scenario: Scenario) -> None:
    assert scenario.invariants == ("S8", "S16", "Q1", "Q5")
    assert len(small(more="check: all").invariants) == len(small().invariants) == 31


def test_durations_are_nanoseconds_when_asked_for(scenario: Scenario) -> None:
    assert scenario.spec.explore.time_ns == 60_000_000_000
    assert scenario.spec.explore.horizon_ns == 600_000_000_000


def test_some_cases_are_searched_in_another_way() -> None:
    """What is not written there stays as it is for the others."""
    written = "explore: {strategy: pos, faults: 1, time: 5m, cases: [{case: {a: [y, z]}, strategy: dpor, time: 9m}]}"
    cases = small(more=f"matrix: {{a: [x, y, z]}}\n{written}").cases()
    assert [(case.explore.strategy, case.explore.faults, case.explore.time) for case in cases] == [
        ("pos", 1, "5m"),
        ("dpor", 1, "9m"),
        ("dpor", 1, "9m"),
    ]


def test_the_matrix_chooses_the_engine_and_keeps_the_other_options() -> None:
    both = small(more="matrix: {database: [sqlite, postgresql]}\ndatabase: {lock_timeout: 5s}")
    assert [case.database.engine for case in both.cases()] == ["sqlite", "postgresql"]
    assert {case.database.lock_timeout_ns for case in both.cases()} == {5_000_000_000}


def test_the_engine_follows_from_the_url() -> None:
    (case,) = small(more="database: {url: postgresql+asyncpg://host/x, isolation: Serializable}").cases()
    assert case.database.engine == "postgresql"


def test_faults_are_read_in_both_forms() -> None:
    listed = small(more="explore: {faults: 1}\nfaults: [reply-lost, crash, {name: reject, place: create_order}]")
    assert [fault.text for fault in listed.spec.faults] == ["reply_lost", "crash", "reject@create_order"]


def test_latency_is_a_range_or_any() -> None:
    latency = small(more="venue: {latency: {min: 1ms, max: 2s}}").spec.venue.latency
    assert (latency.min_ns, latency.max_ns, latency.text) == (1_000_000, 2_000_000_000, "1ms..2s")
    assert small().spec.venue.latency.text == "any"


def test_filters_choose_cases(scenario: Scenario) -> None:
    chosen = scenario.cases({"database": ["sqlite"], "cancel_policy": ["write-ahead", "commit-then-cancel"]})
    assert [case.values["cancel_policy"] for case in chosen] == ["commit-then-cancel", "write-ahead"]


def test_the_database_can_be_filtered_without_a_matrix() -> None:
    assert len(select([small()], {"database": ["sqlite"]})) == 1


def test_a_scenario_without_the_key_takes_no_part(scenario: Scenario) -> None:
    chosen = select([scenario, small()], {"cancel_policy": ["write-ahead"]})
    assert {case.scenario.name for case in chosen} == {"bot-update"}


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"cancel_polcy": ["x"]}, "unknown case key 'cancel_polcy'; did you mean 'cancel_policy'?"),
        (
            {"cancel_policy": ["write-ahed"]},
            "unknown value for the case key 'cancel_policy': 'write-ahed'; did you mean 'write-ahead'?",
        ),
    ],
)
def test_a_mistyped_filter_is_an_error(scenario: Scenario, filters: dict[str, list[str]], message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        select([scenario], filters)
    assert str(caught.value) == message


def test_filters_that_leave_nothing_are_an_error(scenario: Scenario) -> None:
    with pytest.raises(ScenarioError, match="no case matches mode=a cancel_policy=write-ahead"):
        select([scenario, small(more="matrix: {mode: [a]}")], {"mode": ["a"], "cancel_policy": ["write-ahead"]})


def test_subjects_differ_and_do_not_depend_on_the_order_of_the_matrix() -> None:
    one = small(more="matrix: {a: [x, y], b: [z]}")
    other = small(more="matrix: {b: [z], a: [y, x]}")
    assert len({case.subject for case in one.cases()}) == 2
    assert {case.subject for case in one.cases()} == {case.subject for case in other.cases()}
    assert {case.subject for case in one.cases()}.isdisjoint(case.subject for case in small("else").cases())


def test_a_token_finds_its_case(scenario: Scenario) -> None:
    wanted = scenario.cases()[5]
    token = Token(wanted.subject, 7, Schedule()).encode()
    assert find_case([small(), scenario], token) == wanted


def test_a_token_of_another_scenario_is_one_line(scenario: Scenario) -> None:
    token = Token(small("elsewhere").cases()[0].subject, 7, Schedule()).encode()
    with pytest.raises(TokenError, match=r"belongs to none of the scenarios in scenarios/bot-update\.yaml; "):
        find_case([scenario], token)


def test_a_case_survives_the_way_to_a_worker(scenario: Scenario) -> None:
    case = scenario.cases()[3]
    copy = pickle.loads(pickle.dumps(case))
    assert copy == case
    assert hash(copy) == hash(case)
    assert copy.scenario.spec.when[1].line == 14


def test_folders_are_searched_to_the_bottom_in_order_and_each_file_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "deep" / ".hidden").mkdir(parents=True)
    for name, file in [("b", "b.yaml"), ("a", "deep/a.yml"), ("c", "deep/.hidden/c.yaml"), ("n", "notes.txt")]:
        (tmp_path / file).write_text(f"scenario: {name}\nsystem: m:f\n")
    found = discover([tmp_path, tmp_path / "b.yaml"])
    assert [scenario.name for scenario in found] == ["b", "a"]


def test_what_a_scenario_holds_cannot_be_changed(scenario: Scenario) -> None:
    with pytest.raises(Exception, match="frozen"):
        scenario.spec.explore.faults = 3  # type: ignore[misc]  # that it is refused is what is tested
