"""What each construct of Python reads and writes."""

from __future__ import annotations

import collections
import copy
import dataclasses
import itertools
import json
import logging

import pytest
from stepping import A, B, World

from simharness.core import name
from simharness.core.footprint import Footprint, conflicting, describe, recorder
from simharness.instrument import Instrumenter, adopt, instrumented, shared, watch_modules

CALLS = 0


@dataclasses.dataclass
class Order:
    status: str = "new"
    fills: list = dataclasses.field(default_factory=list)


class Bot:
    limit = 3

    def __init__(self):
        self.state = "idle"
        self.orders = {"a": 1, "b": 2}
        self.queue = [1, 2]
        self.seen = {1}

    @property
    def busy(self):
        return self.state == "busy"


@pytest.fixture
def run(tmp_path):
    """Return a function that makes steps out of the functions that a program returns."""

    def steps(program, *more):
        with instrumented(program=program, cache_directory=tmp_path) as instrumenter:
            assert instrumenter.uninstrumentable == {}
            instrumenter.begin_execution()
            world = World()
            world.step(A, program)
            left, right = world.result
            footprints = world.step(A, left), world.step(B, right)
            instrumenter.end_execution()
            return footprints

    return steps


def make(left, right):
    """Return a program whose two steps share a bot."""

    def program():
        bot = Bot()
        return (lambda: left(bot)), (lambda: right(bot))

    return program


def advance(iterator):
    return next(iterator)


async def nothing():
    return None


