"""Rewriting of expressions: every access of the heap goes through a hook, evaluated once and in the same order."""

# ruff: noqa: N802, N815 — the names that ast.NodeVisitor calls
from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from simharness.instrument.rewriting import RewriterBase
from simharness.instrument.scope import ComprehensionNode, ScopeKind
from simharness.instrument.shortcuts import local_attribute
from simharness.instrument.syntax import NEW_DISPLAYS, has_slice, is_number, is_path, nesting, suspends


class ExpressionRewriter(RewriterBase):
    """Rewrites the expressions of function bodies; code outside of functions stays as it is."""

    # -- names ---------------------------------------------------------------------------------------------------

    def variable(self, name: str) -> tuple[str, list[Any]] | None:
        """Return the hook suffix and the arguments for a name that several functions share, or None."""
        name = self.mangled(name)
        owner = self.scope.owner(name)
        if owner is None or owner.kind is ScopeKind.MODULE:
            return ("global", [f"global {self.module}.{name}"]) if name in self.scopes.variables else None
        return ("cell", [owner, name]) if name in owner.cells else None

    def variable_hook(self, content: ast.expr, name: str, *, write: bool) -> ast.expr:
        """Return ``content``, passed through the hook for a shared variable if ``name`` is one."""
        shared = self.variable(name)
        if shared is None or not self.active:
            return content
        sort, details = shared
        if sort == "global":
            title = "write_global" if write else "read_global"
            return self.hook(title, content, content, self.constant(details[0], content))
        owner, text = details
        frame = self.framed.get(owner)
        place: ast.expr
        if frame is None:
            place = self.constant(f"cell {self.module}.{owner.title}", content)
        else:
            place = self.name(frame, content)
        return self.hook("write_cell" if write else "cell", content, content, place, self.constant(text, content))

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """Rewrite a name."""
        if not isinstance(node.ctx, ast.Load):
            return node
        return self.variable_hook(node, node.id, write=False)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> ast.expr:
        """Rewrite an assignment expression."""
        node.value = self.variable_hook(self.visit(node.value), node.target.id, write=True)
        return node

    # -- attributes and items ------------------------------------------------------------------------------------

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        """Rewrite an attribute."""
        local = self.local(node.value) if self.active else None
        node.value = self.visit(node.value)
        if not self.active:
            return node
        reading = isinstance(node.ctx, ast.Load)
        attribute = self.constant(self.mangled(node.attr), node)
        if local is not None:
            title = "read_from_local" if reading else "write_to_local"
            node.value = local_attribute(self.hook(title, node.value, node.value, attribute), local, reading=reading)
        else:
            node.value = self.hook("attribute" if reading else "write_attribute", node.value, node.value, attribute)
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        """Rewrite an item or a slice."""
        if not self.active:
            return self.generic_visit(node)  # type: ignore[return-value]  # an expression stays one
        reading = isinstance(node.ctx, ast.Load)
        container = self.visit(node.value)
        if has_slice(node.slice):
            node.slice = self.visit(node.slice)
            node.value = self.hook("value" if reading else "write_whole", container, container)
            return node
        keys = self.twice(node.slice)
        if keys is None and reading:
            return self.hook("get_item", node, container, self.visit(node.slice))
        if keys is None:
            node.slice = self.visit(node.slice)
            node.value = self.hook("write_whole", container, container)
            return node
        node.value = self.hook("item" if reading else "write_item", container, container, keys[0])
        node.slice = keys[1]
        return node

    # -- operators -----------------------------------------------------------------------------------------------

    def operand(self, node: ast.expr, title: str = "value") -> ast.expr:
        """Return the rewritten operand of an operator that reads containers as a whole."""
        if isinstance(node, ast.Constant | ast.JoinedStr | ast.Compare | ast.GeneratorExp | ast.Lambda):
            return self.visit(node)  # type: ignore[no-any-return]  # NodeTransformer.visit is untyped
        if isinstance(node, ast.BinOp) and not isinstance(node.op, ast.BitOr):
            return self.visit(node)  # type: ignore[no-any-return]  # as above
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
            return self.visit(node)  # type: ignore[no-any-return]  # as above
        if isinstance(node, NEW_DISPLAYS):
            return self.contents(node) if title == "value" else self.hook(title, node, self.contents(node))
        if self.known_scalar(node):
            return self.visit(node)  # type: ignore[no-any-return]  # as above
        simple = isinstance(node, ast.Name) and self.is_simple(node)
        call = self.hook(title, node, self.visit(node))
        return self.unless_quiet(call, node) if simple else call

    def contents(self, node: ast.expr) -> ast.expr:
        """Return a rewritten display that needs no name, because nothing can keep it."""
        rewritten = self.visit(node)
        if isinstance(rewritten, ast.Call) and isinstance(node, (*NEW_DISPLAYS, ast.GeneratorExp)):
            return rewritten.args[0]
        return rewritten  # type: ignore[no-any-return]  # NodeTransformer.visit is untyped

    def truth(self, node: ast.expr) -> ast.expr:
        """Return a rewritten condition: an empty container is false."""
        if not self.active:
            return self.visit(node)  # type: ignore[no-any-return]  # as above
        if isinstance(node, ast.BoolOp):
            node.values = [self.truth(part) for part in node.values]
            return node
        return self.operand(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        """Rewrite `and` and `or`."""
        node.values = [*map(self.truth, node.values[:-1]), self.visit(node.values[-1])]
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        """Rewrite a unary operator."""
        node.operand = self.truth(node.operand) if isinstance(node.op, ast.Not) else self.visit(node.operand)
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        """Rewrite a conditional expression."""
        node.test, node.body, node.orelse = self.truth(node.test), self.visit(node.body), self.visit(node.orelse)
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        """Rewrite a binary operator."""
        if not self.active:
            return self.generic_visit(node)  # type: ignore[return-value]  # an expression stays one
        makes_list = isinstance(node.left, NEW_DISPLAYS) or isinstance(node.right, NEW_DISPLAYS)
        title = "deep" if isinstance(node.op, ast.Mod) and not is_number(node.right) else "value"
        late = self.late_sides(node.left, node.right)
        if late is not None:
            node.left, node.right = late
            return node
        node.left = self.operand(node.left)
        node.right = self.operand(node.right, title)
        return self.hook("display", node, node) if makes_list else node

    def late_sides(self, left: ast.expr, right: ast.expr) -> tuple[ast.expr, ast.expr] | None:
        """Return both operands, looked at together when the right one is there; None: look at each on its own.

        A right side that waits makes that necessary. For a left side that is a plain name it only saves a call.
        """
        waits = suspends(right)
        if not waits and (not isinstance(left, ast.Name) or not self.is_simple(left) or not is_path(right)):
            return None
        keys = self.twice(left)
        if keys is None:
            return None
        plain = isinstance(right, ast.Name) and self.is_simple(right) and isinstance(keys[1], ast.Name)
        call = self.hook("operands", right, self.visit(right), keys[1])
        return keys[0], self.unless_quiet(call, right, keys[1]) if plain else call

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        """Rewrite a comparison."""
        if not self.active:
            return self.generic_visit(node)  # type: ignore[return-value]  # as above
        if len(node.ops) == 1 and isinstance(node.ops[0], ast.In | ast.NotIn):
            return self._membership(node)
        late = self.late_sides(node.left, node.comparators[0]) if len(node.ops) == 1 else None
        if late is not None:
            node.left, node.comparators = late[0], [late[1]]
            return node
        sides = [node.left, *node.comparators]
        if all(isinstance(op, ast.Is | ast.IsNot) for op in node.ops) or any(
            isinstance(side, ast.Constant) and len(sides) == 2 for side in sides
        ):
            sides = [self.visit(side) for side in sides]
        else:
            sides = [self.operand(side, "deep") for side in sides]
        node.left, node.comparators = sides[0], sides[1:]
        return node

    def _membership(self, node: ast.Compare) -> ast.expr:
        """Rewrite ``key in container``."""
        container = node.comparators[0]
        if isinstance(container, ast.Tuple | ast.List | ast.Set | ast.Constant):
            node.left, node.comparators = self.visit(node.left), [self.contents(container)]
            return node
        keys = self.twice(node.left)
        if keys is None:
            node.left, node.comparators = self.visit(node.left), [self.operand(container, "value")]
            return node
        node.left = keys[0]
        node.comparators = [self.hook("item", container, self.visit(container), keys[1])]
        return node

    def visit_FormattedValue(self, node: ast.FormattedValue) -> ast.expr:
        """Rewrite a part of an f-string."""
        node.value = self.operand(node.value, "deep") if self.active else self.visit(node.value)
        if node.format_spec is not None:
            node.format_spec = self.visit(node.format_spec)
        return node

    # -- displays and comprehensions -----------------------------------------------------------------------------

    def _named(self, node: ast.expr) -> ast.expr:
        return self.hook("display", node, node) if self.active else node

    def visit_List(self, node: ast.List | ast.Set) -> ast.expr:
        """Rewrite a list or a set."""
        self.generic_visit(node)
        storing = isinstance(node, ast.List) and not isinstance(node.ctx, ast.Load)
        return node if storing else self._named(node)

    visit_Set = visit_List

    def visit_Dict(self, node: ast.Dict) -> ast.expr:
        """Rewrite a dict."""
        for place, (key, content) in enumerate(zip(node.keys, node.values, strict=True)):
            if key is None:
                node.values[place] = self.operand(content) if self.active else self.visit(content)
            else:
                node.keys[place] = self.visit(key)
                node.values[place] = self.visit(content)
        return self._named(node)

    def visit_Starred(self, node: ast.Starred) -> ast.expr:
        """Rewrite an unpacked argument or item."""
        reading = self.active and isinstance(node.ctx, ast.Load)
        node.value = self.operand(node.value) if reading else self.visit(node.value)
        return node

    def _comprehension(self, node: ComprehensionNode, *, lazy: bool = False) -> ast.expr:
        scope, outer = self.scopes.by_node[node], self.scope
        parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        waits = lazy or suspends(*parts, *(test for part in node.generators for test in part.ifs))
        waits = waits or any(part.is_async for part in node.generators)
        for place, part in enumerate(node.generators):
            self._no_temporaries += 1
            self.scope = outer if place == 0 else scope
            nested = nesting(part.target)
            part.iter = self.visit(part.iter) if part.is_async else self.iteration(part.iter, nested, waits=waits)
            self._no_temporaries -= 1
            self.scope = scope
            part.target = self.visit(part.target)
            part.ifs = [self.truth(test) for test in part.ifs]
        if isinstance(node, ast.DictComp):
            node.key, node.value = self.visit(node.key), self.visit(node.value)
        else:
            node.elt = self.visit(node.elt)
        self.scope = outer
        return self._named(node)

    visit_ListComp = visit_SetComp = visit_DictComp = _comprehension

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.expr:
        """Rewrite a generator expression."""
        return self._comprehension(node, lazy=True)

    def consumed(self, node: ast.expr) -> ast.expr:
        """Return a rewritten generator expression that its receiver consumes at once."""
        assert isinstance(node, ast.GeneratorExp)
        rewritten = self._comprehension(node)
        return rewritten.args[0] if isinstance(rewritten, ast.Call) else rewritten

    def iteration(self, node: ast.expr, nested: int, *, waits: bool) -> ast.expr:
        """Return the rewritten iterable of a loop.

        Args:
            node: the iterable.
            nested: how deep the loop's target unpacks each item.
            waits: the loop may be suspended between two items.
        """
        if not self.active:
            return self.visit(node)  # type: ignore[no-any-return]  # NodeTransformer.visit is untyped
        content = self.contents(node)
        if isinstance(node, ast.Call) and self.is_builtin(node.func) == "range":
            return content
        return self.hook("iterate", node, content, self.constant(waits, node), self.constant(nested, node))

    # -- functions -----------------------------------------------------------------------------------------------

    def visit_Lambda(self, node: ast.Lambda) -> ast.expr:
        """Rewrite a lambda."""
        self.visit_defaults(node.args)
        outer, active, kept = self.scope, self.active, self._no_temporaries
        with self.entered("<lambda>", node.lineno):
            self.scope, self.active, self._no_temporaries = self.scopes.by_node[node], self.inside_root, 0
            node.body = self.visit(node.body)
        self.scope, self.active, self._no_temporaries = outer, active, kept
        return node

    @contextmanager
    def entered(self, name: str, first_line: int) -> Iterator[None]:
        """Follow the qualified name into a function, and notice the root."""
        outside = self.inside_root
        self.qualname.append(name)
        self.inside_root = outside or (".".join(self.qualname), first_line) == self.root
        self.qualname.append("<locals>")
        yield
        del self.qualname[-2:]
        self.inside_root = outside

    def visit_defaults(self, arguments: ast.arguments) -> None:
        """Rewrite default values, which the enclosing scope evaluates; annotations stay."""
        arguments.defaults = [self.visit(default) for default in arguments.defaults]
        arguments.kw_defaults = [None if default is None else self.visit(default) for default in arguments.kw_defaults]
