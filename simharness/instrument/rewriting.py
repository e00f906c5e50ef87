"""What rewriters are built from: hooks, temporaries, and what can be said of an expression without running it."""

from __future__ import annotations

import ast
import builtins
from typing import Any, TypeVar

from simharness.instrument.hooks import mark
from simharness.instrument.scalars import is_scalar
from simharness.instrument.scope import Scope, ScopeKind, Scopes, mangle
from simharness.instrument.shortcuts import unless_quiet

_Node = TypeVar("_Node", bound=ast.AST)


class RewriterBase(ast.NodeTransformer):
    """Where a rewriter stands in the module, and what it makes rewritten code of.

    Args:
        scopes: the scopes of the module.
        module: its name, for keys.
        root: qualified name and first line of the only function to rewrite, with all that is inside it; None: every
            function. Functions around the root are not rewritten, so that a function object made by one of them can
            be given the code of the root: its free variables stay the same.
    """

    def __init__(self, scopes: Scopes, module: str, root: tuple[str, int] | None = None) -> None:
        self.root = root
        self.inside_root = root is None
        self.scopes = scopes
        self.module = module
        self.scope: Scope = scopes.module
        self.active = False
        self.classes: list[str] = []
        self.qualname: list[str] = []
        self.framed: dict[Scope, str] = {}
        self.scalars: dict[Scope, set[str]] = {}
        self._temporaries = 0
        self._no_temporaries = 0

    def hook(self, title: str, at: ast.AST, *arguments: ast.expr) -> ast.Call:
        """Return a call of a hook, at the place of ``at``."""
        call = ast.Call(func=self.constant(mark(title), at), args=list(arguments), keywords=[])
        return self.placed(call, at)

    def constant(self, content: Any, at: ast.AST) -> ast.Constant:
        """Return a literal at the place of ``at``."""
        return self.placed(ast.Constant(content), at)

    @staticmethod
    def placed(node: _Node, at: ast.AST) -> _Node:
        """Return ``node`` with the position of ``at``."""
        return ast.copy_location(node, at)

    def name(self, name: str, at: ast.AST) -> ast.Name:
        """Return a plain load of a name, without hooks."""
        return self.placed(ast.Name(name, ast.Load()), at)

    def mangled(self, name: str) -> str:
        """Return a private name as the compiler spells it here."""
        return mangle(name, self.classes[-1] if self.classes else None)

    def temporary(self) -> str | None:
        """Return a new local name, or None where the language or the program does not allow one."""
        if self.scope.kind is not ScopeKind.FUNCTION or self._no_temporaries:
            return None
        self._temporaries += 1
        return f"_simharness_{self._temporaries}"

    def store(self, temporary: str, content: ast.expr) -> ast.NamedExpr:
        """Return ``(temporary := content)``."""
        target = self.placed(ast.Name(temporary, ast.Store()), content)
        return self.placed(ast.NamedExpr(target, content), content)

    def is_simple(self, node: ast.expr) -> bool:
        """Return whether evaluating ``node`` twice is the same as once: a literal or an unshared local."""
        if isinstance(node, ast.UnaryOp):
            return isinstance(node.operand, ast.Constant)
        if isinstance(node, ast.Name):
            owner = self.scope.owner(self.mangled(node.id))
            return owner is not None and owner.kind is not ScopeKind.MODULE and node.id not in owner.cells
        return isinstance(node, ast.Constant)

    def is_builtin(self, node: ast.expr) -> str | None:
        """Return the name of a built-in function that nothing in the module shadows."""
        if not isinstance(node, ast.Name) or not hasattr(builtins, node.id):
            return None
        owner = self.scope.owner(node.id)
        unbound = node.id not in self.scopes.module.bound and node.id not in self.scopes.variables
        return node.id if unbound and (owner is None or owner.kind is ScopeKind.MODULE) else None

    def known_scalar(self, node: ast.expr) -> bool:
        """Return whether ``node`` is certainly a number, a text or the like."""
        frame = self.scope.frame
        scalars = self.scalars.get(frame, set())
        if self.scope is not frame:  # a variable of a comprehension may have the name of one of the function's
            scalars = {each for each in scalars if self.scope.owner(self.mangled(each)) is frame}
        return is_scalar(node, scalars, self.is_builtin)

    def unless_quiet(self, call: ast.Call, *looked_at: ast.expr) -> ast.expr:
        """Return a call of a hook that returns its first argument, left out where all it looks at are scalars."""
        return unless_quiet(call, [node for node in looked_at if not self.known_scalar(node)])

    def local(self, node: ast.expr) -> ast.Name | None:
        """Return ``node`` if it is an unshared local variable in a place where temporaries are allowed."""
        return node if isinstance(node, ast.Name) and self.is_simple(node) and self.temporary() is not None else None

    def copy_of(self, node: ast.expr) -> ast.expr:
        """Return a second instance of a simple expression."""
        if isinstance(node, ast.Name):
            return self.name(node.id, node)
        if isinstance(node, ast.UnaryOp):
            return self.placed(ast.UnaryOp(node.op, self.copy_of(node.operand)), node)
        assert isinstance(node, ast.Constant)
        return self.constant(node.value, node)

    def twice(self, node: ast.expr) -> tuple[ast.expr, ast.expr] | None:
        """Return the rewritten ``node`` for a first and a second use; None if it cannot be kept."""
        if self.is_simple(node):
            return node, self.copy_of(node)
        kept = self.temporary()
        if kept is None:
            return None
        return self.store(kept, self.visit(node)), self.name(kept, node)
