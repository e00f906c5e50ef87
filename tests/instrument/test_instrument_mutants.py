"""Each rule of the instrumentation is needed: without it a dependence is lost."""

from __future__ import annotations

import pytest
from stepping import A, B, World
from test_heap_footprints import DEPENDENT, Bot, make

from simharness.core.footprint import conflicting
from simharness.instrument import compiler, hooks, instrumented

# What a hook hands back when it records nothing. The others perform the operation itself.
SILENT = {
    **dict.fromkeys(("attribute", "write_attribute", "item", "write_item", "value", "deep", "method"), 0),
    **dict.fromkeys(("call", "iterate", "display", "unpack", "cell", "write_cell", "advance", "deep_match"), 0),
    **dict.fromkeys(("update_attribute", "update_item", "write_whole", "write_if_mutable", "read_global"), 0),
    **dict.fromkeys(("write_global", "operands", "read_from_local", "write_to_local", "update_local"), 0),
    "keyed": 2,
    **dict.fromkeys(("read_arguments", "write_arguments"), slice(None)),
}


def increase(bot):
    bot.state += "x"


def increase_item(bot):
    bot.orders["a"] += 1


def extend(bot):
    bot.queue += [3]


def extend_local(bot):
    queue = bot.queue
    queue += [3]


def cut(bot):
    bot.queue[:1] = []


def store(bot):
    bot.state = "stored"


def itself(bot):
    return bot


def increase_somewhere(bot):
    itself(bot).state += "x"


def store_somewhere(bot):
    itself(bot).state = "stored"


def store_item(bot):
    bot.orders["a"] = 2


def match(bot):
    match bot:
        case object(state="idle"):
            return 1
    return 0


def loop(bot):
    return [pair for pair in bot.queue]  # noqa: C416 — the comprehension is the subject


def pair(bot):
    first, second = bot.queue
    return first, second


NUMBER = 0


def compare(bot):
    state = "x"
    queue = bot.queue
    return (state == queue, queue == bot.queue)


def store_global(_bot):
    global NUMBER  # noqa: PLW0603 — the subject of the test
    NUMBER = 1


MORE = {
    "attribute increment": (lambda b: b.state, increase),
    "attribute increment, not of a local": (lambda b: b.state, increase_somewhere),
    "attribute statement, not of a local": (lambda b: b.state, store_somewhere),
    "attribute of no local": (lambda b: itself(b).state, store_somewhere),
    "item increment": (lambda b: b.orders["a"], increase_item),
    "list in place": (lambda b: len(b.queue), extend),
    "local in place": (lambda b: len(b.queue), extend_local),
    "slice store": (lambda b: len(b.queue), cut),
    "attribute statement": (lambda b: b.state, store),
    "item statement": (lambda b: b.orders["a"], store_item),
    "pattern": (match, store),
    "comprehension": (loop, lambda b: b.queue.append(1)),
    "pair": (pair, lambda b: b.queue.append(1)),
    "two operands": (compare, lambda b: b.queue.append(1)),
    "global": (lambda b: NUMBER, store_global),
}


def make_here(left, right):
    def program():
        bot = Bot()
        return (lambda: left(bot)), (lambda: right(bot))

    return program


def cells(left_writes):
    def program():
        total = 0

        def write():
            nonlocal total
            total = 1

        def read():
            return total

        return (write, read) if left_writes else (read, write)

    return program


def iterator_program():
    numbers = iter([1, 2, 3])
    return (lambda: next(numbers)), (lambda: next(numbers))


def factory_program():
    """Two generators of one function would share a name if calls did not give them their own."""

    def numbers():
        yield 1
        yield 2

    first, second = numbers(), numbers()
    return (lambda: next(first)), (lambda: next(second))


def display_program():
    first, second = [1], [2]
    return (lambda: first.append(1)), (lambda: second.append(1))


def verdicts(cache_directory):
    """Return which programs have dependent steps."""
    programs = {title: make(*pair) for title, pair in DEPENDENT.items()}
    programs.update({title: make_here(*pair) for title, pair in MORE.items()})
    programs.update(cells=cells(True), iterator=iterator_program, factory=factory_program, display=display_program)
    seen = {}
    for title, program in programs.items():
        with instrumented(["test_heap_footprints"], program, cache_directory) as instrumenter:
            assert instrumenter.uninstrumentable == {}
            instrumenter.begin_execution()
            world = World()
            world.step(A, program)
            left, right = world.result
            seen[title] = conflicting(world.step(A, left), world.step(B, right))
            instrumenter.end_execution()
    return seen


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Rewritten code is linked anew for each mutant, but rewritten once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def correct(cache):
    return verdicts(cache)


def test_the_verdicts_are_right_without_a_mutation(correct):
    assert [title for title, dependent in correct.items() if not dependent] == ["factory", "display"]


@pytest.mark.parametrize("hook", SILENT)
def test_a_hook_that_records_nothing_is_noticed(hook, correct, monkeypatch, cache):
    place = SILENT[hook]
    monkeypatch.setitem(hooks._BY_MARK, hooks.mark(hook), lambda *arguments: arguments[place])
    monkeypatch.setattr(compiler, "_memory", {})
    assert verdicts(cache) != correct
