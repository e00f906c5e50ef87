"""What rewritten code leaves out, because a table says that the hook would have nothing to do."""

from __future__ import annotations

import gc

import pytest
from stepping import A, B, World

from simharness.core import name
from simharness.core.footprint import PYHEAP, conflicting, recorder
from simharness.instrument import instrumented


class Level:
    def __init__(self):
        self.size = 0
        self.orders = []


class Quick(Level):
    def grow(self):
        self.size += 1

    def grown(self):
        return self.size


class Checked(Level):
    """Its attribute is a property in one subclass only."""


class Counting(Checked):
    asked = 0

    @property
    def price(self):
        Counting.asked += 1
        return self.__dict__["price"]

    @price.setter
    def price(self, price):
        self.__dict__["price"] = price


def grow(level):
    level.size += 1


def look(level):
    return level.size


def many():
    """Objects that follow each other, most of them at one address."""
    for _ in range(20):
        level = Level()
        grow(level)
        look(level)
        level.size = 3
        del level


def replace(level):
    level.size = [1]


def extend(level):
    level.size += [2]


def sometimes_a_list(items):
    total = 0
    for total in range(2):  # noqa: B007 — one of the places that bind it
        pass
    total = items
    return [1] if total else []


def counted(items):
    total = 0
    for number in range(3):
        total += number % 2
    label = "x" if total > 1 else "y"
    return f"{label}{total}", len(items)


def make():
    return [[1, 2]]


def append(box):
    box.append(3)


def shadowed(boxes):
    orders = 0
    copies = [list(orders) for orders in boxes]
    total = {sum(orders) for orders in boxes}
    return copies, total, orders


@pytest.fixture
def world():
    """Steps of this module's functions."""

    def everything():
        return (
            many,
            grow,
            look,
            replace,
            extend,
            sometimes_a_list,
            counted,
            make,
            append,
            shadowed,
            Quick,
            Checked,
            Counting,
            set_later,
            price,
        )

    with instrumented([__name__], everything) as instrumenter:
        assert instrumenter.uninstrumentable == {}
        instrumenter.begin_execution()
        yield World()
        instrumenter.end_execution()


def set_later(level):
    level.grown = lambda: 7


def price(level):
    level.price += 1


def sizes(keys):
    return {key for key in keys if name.text(key).endswith(".size")}


def test_who_takes_the_address_of_another_does_not_take_its_name(world):
    footprint = world.step(A, many)
    gc.collect()
    assert len(sizes(footprint.writes)) == 20


def test_a_shortcut_records_what_the_hook_records(world):
    level = world.step(A, Level) and world.result
    first, second = world.step(A, grow, level), world.step(B, grow, level)
    assert first == second
    assert world.step(A, look, level) == world.step(B, look, level)
    assert conflicting(first, world.step(B, look, level))
    assert PYHEAP in first.reads


def test_nothing_is_left_of_what_happened_before_a_step_or_aside(world):
    level = world.step(A, Level) and world.result
    world.step(A, look, level)
    look(level)  # nobody records
    assert world.step(A, lambda: None).reads == frozenset()

    def beside():
        with recorder.aside():
            look(level)

    assert sizes(world.step(A, beside).reads) == set()


def test_what_was_recorded_before_something_happens_aside_stays(world):
    level = world.step(A, Level) and world.result
    seen = world.step(A, look, level)

    def beside():
        look(level)
        with recorder.aside():
            grow(level)

    found = world.step(A, beside)
    assert sizes(found.reads) == sizes(seen.reads) != set()
    assert sizes(found.writes) == set()


def test_a_list_in_place_of_a_number_changes_itself(world):
    level = world.step(A, Level) and world.result
    world.step(A, grow, level)
    world.step(A, grow, level)
    world.step(A, replace, level)
    held = level.size
    seen = world.step(A, extend, level)
    assert held == [1, 2]
    assert any(name.text(key).endswith("*members") for key in seen.writes)


def test_a_method_that_one_instance_replaces_is_hooked_again(world):
    level = world.step(A, Quick) and world.result
    called = lambda: level.grown()  # noqa: E731 — as a step
    world.step(A, called)
    assert PYHEAP in world.step(A, set_later, level).writes


def test_a_property_is_asked_as_often_as_the_program_asks(world):
    level = world.step(A, Counting) and world.result
    world.step(A, setattr, level, "price", 1)
    for _ in range(4):
        before = Counting.asked
        world.step(A, price, level)
        assert Counting.asked == before + 1
    assert level.__dict__["price"] == 5


def test_a_name_that_may_hold_a_list_is_looked_at(world):
    items = [1]
    assert any(name.text(key).endswith("*members") for key in world.step(A, sometimes_a_list, items).reads)
    assert all("int" not in name.text(key) for key in world.step(A, counted, items).reads)
    assert world.result == ("y1", 1)


def test_a_variable_of_a_comprehension_is_not_the_number_of_that_name_around_it(world):
    world.step(A, make)  # named apart: lists from elsewhere share a name
    boxes = world.result
    read = world.step(A, shadowed, boxes)
    assert world.result == ([[1, 2]], {3}, 0)
    assert conflicting(world.step(B, append, boxes[0]), read)
