"""Every mistake in a scenario is one line with file and line, and a suggestion where there is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from simharness.errors import ScenarioError
from simharness.scenario import discover, load, messages_of, parse

HEAD = "scenario: demo\nsystem: some.module:factory\n"

# What stands behind HEAD (so it starts in line 3) → the one message.
MISTAKES = {
    "unknown key": ("chek: all", "x.yaml:3: unknown key 'chek' in the scenario; did you mean 'check'?"),
    "unknown nested key": (
        "explore:\n  strategi: dpor",
        "x.yaml:4: unknown key 'strategi' in explore; did you mean 'strategy'?",
    ),
    "unknown key in a list": (
        "expect:\n  - verdict: proven\n  - {verdict: proven, buy: []}",
        "x.yaml:5: unknown key 'buy' in expect[1]; did you mean 'by'?",
    ),
    "unknown strategy": (
        "explore:\n  strategy: dporr",
        "x.yaml:4: unknown strategy 'dporr'; did you mean 'dpor'?",
    ),
    "unknown semantics": (
        "explore: {semantics: stok}",
        "x.yaml:3: unknown semantics 'stok'; did you mean 'stock'?",
    ),
    "unknown frames": (
        "explore: {frames: singel}",
        "x.yaml:3: unknown frames 'singel'; did you mean 'single'?",
    ),
    "unknown invariant": ("check: [S8, Q55]", "x.yaml:3: unknown invariant 'Q55'; did you mean 'Q5'?"),
    "unknown invariant name": (
        "check:\n- Q1\n- no-spurius-stop",
        "x.yaml:5: unknown invariant 'no-spurius-stop'; did you mean 'no-spurious-stop'?",
    ),
    "unknown fault": (
        "explore: {faults: 1}\nfaults: [reply_lst]",
        "x.yaml:4: unknown fault 'reply_lst'; did you mean 'reply_lost'?",
    ),
    "a place where a fault cannot strike": (
        "explore: {faults: 1}\nfaults: [reject@create_ordr]",
        "x.yaml:4: unknown place for the fault 'reject': 'create_ordr'; did you mean 'create_order'?",
    ),
    "half a character": (
        'about: "\\ud800"',
        "x.yaml:3: the text holds half a character (a lone surrogate)",
    ),
    "unknown database": (
        "database: postgres",
        "x.yaml:3: unknown database 'postgres'; did you mean 'postgresql'?",
    ),
    "unknown database in the matrix": (
        "matrix:\n  a: [b]\n  database: [sqlite, postgre]",
        "x.yaml:5: unknown database 'postgre'; did you mean 'postgresql'?",
    ),
    "unknown verdict": ("expect: [{verdict: provn}]", "x.yaml:3: unknown verdict 'provn'; did you mean 'proven'?"),
    "unknown method": ("when:\n- rest: PTU /bots", "x.yaml:4: unknown method 'PTU'; did you mean 'PUT'?"),
    "unknown action": ("when:\n- resst: PUT /bots", "x.yaml:4: unknown action 'resst'; did you mean 'rest'?"),
    "unknown companion": (
        "when:\n- rest: PUT /bots\n  bdoy: {}",
        "x.yaml:4: unknown key 'bdoy' in an entry of when; did you mean 'body'?",
    ),
    "two actions": (
        "when: [{rest: PUT /bots, venue: fill}]",
        "x.yaml:3: an entry of when has one action, here are 2: 'rest', 'venue'",
    ),
    "no action": ("when: [{body: {}}]", "x.yaml:3: an entry of when needs an action: rest, venue, call"),
    "a request without a path": (
        "when: [{rest: PUT}]",
        "x.yaml:3: rest takes a method and a path: `rest: PUT /api/v1/bots/{bot}`",
    ),
    "unknown entry": (
        "when:\n- {rest: PUT /bots, name: put}\n- {venue: fill, after: putt}",
        "x.yaml:5: unknown entry 'putt'; did you mean 'put'?",
    ),
    "a later entry": (
        "when:\n- {rest: PUT /bots, after: fill}\n- {venue: fill, name: fill}",
        "x.yaml:4: after: 'fill' does not stand before this entry",
    ),
    "an entry that does not exist": (
        "when:\n- rest: PUT /bots\n- venue: fill\n  after: [1, 2]",
        "x.yaml:6: after: 2 is no earlier entry of when (they count from 1)",
    ),
    "a name used twice": (
        "when:\n- {rest: PUT /bots, name: a}\n- {venue: fill, name: a}",
        "x.yaml:5: another entry of when is already called 'a'",
    ),
    "wrong type: number": (
        "explore: {executions: many}",
        "x.yaml:3: explore.executions must be a whole number, not 'many'",
    ),
    "wrong type: bool is no number": (
        "explore: {faults: true}",
        "x.yaml:3: explore.faults must be a whole number, not true",
    ),
    "wrong type: text": ("about: 3", "x.yaml:3: about must be text, not 3"),
    "wrong type: list": ("given: {bot: {}}", "x.yaml:3: given must be a list, not a mapping"),
    "wrong type: mapping": ("venue: [a]", "x.yaml:3: venue must be a mapping (key: value), not a list"),
    "too small": ("explore: {faults: -1}", "x.yaml:3: explore.faults must be at least 0, not -1"),
    "no duration": (
        "explore: {time: 60}",
        "x.yaml:3: not a duration: '60'; write a number and a unit, such as 250ms, 60s, 10m",
    ),
    "latency upside down": (
        "venue: {latency: {min: 5s, max: 3s}}",
        "x.yaml:3: min (5s) is longer than max (3s)",
    ),
    "two bounds": (
        "explore: {reversals: 1, delays: 1}",
        "x.yaml:3: `reversals` and `delays` are two ways to bound a search; leave one of them out",
    ),
    "a bound on sampling": (
        "explore: {strategy: pos, delays: 1}",
        "x.yaml:3: `reversals` and `delays` bound the exhaustive search, not the strategy 'pos'",
    ),
    "a search of other cases that contradicts itself": (
        "explore: {strategy: pos, cases: [{case: {a: x}, delays: 1}]}\nmatrix: {a: [x, y]}",
        "x.yaml:3: `reversals` and `delays` bound the exhaustive search, not the strategy 'pos'",
    ),
    "a search of cases that do not exist": (
        "explore:\n  cases:\n  - {case: {a: z}, strategy: pos}\nmatrix: {a: [x, y]}",
        "x.yaml:5: unknown value for the case key 'a': 'z'; known: x, y",
    ),
    "two searches of one case": (
        "explore:\n  cases:\n  - {case: {a: x}, strategy: pos}\n  - {case: {}, faults: 1}\nmatrix: {a: [x, y]}",
        "x.yaml:6: unclear: entry 1 already speaks of some of these cases",
    ),
    "latency of another kind": (
        "venue: {latency: some}",
        "x.yaml:3: venue.latency must be `any` or {min: …, max: …}",
    ),
    "a bare invariant": ("check: S8", "x.yaml:3: check must be a list of invariants, or `all`"),
    "given with two things": (
        "given:\n- {bot: {}, order: {}}",
        "x.yaml:4: an entry of given is one thing with its values: `- bot: {…}`",
    ),
    "given with a value": ("given: [{bot: 3}]", "x.yaml:3: the values of 'bot' must be a mapping (key: value)"),
    "an empty dimension": ("matrix: {a: []}", "x.yaml:3: a matrix key must hold at least one value"),
    "no dimension": ("matrix: {a: b}", "x.yaml:3: a matrix key must hold a list of values"),
    "a value twice": ("matrix: {a: [1, '1']}", "x.yaml:3: the value '1' stands here twice"),
    "a matrix without end": (
        "matrix: {" + ", ".join(f"k{n}: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]" for n in range(5)) + "}",
        "x.yaml:3: the matrix has more than 10000 cases",
    ),
    "unknown case key": (
        "matrix: {cancel_policy: [a]}\nexpect:\n- case: {cancel_polcy: a}\n  verdict: proven",
        "x.yaml:5: unknown case key 'cancel_polcy'; did you mean 'cancel_policy'?",
    ),
    "unknown case value": (
        "matrix: {policy: [write-ahead, flush]}\nexpect:\n- case: {policy: [flush, write-ahed]}\n  verdict: proven",
        "x.yaml:5: unknown value for the case key 'policy': 'write-ahed'; did you mean 'write-ahead'?",
    ),
    "an expectation without values": (
        "matrix: {a: [b]}\nexpect: [{case: {a: []}, verdict: proven}]",
        "x.yaml:4: unreachable: no value is listed for 'a', so it matches no case",
    ),
    "an expectation that nobody checks": (
        "check: [S8]\nexpect: [{verdict: violated, by: [Q5]}]",
        "x.yaml:4: unreachable: Q5 is expected but not in check",
    ),
    "two expectations for one case": (
        "matrix: {a: [b, c]}\nexpect:\n- {case: {a: b}, verdict: proven}\n- {verdict: violated}",
        "x.yaml:6: unclear: expectation 1 already speaks of some of these cases",
    ),
    "by without a violation": (
        "expect: [{verdict: proven, by: [Q5]}]",
        "x.yaml:3: `by` names what is violated; it does not go with `verdict: proven`",
    ),
    "faults that cannot strike": (
        "faults: [reply_lost]",
        "x.yaml:3: faults are listed, but explore.faults is 0, so none can strike; set it to 1 or more",
    ),
    "a database chosen twice": (
        "matrix: {database: [sqlite]}\ndatabase: postgresql",
        "x.yaml:4: the matrix already chooses the database; leave 'engine' out here",
    ),
    "a url of something else": (
        "database: {url: mysql://host/name}",
        "x.yaml:3: unknown database 'mysql'; known: postgresql, sqlite",
    ),
    "a key twice": ("check: all\ncheck: all", "x.yaml:4: the key 'check' stands here twice, first in line 3"),
    "a key that is no text": ("true: 3", "x.yaml:3: a key must be text; write 'true' in quotes"),
    "a merge key": (
        "<<: {about: x}",
        "x.yaml:3: merge keys (<<) are not part of YAML 1.2; write the keys out",
    ),
    "a python object": (
        "about: !!python/object:os.system x",
        "x.yaml:3: the tag tag:yaml.org,2002:python/object:os.system is not allowed; only plain values are read",
    ),
    "an alias to itself": ("given: &a [*a]", "x.yaml:3: an alias refers to something around itself"),
    "not a number": ("about: .inf", "x.yaml:3: '.inf' is not a number that can be used here"),
    "broken YAML": ("a: b: c", "x.yaml:3: not valid YAML: mapping values are not allowed here"),
}


@pytest.mark.parametrize(("text", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse(HEAD + text + "\n", "x.yaml")
    assert messages_of(caught.value) == (message,)


WHOLE_FILES = {
    "a list": ("- a\n", "x.yaml:1: a scenario is a mapping (key: value), not a list"),
    "a value": ("# hm\n3\n", "x.yaml:2: a scenario is a mapping (key: value), not a single value"),
    "nothing": ("# only a comment\n", "x.yaml:1: the file is empty; a scenario starts with `scenario: NAME`"),
    "no system": ("scenario: a\n", "x.yaml:1: the key 'system' is missing in the scenario"),
    "a bad name": (
        "scenario: a/b\nsystem: m:f\n",
        "x.yaml:1: 'a/b' cannot be a name: letters, digits, '.', '_' and '-' only",
    ),
    "a bad factory": (
        "scenario: a\nsystem: m.f\n",
        "x.yaml:2: 'm.f' does not name a factory; write `package.module:factory`",
    ),
    "very deep": ("[" * 5000, "x.yaml:1: not a scenario: nested too deeply"),
    "two documents": ("a: b\n---\nc: d\n", "x.yaml:2: not valid YAML: but found another document"),
}


@pytest.mark.parametrize(("text", "message"), WHOLE_FILES.values(), ids=WHOLE_FILES)
def test_a_file_that_holds_no_scenario_is_one_line(text: str, message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse(text, "x.yaml")
    assert messages_of(caught.value) == (message,)


def test_several_mistakes_are_listed_in_the_order_of_their_lines() -> None:
    with pytest.raises(ScenarioError) as caught:
        parse(HEAD + "check: [Q55]\nabot: x\n", "x.yaml")
    assert [line.split(" ")[0] for line in messages_of(caught.value)] == ["x.yaml:3:", "x.yaml:4:"]


def test_aliases_cannot_blow_a_scenario_up() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))
    with pytest.raises(ScenarioError, match="aliases multiply"):
        parse(bomb, "x.yaml")


def test_a_missing_file_is_named_with_a_near_one(tmp_path: Path) -> None:
    (tmp_path / "bot-update.yaml").write_text(HEAD)
    with pytest.raises(ScenarioError) as caught:
        discover([tmp_path / "bot-updat.yaml"])
    wanted = f"{tmp_path}/bot-updat.yaml: no such file or folder; did you mean '{tmp_path}/bot-update.yaml'?"
    assert str(caught.value) == wanted


def test_a_folder_without_scenarios_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError) as caught:
        discover([tmp_path])
    assert str(caught.value) == f"{tmp_path}: no scenarios (*.yaml) in this folder"


def test_a_binary_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(ScenarioError, match=r"x\.yaml: not a text file \(UTF-8\)"):
        load(tmp_path / "x.yaml")


def test_mistakes_of_all_files_are_collected(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("[]")
    (tmp_path / "b.yaml").write_text("[]")
    with pytest.raises(ScenarioError) as caught:
        discover([tmp_path])
    assert len(messages_of(caught.value)) == 2


def test_two_scenarios_of_one_name_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(HEAD)
    (tmp_path / "b.yaml").write_text("# second\n" + HEAD)
    with pytest.raises(ScenarioError) as caught:
        discover([tmp_path])
    assert str(caught.value) == f"{tmp_path}/b.yaml:2: {tmp_path}/a.yaml is already called 'demo'"


FACTORIES = {
    "no module": (
        "no_such_module_here:f",
        "cannot import 'no_such_module_here': ModuleNotFoundError: No module named 'no_such_module_here'",
    ),
    "no attribute": ("json:lods", "'json' has no 'lods'; did you mean 'loads'?"),
    "not callable": ("json:__name__", "'json:__name__' is no factory: it cannot be called"),
}


@pytest.mark.parametrize(("system", "message"), FACTORIES.values(), ids=FACTORIES)
def test_a_factory_that_does_not_import_is_one_line(tmp_path: Path, system: str, message: str) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(f"scenario: demo\nsystem: {system}\n")
    assert discover([file])  # without factories nothing is imported
    with pytest.raises(ScenarioError) as caught:
        discover([file], factories=True)
    assert str(caught.value) == f"{file}:2: {message}"


def test_a_module_that_ends_the_process_is_still_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "leaving_module.py").write_text("raise SystemExit('bye\\nbye')\n")
    (tmp_path / "x.yaml").write_text("scenario: demo\nsystem: leaving_module:f\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ScenarioError, match="cannot import 'leaving_module': SystemExit: bye bye"):
        discover([tmp_path], factories=True)
