"""Questions about syntax trees that need no context."""

from __future__ import annotations

import ast

NEW_DISPLAYS = (ast.List, ast.Set, ast.Dict, ast.ListComp, ast.SetComp, ast.DictComp)


def suspends(*nodes: ast.AST | None) -> bool:
    """Return whether evaluating any of ``nodes`` may hand control to another task or to a generator's consumer."""
    todo: list[ast.AST] = [node for node in nodes if node is not None]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Await | ast.Yield | ast.YieldFrom | ast.AsyncFor | ast.AsyncWith):
            return True
        if isinstance(node, ast.comprehension) and node.is_async:
            return True
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.GeneratorExp):
            todo.extend(ast.iter_child_nodes(node))
    return False


def nesting(target: ast.expr) -> int:
    """Return how deep an assignment target unpacks its value: 0 for a name, 1 for ``a, b``."""
    if isinstance(target, ast.Starred):
        return nesting(target.value)
    if isinstance(target, ast.Tuple | ast.List):
        return 1 + max((nesting(part) for part in target.elts), default=0)
    return 0


def is_number(node: ast.expr) -> bool:
    """Return whether ``node`` is a literal that cannot be a container or text."""
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float | complex | None)


def has_slice(node: ast.expr) -> bool:
    """Return whether an index is or contains a slice."""
    return isinstance(node, ast.Slice) or (isinstance(node, ast.Tuple) and any(map(has_slice, node.elts)))


def is_path(node: ast.expr) -> bool:
    """Return whether ``node`` is a name or a chain of attributes: what it holds outlives the call anyway."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name)
