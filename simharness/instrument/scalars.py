"""Which local names of a function only ever hold numbers, texts and the like: reading those touches nothing.

Decided on the syntax alone: every place that binds the name must bind it to an expression that cannot be anything else,
such as an index of ``range`` or arithmetic of such names. Whoever else could bind it (another function, a pattern, an
import) makes it unknown.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

_Builtin = Callable[[ast.expr], str | None]

# Built-in functions whose result is a number or a truth value, whatever they are given.
_COUNTING = frozenset(("len", "ord", "id", "hash", "bool", "int", "float", "isinstance", "issubclass", "callable"))
# Those that return a scalar if they are given scalars.
_KEEPING = frozenset(("abs", "round", "min", "max", "str", "repr", "chr"))
_SCALARS = (int, float, complex, str, bytes, type(None))


def scalar_names(function: ast.FunctionDef | ast.AsyncFunctionDef, unknown: set[str], builtin: _Builtin) -> set[str]:
    """Return the names that are bound by ``function`` to scalars only.

    Args:
        function: not rewritten yet.
        unknown: names that others bind too: its parameters, and what it shares with other functions.
        builtin: returns the name of the built-in function that an expression stands for.
    """
    bindings = [(name, content) for name, content in _bindings(function.body, builtin) if name not in unknown]
    scalars = {name for name, _ in bindings}
    while True:
        wrong = {name for name, content in bindings if name in scalars and not is_scalar(content, scalars, builtin)}
        if not wrong:
            return scalars
        scalars -= wrong


def is_scalar(node: ast.expr | None, scalars: set[str], builtin: _Builtin) -> bool:  # noqa: PLR0911 — one way out for each sort of expression
    """Return whether an expression can only be a scalar, if ``scalars`` are; None is any expression."""

    def every(*parts: ast.expr) -> bool:
        return all(is_scalar(part, scalars, builtin) for part in parts)

    match node:
        case ast.Constant():
            return isinstance(node.value, _SCALARS)
        case ast.JoinedStr():
            return True
        case ast.Name():
            return node.id in scalars
        case ast.BinOp():
            return every(node.left, node.right)
        case ast.UnaryOp():
            return isinstance(node.op, ast.Not) or every(node.operand)
        case ast.BoolOp():
            return every(*node.values)
        case ast.IfExp():
            return every(node.body, node.orelse)
        case ast.Compare():
            telling = all(isinstance(op, ast.Is | ast.IsNot | ast.In | ast.NotIn) for op in node.ops)
            return telling or every(node.left, *node.comparators)
        case ast.Call():
            known = builtin(node.func)
            return known in _COUNTING or (
                known in _KEEPING and not node.keywords and _several(node) and every(*node.args)
            )
    return False


def _several(node: ast.Call) -> bool:
    """Return whether a call is not that of ``min`` or ``max`` with one iterable."""
    return isinstance(node.func, ast.Name) and (node.func.id not in ("min", "max") or len(node.args) > 1)


def _bindings(body: list[ast.stmt], builtin: _Builtin) -> Iterator[tuple[str, ast.expr | None]]:
    """Yield every name that the statements bind, with what it is bound to; None where that is not an expression."""
    todo: list[ast.AST] = list(body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, None
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            # Their own names; what they evaluate outside of themselves may still bind one.
            todo += [*node.args.defaults, *(each for each in node.args.kw_defaults if each is not None)]
            todo += getattr(node, "decorator_list", [])
        elif isinstance(node, ast.ClassDef):
            todo += [*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords)]
        else:
            yield from _bound(node, builtin)
            todo.extend(ast.iter_child_nodes(node))


def _bound(node: ast.AST, builtin: _Builtin) -> Iterator[tuple[str, ast.expr | None]]:
    match node:
        case ast.Assign():
            for target in node.targets:
                yield from _assigned(target, node.value)
        case ast.AnnAssign() if node.value is not None:
            yield from _assigned(node.target, node.value)
        case ast.AugAssign():
            yield from _assigned(node.target, node.value)
        case ast.NamedExpr():
            # In a comprehension its parts may be names of the comprehension.
            yield node.target.id, node.value if isinstance(node.value, ast.Constant) else None
        case ast.For() if isinstance(node.iter, ast.Call) and builtin(node.iter.func) == "range":
            yield from _assigned(node.target, ast.Constant(0))
        case ast.For() | ast.AsyncFor():
            yield from _assigned(node.target, None)
        case ast.withitem() if node.optional_vars is not None:
            yield from _assigned(node.optional_vars, None)
        case ast.ExceptHandler() | ast.MatchAs() | ast.MatchStar() if node.name is not None:
            yield node.name, None
        case ast.MatchMapping() if node.rest is not None:
            yield node.rest, None
        case ast.alias():
            yield (node.asname or node.name).partition(".")[0], None


def _assigned(target: ast.expr, content: ast.expr | None) -> Iterator[tuple[str, ast.expr | None]]:
    match target:
        case ast.Name():
            yield target.id, content
        case ast.Starred():
            yield from _assigned(target.value, None)
        case ast.Tuple() | ast.List():
            literal = isinstance(content, ast.Tuple) and len(content.elts) == len(target.elts)
            literal = literal and not any(isinstance(part, ast.Starred) for part in (*target.elts, *content.elts))  # type: ignore[union-attr]  # a tuple then
            for place, part in enumerate(target.elts):
                yield from _assigned(part, content.elts[place] if literal else None)  # type: ignore[union-attr]  # as above