# Pairs of which one reads what the other writes. Dropping the rule of the reader or of the writer fails its line.
DEPENDENT = {
    "attribute": (lambda b: b.state, lambda b: setattr(b, "state", "busy")),
    "attribute store": (lambda b: getattr(b, "state"), lambda b: b.__setattr__("state", 1)),  # noqa: B009
    "object setattr": (lambda b: hasattr(b, "state"), lambda b: object.__setattr__(b, "state", 1)),
    "attribute deletion": (lambda b: b.state, lambda b: delattr(b, "state")),
    "property": (lambda b: b.busy, lambda b: setattr(b, "state", "busy")),
    "class variable": (lambda b: b.limit, lambda b: setattr(Bot, "limit", 3)),
    "vars": (lambda b: vars(b), lambda b: setattr(b, "state", 1)),
    "namespace item": (lambda b: b.state, lambda b: vars(b).__setitem__("state", 2)),
    "namespace update": (lambda b: b.state, lambda b: b.__dict__.update(state=2)),
    "item": (lambda b: b.orders["a"], lambda b: b.orders.update(a=5)),
    "item store": (lambda b: b.orders["a"], lambda b: b.orders.__setitem__("a", 5)),
    "get": (lambda b: b.orders.get("a"), lambda b: b.orders.pop("a")),
    "setdefault": (lambda b: b.orders.get("z"), lambda b: b.orders.setdefault("z", 1)),
    "membership": (lambda b: "z" in b.orders, lambda b: b.orders.setdefault("z", 1)),
    "unpacked dict": (lambda b: {**b.orders}, lambda b: b.orders.setdefault("z", 1)),
    "unpacked dict, overwritten": (lambda b: {**b.orders}, lambda b: b.orders.__setitem__("a", 7)),
    "keywords": (lambda b: dict(**b.orders), lambda b: b.orders.__setitem__("a", 7)),
    "copied dict": (lambda b: dict(b.orders), lambda b: b.orders.__setitem__("a", 7)),
    "copy": (lambda b: copy.copy(b.orders), lambda b: b.orders.clear()),
    "copy method": (lambda b: b.orders.copy(), lambda b: b.orders.clear()),
    "items": (lambda b: [v for _, v in b.orders.items()], lambda b: b.orders.__setitem__("a", 7)),
    "values in any": (lambda b: any(v for v in b.orders.values()), lambda b: b.orders.popitem()),
    "length": (lambda b: len(b.orders), lambda b: b.orders.pop("a")),
    "truth": (lambda b: 1 if b.orders else 2, lambda b: b.orders.clear()),
    "not": (lambda b: not b.queue, lambda b: b.queue.clear()),
    "and": (lambda b: b.queue and 1, lambda b: b.queue.append(1)),
    "comparison": (lambda b: b.orders == {"a": 1}, lambda b: b.orders.__setitem__("a", 7)),
    "sorted": (lambda b: sorted(b.queue), lambda b: b.queue.append(1)),
    "sum": (lambda b: sum(b.queue), lambda b: b.queue.extend([1])),
    "maximum with key": (lambda b: max(b.queue, key=lambda x: -x), lambda b: b.queue.sort()),
    "map": (lambda b: list(map(str, b.queue)), lambda b: b.queue.append(1)),
    "zip": (lambda b: [x for x, _ in zip(b.queue, b.queue)], lambda b: b.queue.append(1)),  # noqa: B905
    "enumerate": (lambda b: [x for _, x in enumerate(b.queue)], lambda b: b.queue.append(1)),
    "chain": (lambda b: list(itertools.chain([0], b.queue)), lambda b: b.queue.append(1)),
    "star": (lambda b: [*b.queue], lambda b: b.queue.append(1)),
    "star argument": (lambda b: max(*b.queue), lambda b: b.queue.append(1)),
    "slice": (lambda b: b.queue[:1], lambda b: b.queue.insert(0, 1)),
    "list item": (lambda b: b.queue[0], lambda b: b.queue.pop()),
    "list concatenation": (lambda b: b.queue + [1], lambda b: b.queue.append(1)),  # noqa: RUF005
    "set": (lambda b: 5 in b.seen, lambda b: b.seen.add(5)),
    "set union": (lambda b: b.seen | {7}, lambda b: b.seen.discard(1)),
    "set method": (lambda b: {7}.union(b.seen), lambda b: b.seen.clear()),
    "f-string": (lambda b: f"{b.queue}", lambda b: b.queue.append(1)),
    "join": (lambda b: ",".join(b.orders), lambda b: b.orders.clear()),
    "format": (lambda b: "%s" % b.queue, lambda b: b.queue.append(1)),  # noqa: UP031
    "json": (lambda b: json.dumps({"x": b.queue}), lambda b: b.queue.append(1)),
    "counter of a list": (lambda b: collections.Counter(b.queue), lambda b: b.queue.append(1)),
    "unbound method": (lambda b: dict.get(b.orders, "a"), lambda b: b.orders.pop("a")),
    "method in a variable": (lambda b: (b.orders.get)("a"), lambda b: b.orders.pop("a")),
    "two insertions": (lambda b: b.orders.setdefault("y", 1), lambda b: b.orders.setdefault("z", 1)),
    "unknown code": (lambda b: b.state, lambda b: pytest.approx(1)),
}


@pytest.mark.parametrize("pair", DEPENDENT)
def test_a_reader_and_a_writer_are_dependent(run, pair):
    reader, writer = DEPENDENT[pair]
    left, right = run(make(reader, writer))
    assert conflicting(left, right), (describe(left), describe(right))


INDEPENDENT = {
    "other attributes": (lambda b: b.state, lambda b: setattr(b, "other", 1)),
    "other keys": (lambda b: b.orders["a"], lambda b: b.orders.__setitem__("b", 5)),
    "two overwrites": (lambda b: b.orders.__setitem__("a", 5), lambda b: b.orders.__setitem__("b", 5)),
    "two readers": (lambda b: (b.state, {**b.orders}, b.queue[0]), lambda b: (b.state, len(b.orders), sum(b.queue))),
    "attribute and container": (lambda b: b.orders, lambda b: b.orders.clear()),
    "other members": (lambda b: 1 in b.seen, lambda b: b.seen.add(9)),
    "pure code": (lambda b: b.state, lambda b: isinstance(b, Bot)),
    "own objects": (lambda b: Order().fills.append(1), lambda b: Order().fills.append(2)),
    "own copies": (lambda b: b.queue.copy().append(1), lambda b: sorted(b.queue).append(2)),
    "own json": (lambda b: json.loads("[[]]")[0].append(1), lambda b: json.loads("[[]]")[0].append(1)),
    "own generators": (lambda b: [x for x in (y for y in [1])], lambda b: list(x for x in [2])),  # noqa: C400, C416
}


