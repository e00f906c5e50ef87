"""Programs that must behave the same with and without instrumentation; each returns a value or raises."""

# ruff: noqa: B010, B905, C400, C416, F632, F821, PERF401, PLC3002, PLE0643, PLR0133, PLW0120, PLW0603, PT015, RET503, RUF005, RUF012, SIM118, SIM223, SIM300, UP030, UP031, UP032 — odd forms are the subject of these programs

import contextlib
import dataclasses
import enum
import functools
import itertools
from collections import Counter, OrderedDict, defaultdict, deque
from decimal import Decimal
from typing import NamedTuple

LOG: list[object] = []


def say(value):
    LOG.append(value)
    return value


class Side(enum.Enum):
    BUY = 1
    SELL = 2


class Point(NamedTuple):
    x: int
    y: int


@dataclasses.dataclass
class Order:
    id: int
    tags: list = dataclasses.field(default_factory=list)
    price: Decimal = Decimal(1)

    def __post_init__(self):
        self.total = self.price * 2

    @property
    def double(self):
        return self.id * 2

    @double.setter
    def double(self, value):
        self.id = value // 2

    @functools.cached_property
    def cached(self):
        return [self.id]

    @classmethod
    def make(cls, number):
        return cls(number)

    @staticmethod
    def helper(a, *, b=2):
        return a + b


class Slotted:
    __slots__ = ("__secret", "open")
    limit = 3

    def __init__(self):
        self.__secret = 1
        self.open = [1]

    def bump(self):
        self.__secret += 1
        self.open += [2]
        return self.__secret, self.open, self.limit


class Child(Order):
    def __init__(self, number):
        super().__init__(number)
        self.child = True

    def __setattr__(self, name, value):
        say(("set", name))
        super().__setattr__(name, value)

    def __getattr__(self, name):
        if name == "ghost":
            return lambda value: ("ghost", value)
        raise AttributeError(name)


class Numbers(dict):
    def __getitem__(self, key):
        return super().__getitem__(key) + 1

    def __missing__(self, key):
        return -1


class Meta(type):
    def __call__(cls, *arguments):
        made = super().__call__(*arguments)
        made.meta = True
        return made


class Made(metaclass=Meta):
    def __init__(self, value=0):
        self.value = value

    def __iadd__(self, other):
        self.value += other
        return self

    def __eq__(self, other):
        return isinstance(other, Made) and self.value == other.value

    def __hash__(self):
        return hash(self.value)

    def __bool__(self):
        return say(self.value) > 0

    def __contains__(self, item):
        return item == self.value

    def __enter__(self):
        return self.value

    def __exit__(self, *error):
        self.value = -1
        return error[0] is KeyError


def attributes_and_properties():
    order = Order.make(3)
    order.double = 10
    order.tags.append(1)
    order.tags += [2, 3]
    order.price += 1
    del order.total
    return order, order.double, order.cached, order.cached is order.cached, Order.helper(1), vars(order)


def slots_and_private_names():
    return Slotted().bump()


def inheritance_and_getattr():
    child = Child(4)
    child.name = "x"
    return child.ghost(2), getattr(child, "nothing", 5), hasattr(child, "id"), sorted(vars(child), key=str)


def missing_attribute_is_raised():
    return Child(1).absent


def metaclass_and_in_place_operators():
    made = Made(2)
    other = made
    made += 5
    return other.value, made.meta, 7 in made, not made, made == Made(7), bool(made and Made(0))


def evaluation_order_of_calls():
    return say(dict)(a=say(1), **say({"b": 2})), say([1]).index(say(1)), say({1: 2}).get(say(1), say(3))


def evaluation_order_when_the_object_is_none():
    nothing = None
    return nothing.get(say(1))


def evaluation_order_of_items():
    values = [1, 2, 3]
    values[say(0)] = say(9)
    values[say(1)] += say(5)
    values[say(0) : say(2)] = [7]
    del values[say(0)]
    return values


def chained_and_starred_targets():
    order = Order(1)
    a, (b, *c), order.id = order.tags, order.price = 1, [2, 3, 4], 5
    first, *rest = {1: 2, 3: 4}.items()
    return a, b, c, order, first, rest


