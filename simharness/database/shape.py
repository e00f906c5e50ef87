"""The shape of a SQL statement: which tables it mentions and which columns it pins to values.

A shape is a pure function of the text and is cached by it; values come in when it is bound
(:mod:`simharness.database.footprints`). What is not understood says so with a reason, never with a guess.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokens import TokenType


class Verb(StrEnum):
    """What a statement does, as far as locks and footprints care."""

    SELECT = "SELECT"
    INSERT = "INSERT"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    BEGIN = "BEGIN"
    COMMIT = "COMMIT"
    ROLLBACK = "ROLLBACK"
    SAVEPOINT = "SAVEPOINT"  # also RELEASE and ROLLBACK TO: they move inside a transaction
    SETTING = "SETTING"  # PRAGMA, SET, SHOW and the like
    OTHER = "OTHER"

    @property
    def writes(self) -> bool:
        """Whether it changes rows."""
        return self in _WRITING


_WRITING = frozenset({Verb.INSERT, Verb.UPDATE, Verb.DELETE})


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value that comes with the execution: a position from 0, or a name."""

    key: int | str


@dataclass(frozen=True, slots=True)
class Constant:
    """A value in the text; ``None`` is NULL."""

    value: str | int | None


Bound = Parameter | Constant
Filter = Mapping[str, tuple[Bound, ...]]


@dataclass(frozen=True, slots=True)
class TableAccess:
    """A mention of a table.

    Args:
        table: its name.
        pinned: the columns that equality or IN limits to a list of values.
        plain: the rest of its condition compares columns and values and does nothing that could fail for some row.
    """

    table: str
    pinned: Filter = field(default_factory=dict)
    plain: bool = False


@dataclass(frozen=True, slots=True)
class StatementShape:
    """What one SQL text means for others.

    Args:
        verb: what it does.
        reads: tables that it reads, the target of UPDATE and DELETE included.
        target: the table that it writes.
        rows: INSERT … VALUES: one mapping of column to value per row; ``None`` for values that are expressions.
        from_query: INSERT … SELECT: the rows are unknown.
        assigned: columns that UPDATE (or the update of an upsert) sets.
        replaces: it may delete or update a row that stands in its way (REPLACE, ON CONFLICT DO UPDATE).
        locking: SELECT … FOR UPDATE and its relatives.
        returning: it returns the rows that it wrote.
        columns: columns of the select list, empty for ``*`` and expressions; for timelines only.
        ctes: names of WITH queries; a read of one that is no table is a read of what its query mentions.
        unknown: why it conflicts with everything; empty when it is understood.
        reads_time: it mentions the current time.
        random: it calls a random function.
    """

    verb: Verb
    reads: tuple[TableAccess, ...] = ()
    target: TableAccess | None = None
    rows: tuple[Mapping[str, Bound | None], ...] = ()
    from_query: bool = False
    assigned: tuple[str, ...] = ()
    replaces: bool = False
    locking: bool = False
    returning: bool = False
    columns: tuple[str, ...] = ()
    ctes: frozenset[str] = frozenset()
    unknown: str = ""
    reads_time: bool = False
    random: bool = False