@pytest.mark.parametrize("pair", INDEPENDENT)
def test_steps_that_touch_different_things_are_independent(run, pair):
    left, right = run(make(*INDEPENDENT[pair]))
    assert not conflicting(left, right), (describe(left), describe(right))


def test_a_shared_cell_races(run):
    def program():
        total = 0

        def left():
            nonlocal total
            total += 1

        def right():
            return total

        return left, right

    left, right = run(program)
    assert describe(left)["writes"] == ["process a/0.1:heap frame.total"]
    assert describe(right) == {"reads": ["process a/0.1:heap frame.total"], "writes": [], "adds": []}


def test_two_calls_of_one_function_have_different_cells(run):
    def counter():
        total = 0

        def add():
            nonlocal total
            total += 1

        return add

    def program():
        return counter(), counter()

    assert not conflicting(*run(program))


def test_an_argument_that_is_never_stored_needs_no_key(run):
    def program(value=5):
        return (lambda: value), (lambda: value)

    assert run(program) == (Footprint(), Footprint())


def count():
    global CALLS  # noqa: PLW0603 — the subject of the test
    CALLS += 1


def test_a_global_that_functions_store_into_has_a_key(run):
    left, right = run(lambda: (count, lambda: CALLS))
    assert describe(left)["writes"] == [f"global {__name__}.CALLS"]
    assert conflicting(left, right)


def test_a_shared_iterator_is_written_by_next(run):
    def program():
        ids = itertools.count()
        return (lambda: next(ids)), (lambda: next(ids))

    assert conflicting(*run(program))


def test_each_item_of_a_suspended_loop_is_a_read_of_its_own(tmp_path):
    def program():
        items = [1, 2]

        def loop():
            for item in items:  # noqa: UP028 — the loop is the subject
                yield item

        return loop(), items

    with instrumented(program=program, cache_directory=tmp_path) as instrumenter:
        instrumenter.begin_execution()
        world = World()
        world.step(A, program)
        steps, _ = world.result
        world.step(A, steps.__next__)
        later = world.step(A, steps.__next__)
        assert "process a/0.2:heap list.*members" in describe(later)["reads"]


def test_a_read_before_an_await_and_a_write_after_it_are_in_their_own_steps(tmp_path):
    class Turn:
        def __await__(self):
            yield

    def program():
        bot = Bot()

        async def add():
            bot.state += await wait()

        async def wait():
            await Turn()
            return "x"

        return add()

    with instrumented(program=program, cache_directory=tmp_path) as instrumenter:
        instrumenter.begin_execution()
        world = World()
        world.step(A, program)
        task = world.result
        first = world.step(A, task.send, None)
        with pytest.raises(StopIteration):
            world.step(A, task.send, None)
    assert [key for key in describe(first)["reads"] if key.endswith(".state")]
    assert first.writes == frozenset()


def test_objects_of_foreign_code_share_the_name_of_their_type(run):
    made = [Order(), Order()]
    left, right = run(lambda: ((lambda: setattr(made[0], "status", 1)), (lambda: made[1].status)))
    assert conflicting(left, right)


def test_an_adopted_object_has_a_name_of_its_own(run):
    def program():
        first, second = adopt(Order()), adopt(Order())
        return (lambda: setattr(first, "status", 1)), (lambda: second.status)

    assert not conflicting(*run(program))