def unpacking_of_every_sort():
    d = {"a": 1}

    def f(*args, **kwargs):
        return args, kwargs

    return {**d, "b": 2}, [*d, 1], {*d}, (*d,), f(*[1, 2], *d, **d), f(*(x for x in (1, 2)))


def comprehensions_of_every_sort():
    rows = [[1, 2], [3, 4]]
    return (
        [x for row in rows for x in row if x % 2],
        {k: v for k, v in enumerate(rows)},
        {x for x, _ in rows},
        list((a, b) for a, b in rows),
        sum(x for row in rows for x in row),
        [[y for y in row] for row in rows],
        [(lambda: x)() for x in range(3)],
        [z := x for x in (1, 2)],
        z,
    )


def nested_generators():
    def count(n):
        total = 0
        while True:
            got = yield total
            if got is None:
                return n
            total += got

    def outer():
        result = yield from count(3)
        yield ("done", result)

    gen = outer()
    return [next(gen), gen.send(4), gen.send(5), gen.send(None)]


def closures_share_cells():
    total = 0
    calls = []

    def add(n, *, scale=lambda v: v * 2):
        nonlocal total
        total += scale(n)
        calls.append(total)
        return total

    class Inside:
        seen = total

        def get(self):
            return total

    add(1)
    later = [lambda i=i: (i, total) for i in range(2)]
    add(2)
    return total, calls, Inside.seen, Inside().get(), [f() for f in later]


def deleted_cell_raises():
    value = 1

    def inner():
        return value

    del value
    return inner()


COUNT = 0


def globals_are_variables():
    global COUNT
    before = COUNT
    COUNT += 5
    COUNT, other = COUNT - 5, COUNT
    return before, COUNT, other


def recursion():
    def walk(n):
        return [n, *walk(n - 1)] if n else []

    return walk(4)


def matching():
    def kind(subject):
        match subject:
            case {"type": "order", "id": int(number), **rest}:
                return ("order", number, rest)
            case Order(id=number) if number > 2:
                return ("instance", number)
            case [first, *others]:
                return (first, others)
            case Side.BUY:
                return "buy"
            case str() | None as name:
                return name
            case _:
                return "else"

    subjects = [
        {"type": "order", "id": 1, "x": 2},
        Order(3),
        Order(1),
        [1, 2, 3],
        Side.BUY,
        Side.SELL,
        "t",
        None,
        Point(1, 2),
    ]
    return [kind(subject) for subject in subjects]


def exception_groups():
    caught = []
    try:
        raise ExceptionGroup("g", [ValueError(1), KeyError(2)])
    except* ValueError as error:
        caught.append(len(error.exceptions))
    except* KeyError as error:
        caught.append(str(error.exceptions[0]))
    return caught


def try_finally_and_context_managers():
    made = Made(3)
    out = []
    for n in range(4):
        try:
            with made as made.value, contextlib.suppress(IndexError):
                if n == 0:
                    raise KeyError(n)
                if n == 1:
                    continue
                if n == 2:
                    [][1]
                out.append(n)
        except Exception as error:
            out.append(error)
        else:
            out.append("else")
        finally:
            out.append("finally")
    return out, made.value


def containers_of_every_sort():
    counter, groups, queue, ordered = Counter("abca"), defaultdict(list), deque([1, 2], maxlen=3), OrderedDict(a=1)
    groups["x"].append(1)
    groups["x"] += [2]
    counter["a"] += 1
    queue.append(3)
    queue.append(4)
    ordered.move_to_end("a")
    ordered |= {"b": 2}
    s = {1}
    s.add(2)
    s |= {3}
    s -= {1}
    return counter, groups, queue.popleft(), queue, ordered, s, counter.most_common(1), s & {2}, ordered.pop("z", 1)


def dict_methods():
    d = {"a": 1}
    d.setdefault("l", []).append(1)
    d.update([("b", 2)], c=3)
    args = ("a", 0)
    return (
        d.pop(*args),
        d.pop("q", None),
        d.get("b"),
        list(d.items()),
        d.popitem(),
        d | {1: 1},
        dict(d) == d,
        "b" in d.keys(),
    )


def wrong_key_raises():
    return {"a": 1}[say("b")]


def unhashable_key_raises():
    d = {}
    d[[]] = 1


