"""YAML 1.2 to plain values that remember their lines.

Only the safe core of YAML is read: mappings with unique text keys, lists, text, whole numbers, decimals, booleans,
null. ``on`` and ``no`` stay text. Numbers with a point become :class:`~decimal.Decimal`: they are prices.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from simharness.errors import ScenarioError

_TAG = "tag:yaml.org,2002:"
# What aliases may blow a document up to; the largest scenario anybody writes is a hundredth of it.
_VALUES_MAX = 50_000


class Table(dict[str, Any]):
    """A mapping, the line where it starts, and the line of each key."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}


class Items(tuple[Any, ...]):
    """A list, and the line of each item."""

    lines: tuple[int, ...] = ()


def read(text: str, path: str) -> Table:
    """Return the mapping that a YAML text holds.

    Args:
        text: the whole document.
        path: what to call it in errors.

    Raises:
        ScenarioError: it is no YAML, holds more than the safe core, or is not one mapping.
    """
    try:
        node = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        raise ScenarioError(f"{path}:{line}: not valid YAML: {_one_line(error.problem or error.context)}") from None
    except RecursionError:
        raise ScenarioError(f"{path}:1: not a scenario: nested too deeply") from None
    except (YAMLError, ValueError) as error:
        raise ScenarioError(f"{path}:1: not valid YAML: {_one_line(str(error))}") from None
    if node is None:
        raise ScenarioError(f"{path}:1: the file is empty; a scenario starts with `scenario: NAME`")
    if not isinstance(node, MappingNode):
        kind = "a list" if isinstance(node, SequenceNode) else "a single value"
        raise ScenarioError(f"{path}:{_line(node)}: a scenario is a mapping (key: value), not {kind}")
    table = _Reader(path).value(node)
    assert isinstance(table, Table)
    return table


def line_of(table: Table, place: Sequence[str | int]) -> int:
    """Return the line of what stands at ``place``, or of the nearest thing around it that has one."""
    line = table.line
    value: Any = table
    for part in place:
        found = _step_into(value, part)
        if found is None:
            return line
        line, value = found
    return line


def _step_into(value: Any, part: str | int) -> tuple[int, Any] | None:
    if isinstance(value, Table) and isinstance(part, str) and part in value:
        return value.lines[part], value[part]
    if isinstance(value, Items) and isinstance(part, int) and 0 <= part < len(value):
        return value.lines[part], value[part]
    return None


class _Reader:
    """Builds values from composed nodes."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._open: set[int] = set()
        self._count = 0

    def value(self, node: Node) -> Any:
        self._count += 1
        if self._count > _VALUES_MAX:
            raise self._error(node, f"more than {_VALUES_MAX} values; aliases multiply")
        if isinstance(node, ScalarNode):
            return self._scalar(node)
        # Identity only tells an alias to an enclosing node; it is never ordered or printed.
        if id(node) in self._open:
            raise self._error(node, "an alias refers to something around itself")
        self._open.add(id(node))
        try:
            if isinstance(node, MappingNode):
                return self._table(node)
            assert isinstance(node, SequenceNode)
            return self._items(node)
        finally:
            self._open.discard(id(node))

    def _table(self, node: MappingNode) -> Table:
        self._expect_tag(node, "map")
        table = Table(_line(node))
        for key_node, value_node in node.value:
            key = self._key(key_node)
            if key in table:
                raise self._error(key_node, f"the key {key!r} stands here twice, first in line {table.lines[key]}")
            table.lines[key] = _line(key_node)
            table[key] = self.value(value_node)
        return table

    def _key(self, node: Node) -> str:
        if not isinstance(node, ScalarNode):
            raise self._error(node, "a key must be text")
        if node.tag == _TAG + "merge":
            raise self._error(node, "merge keys (<<) are not part of YAML 1.2; write the keys out")
        key = self._scalar(node)
        if not isinstance(key, str):
            raise self._error(node, f"a key must be text; write '{node.value}' in quotes")
        return key

    def _items(self, node: SequenceNode) -> Items:
        self._expect_tag(node, "seq")
        items = Items(self.value(item) for item in node.value)
        items.lines = tuple(_line(item) for item in node.value)
        return items

    def _scalar(self, node: ScalarNode) -> str | int | bool | Decimal | None:
        text = self._text(node)
        kind = str(node.tag).removeprefix(_TAG)
        if kind in {"str", "timestamp", "value"}:
            return text
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() in {"true", "yes", "on"}
        try:
            if kind == "int":
                return _whole(text)
            if kind == "float":
                return _decimal(text)
        except ValueError:
            raise self._error(node, f"{text[:40]!r} is not a number that can be used here") from None
        raise self._error(node, f"the tag {node.tag} is not allowed; only plain values are read")

    def _text(self, node: ScalarNode) -> str:
        text = str(node.value)
        if text.isascii():
            return text
        try:
            # JSON writes what lies beyond 16 bits as two escapes; YAML leaves them as two halves.
            return text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            raise self._error(node, "the text holds half a character (a lone surrogate)") from None

    def _expect_tag(self, node: Node, kind: str) -> None:
        if node.tag != _TAG + kind:
            raise self._error(node, f"the tag {node.tag} is not allowed; only plain values are read")

    def _error(self, node: Node, message: str) -> ScenarioError:
        return ScenarioError(f"{self._path}:{_line(node)}: {message}")


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1


def _one_line(text: str | None) -> str:
    return " ".join((text or "unreadable").split())


def _whole(text: str) -> int:
    digits = text.replace("_", "").lower()
    sign = -1 if digits.startswith("-") else 1
    digits = digits.lstrip("+-")
    base = {"0x": 16, "0o": 8, "0b": 2}.get(digits[:2], 10)
    return sign * int(digits if base == 10 else digits[2:], base)


def _decimal(text: str) -> Decimal:
    try:
        number = Decimal(text.replace("_", ""))
    except InvalidOperation:
        raise ValueError(text) from None
    if not number.is_finite():
        raise ValueError(text)
    return number