def test_names_do_not_depend_on_addresses(tmp_path):
    def program():
        bots = [Bot() for _ in range(3)]
        return [bot.orders["a"] for bot in bots]

    seen = []
    with instrumented(program=program, cache_directory=tmp_path) as instrumenter:
        for _ in range(3):
            instrumenter.begin_execution()
            seen.append(describe(World().step(A, program)))
            instrumenter.end_execution()
    assert seen[0] == seen[1] == seen[2]


def test_executions_leave_nothing_behind(tmp_path):
    from simharness.instrument.heap import heap

    def program():
        return [Bot() for _ in range(5)]

    with instrumented(program=program, cache_directory=tmp_path) as instrumenter:
        instrumenter.begin_execution()
        World().step(A, program)
        assert heap.entries
        instrumenter.end_execution()
    assert not heap.entries
    assert not heap.kept
    assert not heap.watched


def test_a_dead_object_is_not_kept_alive_by_its_name(tmp_path):
    import weakref

    def program():
        return Bot()

    with instrumented(program=program, cache_directory=tmp_path) as instrumenter:
        instrumenter.begin_execution()
        world = World()
        world.step(A, program)
        watch = weakref.ref(world.result)
        world.result = None
        assert watch() is None


def test_names_of_the_heap_do_not_shift_those_of_the_loop(tmp_path):
    def program():
        Bot()
        return recorder.fresh("task")

    with instrumented(program=program, cache_directory=tmp_path):
        world = World()
        world.step(A, program)
        recorder.begin(A, 0, active=False)
        assert name.text(program()) == name.text(world.result)
        recorder.end()


def test_log_calls_do_not_depend_on_each_other(run):
    log = logging.getLogger("quiet")
    assert not conflicting(*run(lambda: ((lambda: log.debug("a")), (lambda: log.debug("b")))))


def test_shared_dict_is_tracked_in_plain_code():
    d = shared({"a": 1, "b": 2})
    world = World()
    write = world.step(A, d.__setitem__, "a", 3)
    readers = [lambda: {**d}, lambda: dict(d), lambda: list(d.items()), lambda: len(d), lambda: d == {}, lambda: d["a"]]
    readers += [
        lambda: "a" in d,
        lambda: [*d],
        lambda: d | {},
        lambda: json.dumps(d),
        lambda: copy.copy(d),
        lambda: bool(d),
    ]
    assert all(conflicting(write, world.step(B, reader)) for reader in readers)
    assert not conflicting(write, world.step(B, d.get, "b"))
    assert not conflicting(write, world.step(B, d.update, {"b": 4}))


def test_unknown_modules_that_ran_are_found():
    with watch_modules() as seen:
        pytest.approx(1)
        json.dumps({})
    assert [module for module in seen if module.startswith("_pytest")]
    assert not {module for module in seen if module.startswith("json")}


def test_a_cache_that_is_damaged_is_no_error(tmp_path):
    from simharness.instrument import compiler

    first = compiler.compile_module("def f(): return [1]", "f.py", "f", None, tmp_path)
    compiler._memory.clear()
    for file in tmp_path.iterdir():
        file.write_bytes(b"nonsense")
    assert compiler.compile_module("def f(): return [1]", "f.py", "f", None, tmp_path).variables == first.variables


def test_modules_are_rewritten_when_they_are_imported(tmp_path, monkeypatch):
    (tmp_path / "fresh_bot.py").write_text("class Bot:\n    def __init__(self):\n        self.x = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with instrumented(["fresh_bot"], cache_directory=tmp_path / "cache") as instrumenter:
        import fresh_bot

        instrumenter.begin_execution()
        world = World()
        footprint = world.step(A, fresh_bot.Bot)
    assert describe(footprint)["writes"] == ["process a/0.1:heap Bot..x"]


def test_an_instrumenter_covers_packages_not_prefixes_of_names():
    instrumenter = Instrumenter(["bot"])
    assert instrumenter.covers("bot.orders")
    assert not instrumenter.covers("bottle")