def subclass_of_dict():
    numbers = Numbers(a=1)
    return numbers["a"], numbers["b"], numbers.get("a"), {**numbers}, numbers


def truth_and_bool_operators():
    return ([] or say(1)), ([1] and []), not {}, (1 if {} else 2), [x for x in ([], [1]) if x], bool(deque())


def comparisons():
    return (
        [1] == [1],
        [1] < [2],
        1 < say(2) < 3,
        [1] != (1,),
        Order(1) == Order(1),
        None is not [],
        2 in (1, 2),
        "a" not in "bc",
    )


def strings():
    names = ["a", "b"]
    return (
        ", ".join(names),
        f"{names!r:>12} {Order(1).id:03d} {say(1)=}",
        "%s-%s" % (1, [2]),
        "%(a)s" % {"a": 1},
        "{0[0]}".format(names),
    )


def iterators():
    it = iter([1, 2, 3])
    return (
        next(it),
        next(it, 0),
        list(it),
        next(it, "end"),
        list(zip([1], [2])),
        list(map(str, [1])),
        [*itertools.chain([1], (2,))],
    )


def sorting_and_keys():
    orders = [Order(2), Order(1)]
    orders.sort(key=lambda o: o.id)
    return (
        [o.id for o in orders],
        max(orders, key=lambda o: o.id).id,
        sorted({"b": 1, "a": 2}),
        min([3, 1]),
        any([0, []]),
        sum([1, 2]),
    )


def walrus_and_lambda():
    if (n := len([1, 2])) > 1 and (m := n + 1):
        return (lambda q, /, *a, k=n, **kw: (q, a, k, kw, m))(1, 2, z=3)


def class_bodies_in_functions():
    names = ["a"]

    class Local:
        """Documented."""

        items = [n * 2 for n in names]
        table = {n: i for i, n in enumerate(items)}
        x: int = 3
        x += 1

        def __init__(self, v: "int" = 5) -> None:
            """Make one."""
            self.v = v

    return Local.items, Local.table, Local.x, Local().v, Local.__doc__, Local.__init__.__doc__, Local.__annotations__


def decorators_and_caches():
    def twice(f):
        @functools.wraps(f)
        def wrapper(*args, **kwargs):
            return f(*args, **kwargs) * 2

        return wrapper

    @twice
    @functools.lru_cache
    def value(n):
        return n + len(LOG)

    @contextlib.contextmanager
    def managed():
        yield say(4)

    with managed() as got:
        return value(1), value(1), value.__name__, got


def locals_are_those_of_the_program():
    a = 1
    d = {a + 0: 2}
    b = d[a + 0]
    return sorted(locals())


def object_setattr():
    order = Order(1)
    object.__setattr__(order, "id", 7)
    setattr(order, "extra", 1)
    delattr(order, "extra")
    return order.id, object.__getattribute__(order, "id"), dict.get({"a": 1}, "a")


def error_in_constructor():
    Order()


def loops_with_else():
    out = []
    for i, (a, b) in enumerate([(1, 2), [3, 4]]):
        out.append((i, a, b))
    else:
        out.append("else")
    while out:
        if out.pop() == "else":
            continue
        break
    else:
        out.append("never")
    return out


def dictionary_changed_during_iteration():
    d = {1: 1}
    for key in d:
        d[key + 1] = 1


def partials_and_bound_methods():
    add = functools.partial(Order.helper, b=5)
    found = []
    push = found.append
    push(1)
    return add(1), found, list(map(found.count, [1, 2]))


def assertion_with_message():
    assert [], f"empty {say(1)}"


async def coroutines():
    async def agen(n):
        for i in range(n):
            yield i

    async def value(n):
        return n

    d = {"a": [1]}
    d["a"] += [await value(2)]
    d[await value("k")] = await value(3)
    order = Order(1)
    order.id += await value(4)
    total = 1
    total += await value(1)
    values = [x async for x in agen(3)]
    more = [await value(x) for x in values if await value(x)]
    d.setdefault(await value("z"), await value(1))
    async for x in agen(2):
        values.append(x)
    return (
        d,
        order,
        total,
        values,
        more,
        [1] + [await value(2)],
        [1] == [await value(1)],
        {k: await value(k) for k in (1, 2)},
    )
