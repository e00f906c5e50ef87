"""What code that is not instrumented may touch: data, one row per library or name, each with its reason.

A callable or a type is looked up by its qualified name, the longest matching prefix wins, and what no row names is
``HEAP``: it may have read and written any object of the program. Certificates print the rows that were used.
"""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import NamedTuple


class Scope(StrEnum):
    """How far the hands of a piece of foreign code reach."""

    PURE = "pure"  # nothing mutable
    ARGUMENT = "argument"  # reads its arguments and writes its own object
    MUTATOR = "mutator"  # reads its arguments and writes the first one
    TASK = "task"  # an object that belongs to one task
    TRACKED = "tracked"  # reported by hooks of the loop
    SEAM = "seam"  # reported by a seam: a driver, a venue client, a transport
    HEAP = "heap"  # unknown: anything


class Row(NamedTuple):
    """One row of the table: a qualified-name prefix, how far it reaches, and why that is true."""

    prefix: str
    scope: Scope
    reason: str


_P, _A, _M, _T, _K, _S = Scope.PURE, Scope.ARGUMENT, Scope.MUTATOR, Scope.TASK, Scope.TRACKED, Scope.SEAM

ROWS: tuple[Row, ...] = (
    Row("builtins", _A, "built-in functions read what they are given; those that write are named below"),
    Row("builtins.object", _P, "object() has no state; its __setattr__ is handled by name"),
    Row("builtins.next", _M, "advances the iterator it is given"),
    Row("builtins.anext", _M, "advances the iterator it is given"),
    Row("builtins.isinstance", _P, "looks at types only"),
    Row("builtins.issubclass", _P, "looks at types only"),
    Row("builtins.callable", _P, "looks at the type only"),
    Row("builtins.id", _P, "looks at the identity only"),
    Row("builtins.type", _P, "looks at the type only"),
    Row("builtins.super", _P, "binds, touches nothing"),
    Row("builtins.property", _P, "binds, touches nothing"),
    Row("builtins.staticmethod", _P, "binds, touches nothing"),
    Row("builtins.classmethod", _P, "binds, touches nothing"),
    Row("builtins.exec", Scope.HEAP, "runs any code"),
    Row("builtins.eval", Scope.HEAP, "runs any code"),
    Row("builtins.compile", _P, "text to code"),
    Row("builtins.globals", Scope.HEAP, "hands out the namespace of a module"),
    Row("builtins.locals", _P, "a copy of what the running function holds"),
    Row("builtins.__import__", Scope.HEAP, "runs the code of a module"),
    Row("abc", _P, "class registration, cached per class"),
    Row("array", _A, "arrays are values of their owner"),
    Row("ast", _P, "text to tree"),
    Row("asyncio", _K, "primitives, futures and tasks report to the loop's own hooks"),
    Row("_asyncio", _K, "the C side of asyncio; the loop replaces futures and tasks"),
    Row("base64", _P, "bytes to bytes"),
    Row("binascii", _P, "bytes to bytes"),
    Row("bisect", _A, "searches the sequence it is given"),
    Row("bisect.insort", _M, "inserts into the sequence it is given"),
    Row("_bisect", _A, "searches the sequence it is given"),
    Row("_bisect.insort", _M, "inserts into the sequence it is given"),
    Row("calendar", _P, "computes dates"),
    Row("codecs", _P, "text to bytes"),
    Row("_codecs", _P, "text to bytes"),
    Row("collections", _A, "containers; their methods are known one by one"),
    Row("collections.ChainMap", Scope.HEAP, "reads and writes the mappings that it was given"),
    Row("_collections", _A, "containers; their methods are known one by one"),
    Row("_collections_abc", _A, "mixin methods that call the object's own"),
    Row("concurrent.futures", _K, "executors are run inline and recorded by the determinism guard"),
    Row("contextlib", _A, "wraps functions of the program, which report for themselves"),
    Row("contextvars", _T, "each task has its own copy of the context"),
    Row("_contextvars", _T, "each task has its own copy of the context"),
    Row("copy", _A, "reads what it copies"),
    Row("_copy", _A, "reads what it copies"),
    Row("copyreg", _P, "allocates objects"),
    Row("dataclasses", _A, "reads the fields of its argument"),
    Row("datetime", _P, "immutable values; now() is virtual time, which the determinism guard owns"),
    Row("_datetime", _P, "immutable values"),
    Row("decimal", _P, "immutable values; the context is task-local"),
    Row("_decimal", _P, "immutable values; the context is task-local"),
    Row("_pydecimal", _P, "immutable values; the context is task-local"),
    Row("difflib", _A, "compares what it is given"),
    Row("enum", _P, "members are created once, with their class"),
    Row("errno", _P, "constants"),
    Row("fractions", _P, "immutable values"),
    Row("functools", _A, "wraps functions of the program, which report for themselves"),
    Row("functools._lru_cache_wrapper", Scope.HEAP, "a cache is shared state"),
    Row("_functools", _A, "reads the iterable it is given"),
    Row("gc", _P, "collection happens between executions"),
    Row("hashlib", _A, "writes its own digest"),
    Row("_hashlib", _A, "writes its own digest"),
    Row("_blake2", _A, "writes its own digest"),
    Row("_sha", _A, "writes its own digest"),
    Row("_md5", _A, "writes its own digest"),
    Row("hmac", _A, "writes its own digest"),
    Row("heapq", _A, "reads the heap it is given"),
    Row("heapq.heap", _M, "orders the heap it is given"),
    Row("_heapq", _M, "orders the heap it is given"),
    Row("html", _P, "text to text"),
    Row("importlib.metadata", _P, "reads installed packages"),
    Row("inspect", _P, "looks at code and signatures"),
    Row("_io", _A, "a stream writes itself"),
    Row("io", _A, "a stream writes itself"),
    Row("ipaddress", _P, "immutable values"),
    Row("itertools", _A, "reads the iterables it is given"),
    Row("json", _A, "reads what it encodes"),
    Row("_json", _A, "reads what it encodes"),
    Row("logging", _T, "log output is no state of the program; arguments are read to be formatted"),
    Row("loguru", _T, "log output is no state of the program; arguments are read to be formatted"),
    Row("structlog", _T, "log output is no state of the program; arguments are read to be formatted"),
    Row("numpy", _A, "an array reads what it is given and writes itself"),
    Row("pandas", _A, "a frame reads what it is given and writes itself"),
    Row("math", _P, "numbers to numbers"),
    Row("cmath", _P, "numbers to numbers"),
    Row("numbers", _P, "abstract classes"),
    Row("operator", _A, "reads what it is given"),
    Row("operator.methodcaller", Scope.HEAP, "calls any method, also one that writes"),
    Row("operator.setitem", _M, "writes the container it is given"),
    Row("operator.delitem", _M, "writes the container it is given"),
    Row("operator.i", _M, "in-place operators write their left side"),
    Row("_operator", _A, "reads what it is given"),
    Row("_operator.setitem", _M, "writes the container it is given"),
    Row("_operator.delitem", _M, "writes the container it is given"),
    Row("_operator.i", _M, "in-place operators write their left side"),
    Row("os.path", _P, "text to text"),
    Row("posixpath", _P, "text to text"),
    Row("ntpath", _P, "text to text"),
    Row("pathlib", _P, "immutable paths; the file system is not the heap"),
    Row("pprint", _A, "reads what it prints"),
    Row("random", _A, "a generator writes itself; chance is owned by the determinism guard"),
    Row("_random", _A, "a generator writes itself; chance is owned by the determinism guard"),
    Row("random.Random.shuffle", _M, "orders the sequence it is given"),
    Row("re", _P, "patterns and matches are immutable, the pattern cache is transparent"),
    Row("_sre", _P, "patterns and matches are immutable"),
    Row("secrets", _P, "chance is owned by the determinism guard"),
    Row("statistics", _A, "reads the data it is given"),
    Row("string", _A, "reads what it formats"),
    Row("_string", _A, "reads what it formats"),
    Row("struct", _A, "reads the buffer it is given"),
    Row("_struct", _A, "reads the buffer it is given"),
    Row("sys", _P, "asked about the interpreter only"),
    Row("textwrap", _P, "text to text"),
    Row("threading", _K, "threads are owned by the determinism guard"),
    Row("_thread", _K, "threads are owned by the determinism guard"),
    Row("time", _P, "virtual time, which the determinism guard owns"),
    Row("traceback", _P, "formats a stack"),
    Row("types", _A, "views and containers of types"),
    Row("typing", _P, "annotations"),
    Row("typing_extensions", _P, "annotations"),
    Row("unicodedata", _P, "text to text"),
    Row("urllib.parse", _A, "text to text, mappings are read"),
    Row("uuid", _P, "immutable values; chance is owned by the determinism guard"),
    Row("warnings", _P, "diagnostics are no state of the program"),
    Row("weakref", Scope.HEAP, "a weak container is shared state without keys of its own"),
    Row("zoneinfo", _P, "immutable values"),
    Row("aiosqlite", _S, "the database seam reports statements and transactions"),
    Row("asyncpg", _S, "the database seam reports statements and transactions"),
    Row("psycopg", _S, "the database seam reports statements and transactions"),
    Row("psycopg_pool", _S, "the database seam reports statements and transactions"),
    Row("sqlite3", _S, "the database seam reports statements and transactions"),
    Row("_sqlite3", _S, "the database seam reports statements and transactions"),
    Row("sqlalchemy", _T, "a session, its connection and its objects belong to one task; statements reach the seam"),
    Row("greenlet", _T, "switches inside one task"),
    Row("ccxt", _S, "requests and frames cross a link that reports them"),
    Row("aiohttp", _S, "requests and frames cross a link that reports them"),
    Row("httpx", _S, "requests cross a link that reports them"),
    Row("httpcore", _S, "requests cross a link that reports them"),
    Row("anyio", _K, "built on asyncio's primitives, which the loop hooks"),
    Row("sniffio", _T, "a context variable"),
    Row("fastapi", _T, "a request and its dependencies belong to one task; the app is built before"),
    Row("starlette", _T, "a request and its response belong to one task; the app is built before"),
    Row("pydantic", _A, "validates what it is given; validators of the program report for themselves"),
    Row("pydantic_core", _A, "validates what it is given; validators of the program report for themselves"),
    Row("pydantic_settings", _A, "validates what it is given"),
    Row("annotated_types", _P, "annotations"),
    Row("typing_inspection", _P, "annotations"),
    Row("opentelemetry", _T, "without an exporter its calls do nothing; a span belongs to one task"),
    Row("simharness", _K, "reports its own keys"),
    Row("simpy", _K, "moves markets for the clock of the venue, whose timers share one key"),
)