_LEADING = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*([A-Za-z]+)\s*([A-Za-z]*)", re.DOTALL)
_TIME = re.compile(
    r"\bcurrent_(?:timestamp|date|time)\b|'now'|\b(?:now|clock_timestamp|statement_timestamp)\s*\(", re.IGNORECASE
)
_RANDOM = re.compile(r"\b(?:random|randomblob|gen_random_uuid|uuid_generate_v\d)\s*\(", re.IGNORECASE)
_PLAIN = {
    "BEGIN": Verb.BEGIN,
    "START": Verb.BEGIN,
    "COMMIT": Verb.COMMIT,
    "END": Verb.COMMIT,
    "ROLLBACK": Verb.ROLLBACK,
    "ABORT": Verb.ROLLBACK,
    "SAVEPOINT": Verb.SAVEPOINT,
    "RELEASE": Verb.SAVEPOINT,
    "PRAGMA": Verb.SETTING,
    "SET": Verb.SETTING,
    "SHOW": Verb.SETTING,
}
_POSITION = "simharness_"
_TYPES = exp.DataType.Type
_SAME_TEXT = frozenset({_TYPES.SMALLINT, _TYPES.INT, _TYPES.BIGINT, _TYPES.VARCHAR, _TYPES.TEXT})
_COMPARISONS = (
    *(exp.And, exp.Or, exp.Not, exp.Paren, exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Is, exp.In),
    *(exp.Where, exp.Column, exp.Identifier, exp.Literal, exp.Neg, exp.Null, exp.Boolean),
    *(exp.Placeholder, exp.Parameter, exp.DataType),
)
_PARSED = frozenset({"SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "REPLACE"})
# Functions that sqlglot has no class for and that depend on nothing but their arguments and their own connection.
_PURE = frozenset(
    """
    abs char changes date datetime glob hex instr julianday last_insert_rowid likelihood likely ltrim nullif printf
    quote random randomblob replace round rtrim sign soundex sqlite_version strftime time timediff total
    total_changes trim typeof unhex unicode unixepoch unlikely upper zeroblob lower json json_array json_extract
    json_object json_set json_type json_valid json_array_length json_insert json_remove json_replace json_patch
    json_quote now clock_timestamp statement_timestamp transaction_timestamp gen_random_uuid to_char to_timestamp
    date_trunc jsonb_build_object jsonb_agg row_to_json array_agg version current_schema current_database
    pg_backend_pid
    """.split()  # noqa: SIM905 — sixty quoted names would be harder to read
)


@lru_cache(maxsize=4096)
def parse(sql: str, dialect: str) -> StatementShape:
    """Return the shape of one statement.

    Args:
        sql: the text, with ``?``, ``?1``, ``:name``, ``%(name)s`` or ``$1`` for parameters.
        dialect: sqlglot's name of the language: ``sqlite`` or ``postgres``.
    """
    leading = _LEADING.match(sql)
    word, second = (leading[1].upper(), leading[2].upper()) if leading else ("", "")
    if word in _PLAIN:
        inside = word == "ROLLBACK" and re.match(r"\W*ROLLBACK\s+(?:TRANSACTION\s+|WORK\s+)?TO\b", sql, re.IGNORECASE)
        return StatementShape(Verb.SAVEPOINT if inside else _PLAIN[word], locking=second in {"IMMEDIATE", "EXCLUSIVE"})
    if word not in _PARSED:
        return StatementShape(Verb.OTHER, unknown=f"not understood: {word or 'empty statement'}")
    if word == "REPLACE":
        sql = re.sub(r"\bREPLACE\b", "INSERT OR REPLACE", sql, count=1, flags=re.IGNORECASE)
    try:
        statements = sqlglot.parse(_named(sql, dialect), dialect=dialect)
    except SqlglotError as error:
        return StatementShape(Verb.OTHER, unknown=f"not parsable: {str(error).splitlines()[0]}")
    if len(statements) != 1 or statements[0] is None:
        return StatementShape(Verb.OTHER, unknown="several statements in one text")
    return _Reader(statements[0], sql).shape()


def _named(sql: str, dialect: str) -> str:
    """Give ``?`` placeholders the names of their positions: the syntax tree does not keep the order of the text."""
    if dialect != "sqlite":
        # sqlglot's PostgreSQL dialect reads `$1,$2` as the start of a dollar-quoted string.
        return re.sub(r",(?=\$\d)", ", ", sql)
    if "?" not in sql:
        return sql
    parts: list[str] = []
    done = position = 0
    tokens = sqlglot.tokenize(sql, dialect=dialect)
    for at, token in enumerate(tokens):
        if token.token_type is not TokenType.PLACEHOLDER:
            continue
        following = tokens[at + 1] if at + 1 < len(tokens) else None
        end = token.end
        if following and following.token_type is TokenType.NUMBER and following.start == end + 1:
            number, end = int(following.text) - 1, following.end
        else:
            number = position
        position = number + 1
        parts += (sql[done : token.start], f":{_POSITION}{number}")
        done = end + 1
    return "".join([*parts, sql[done:]])


def _table_name(table: exp.Table) -> str:
    return str(table.name).lower()


def _bound(node: exp.Expression | None) -> Bound | None:
    """Return the value that an expression stands for, or None when it must be computed."""
    while isinstance(node, exp.Paren) or (isinstance(node, exp.Cast) and _keeps_text(node)):
        node = node.this
    match node:
        case exp.Literal(is_string=True):
            return Constant(str(node.this))
        case exp.Literal() if str(node.this).isdigit():
            return Constant(int(node.this))
        case exp.Null():
            return Constant(None)
        case exp.Neg(this=exp.Literal(is_string=False) as literal) if str(literal.this).isdigit():
            return Constant(-int(literal.this))
        case exp.Placeholder() | exp.Parameter():
            return _parameter(node.this.name if isinstance(node.this, exp.Expression) else str(node.this or ""))
    return None


def _keeps_text(cast: exp.Cast) -> bool:
    """Whether a cast that succeeds leaves the text of its value as it is (`$1::INTEGER`, as SQLAlchemy writes)."""
    target = cast.args["to"]
    # With parameters inside the value: SQLite's CAST('1x' AS INT) is 1, and a VARCHAR(2) cuts.
    return isinstance(cast.this, exp.Parameter) and not target.expressions and target.this in _SAME_TEXT


def _parameter(key: str) -> Parameter | None:
    if key.startswith(_POSITION):
        return Parameter(int(key.removeprefix(_POSITION)))
    if key.isdigit():
        return Parameter(int(key) - 1)
    return Parameter(key) if key else None


class _Reader:
    """Reads one syntax tree."""

    def __init__(self, tree: exp.Expression, sql: str) -> None:
        self._tree = tree
        self._sql = sql
        self._ctes = frozenset(str(cte.alias).lower() for cte in tree.find_all(exp.CTE))

    def shape(self) -> StatementShape:
        """Return what the tree says."""
        tree = self._tree
        verb = next(
            (
                verb
                for kind, verb in (
                    (exp.Insert, Verb.INSERT),
                    (exp.Update, Verb.UPDATE),
                    (exp.Delete, Verb.DELETE),
                    (exp.Query, Verb.SELECT),
                )
                if isinstance(tree, kind)
            ),
            Verb.OTHER,
        )
        unknown = self._unknown() or ("" if verb is not Verb.OTHER else f"not understood: {type(tree).__name__}")
        target_node = self._target_node()
        target = self._access(target_node) if target_node is not None else None
        reads = [self._access(table) for table in tree.find_all(exp.Table) if table is not target_node]
        if target is not None and verb in {Verb.UPDATE, Verb.DELETE}:
            reads.append(target)
        conflict = tree.args.get("conflict")
        return StatementShape(
            verb,
            reads=tuple(reads),
            target=target,
            rows=self._rows() if verb is Verb.INSERT else (),
            from_query=verb is Verb.INSERT and isinstance(tree.args.get("expression"), exp.Query),
            assigned=self._assigned(conflict),
            replaces=bool(conflict and conflict.expressions)
            or str(tree.args.get("alternative") or "").upper() == "REPLACE",
            locking=any(True for _ in tree.find_all(exp.Lock)),
            returning=tree.args.get("returning") is not None,
            columns=self._columns() if verb is Verb.SELECT else (),
            ctes=self._ctes,
            unknown=unknown,
            reads_time=bool(_TIME.search(self._sql)),
            random=bool(_RANDOM.search(self._sql)),
        )

    def _unknown(self) -> str:
        """Return why the statement cannot be understood, if something in it may do anything."""
        for call in self._tree.find_all(exp.Anonymous):
            if str(call.this).lower() not in _PURE:
                return f"unknown function: {call.this}"
        inner = [node for node in self._tree.find_all(exp.Insert, exp.Update, exp.Delete) if node is not self._tree]
        if inner:
            return "a statement that writes inside another"
        if any(True for _ in self._tree.find_all(exp.Command, exp.Into)):
            return "not understood"
        return ""

    def _target_node(self) -> exp.Table | None:
        tree = self._tree
        if not isinstance(tree, exp.Insert | exp.Update | exp.Delete):
            return None
        found = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
        return found if isinstance(found, exp.Table) else None

    def _access(self, table: exp.Table) -> TableAccess:
        scope = table.find_ancestor(exp.Select, exp.Update, exp.Delete, exp.Insert)
        if scope is None or isinstance(scope, exp.Insert):
            return TableAccess(_table_name(table))
        conditions: list[exp.Expression] = []
        where = scope.args.get("where")
        if where is not None:
            conditions.append(where.this)
        join = table.parent
        # A condition of a RIGHT or FULL join does not limit which rows are read.
        if (
            isinstance(join, exp.Join)
            and str(join.args.get("side") or "").upper() in {"", "LEFT"}
            and join.args.get("on")
        ):
            conditions.append(join.args["on"])
        own = {
            other
            for other in scope.find_all(exp.Table)
            if other.find_ancestor(exp.Select, exp.Update, exp.Delete) is scope
        }
        names = {str(table.alias or table.name).lower()}
        pinned: dict[str, tuple[Bound, ...]] = {}
        for condition in conditions:
            for column, values in _pins(condition):
                qualifier = str(column.table).lower()
                if qualifier in names or (not qualifier and len(own) == 1):
                    pinned.setdefault(str(column.name).lower(), values)
        plain = where is not None and not (scope.args.get("joins") or scope.args.get("laterals")) and _is_plain(where)
        return TableAccess(_table_name(table), pinned, plain)

    def _rows(self) -> tuple[Mapping[str, Bound | None], ...]:
        schema, values = self._tree.this, self._tree.args.get("expression")
        if not isinstance(values, exp.Values):
            return ({},) if values is None else ()
        # Without a column list the values stand in the order of the table: names are positions until bound.
        names = [str(c.name).lower() for c in schema.expressions] if isinstance(schema, exp.Schema) else []
        rows = []
        for row in values.expressions:
            cells = row.expressions if isinstance(row, exp.Tuple) else [row]
            labels = names or [f"#{at}" for at in range(len(cells))]
            rows.append(dict(zip(labels, (_bound(cell) for cell in cells), strict=False)))
        return tuple(rows)

    def _assigned(self, conflict: exp.Expression | None) -> tuple[str, ...]:
        owner = self._tree if isinstance(self._tree, exp.Update) else conflict
        if owner is None:
            return ()
        columns: list[str] = []
        for item in owner.expressions:
            left = item.this if isinstance(item, exp.EQ) else item
            columns += [str(column.name).lower() for column in left.find_all(exp.Column)]
        return tuple(dict.fromkeys(columns))

    def _columns(self) -> tuple[str, ...]:
        selected = getattr(self._tree, "selects", [])
        names = [str(item.unalias().name).lower() for item in selected if isinstance(item.unalias(), exp.Column)]
        return tuple(name for name in names if name != "*")


def _is_plain(where: exp.Expression) -> bool:
    return all(
        isinstance(node, _COMPARISONS) or (isinstance(node, exp.Cast) and _keeps_text(node)) for node in where.walk()
    )


def _pins(condition: exp.Expression) -> list[tuple[exp.Column, tuple[Bound, ...]]]:
    """Return the columns that a conjunction pins to values."""
    found: list[tuple[exp.Column, tuple[Bound, ...]]] = []
    for part in condition.flatten() if isinstance(condition, exp.And) else [condition]:
        bare = part.unnest()
        if isinstance(bare, exp.And):
            found += _pins(bare)
        elif isinstance(bare, exp.EQ):
            for column, other in ((bare.this, bare.expression), (bare.expression, bare.this)):
                value = _bound(other)
                if isinstance(column, exp.Column) and value is not None:
                    found.append((column, (value,)))
        elif isinstance(bare, exp.In) and isinstance(bare.this, exp.Column) and not bare.args.get("query"):
            values = [_bound(item) for item in bare.expressions]
            known = tuple(value for value in values if value is not None)
            if values and len(known) == len(values):
                found.append((bare.this, known))
    return found