# Functions whose result is a new object each time; it gets a causal name.
FRESH = frozenset(
    (
        *("builtins.sorted", "builtins.iter", "builtins.dir", "copy.copy", "collections.namedtuple"),
        *("dataclasses.replace", "re.findall", "re.split", "builtins.object.__new__", "operator.concat"),
        *("_operator.concat", "builtins.dict.fromkeys", "collections.OrderedDict.fromkeys"),
    )
)
# The same, and everything inside it is new too.
FRESH_DEEP = frozenset(
    (
        *("json.loads", "json.load", "copy.deepcopy", "dataclasses.asdict", "pydantic.main.BaseModel.model_dump"),
        *("pydantic.main.BaseModel.model_validate", "pydantic.main.BaseModel.model_validate_json"),
        *("pydantic.main.BaseModel.model_copy", "pydantic.main.BaseModel.model_construct"),
        *("json.decoder.JSONDecoder.decode",),
    )
)

_by_prefix = {row.prefix: row for row in ROWS}
_known: dict[str, Row | None] = {}
# Prefixes that are no dotted parts: `operator.iadd` falls under `operator.i`, `_sha256` under `_sha`.
_PARTIAL = ("heapq.heap", "operator.i", "_operator.i", "_sha", "bisect.insort", "_bisect.insort")
_EXACT_PARTIAL_EXCEPTIONS = frozenset(
    f"{module}.{name}"
    for module in ("operator", "_operator")
    for name in ("itemgetter", "is_", "is_not", "index", "indexOf", "inv", "invert")
)


def row_of(qualified: str) -> Row | None:
    """Return the row for a qualified name such as ``json.decoder.JSONDecoder.decode``; None: unknown."""
    try:
        return _known[qualified]
    except KeyError:
        pass
    row = _known[qualified] = _search(qualified)
    return row


def scope_of(qualified: str) -> Scope:
    """Return how far the code of this name may reach."""
    row = row_of(qualified)
    return Scope.HEAP if row is None else row.scope


def used_rows() -> tuple[Row, ...]:
    """Return the rows that any lookup has hit in this process, in the order of the table, for certificates."""
    hit = {row for row in _known.values() if row is not None}
    return tuple(row for row in ROWS if row in hit)


def _search(qualified: str) -> Row | None:
    if qualified not in _EXACT_PARTIAL_EXCEPTIONS:
        for partial in _PARTIAL:
            if qualified.startswith(partial):
                return _by_prefix[partial]
    prefix = qualified
    while prefix:
        row = _by_prefix.get(prefix)
        if row is not None:
            return row
        prefix = prefix.rpartition(".")[0]
    return None


def is_standard(module: str) -> bool:
    """Return whether ``module`` belongs to the standard library."""
    return module.partition(".")[0] in sys.stdlib_module_names
