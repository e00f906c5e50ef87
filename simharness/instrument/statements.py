"""Rewriting of statements, and of the functions and classes that they define."""

# ruff: noqa: N802, N815 — the names that ast.NodeVisitor calls
from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from simharness.instrument.call_expressions import CallRewriter
from simharness.instrument.scalars import scalar_names
from simharness.instrument.scope import Scope, ScopeKind, Scopes, parameter_names
from simharness.instrument.shortcuts import updated_attribute
from simharness.instrument.syntax import is_number, nesting, suspends


class Rewriter(CallRewriter):
    """Rewrites the functions of one module."""

    def rewrite(self, tree: ast.Module) -> ast.Module:
        """Return the module with its functions rewritten in place."""
        tree.body = self.block(tree.body)
        return ast.fix_missing_locations(tree)

    def block(self, body: Sequence[ast.stmt]) -> list[ast.stmt]:
        """Return rewritten statements."""
        rewritten: list[ast.stmt] = []
        for statement in body:
            result = self.visit(statement)
            rewritten += result if isinstance(result, list) else [result]
        return rewritten

    # -- functions and classes -----------------------------------------------------------------------------------

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Any:
        node.decorator_list = [self._decorator(decorator) for decorator in node.decorator_list]
        self.visit_defaults(node.args)
        scope, outer = self.scopes.by_node[node], self.scope
        kept = self.active, self._no_temporaries, self._temporaries
        first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        with self.entered(node.name, first):
            self.scope, self.active = scope, self.inside_root
            self._no_temporaries, self._temporaries = int(_looks_at_namespace(node)), 0
            prologue = self._prologue(node, scope, outer) if self.active else []
            if self.active:
                unknown = scope.parameters | scope.cells | scope.globals | scope.nonlocals
                self.scalars[scope] = scalar_names(node, unknown, self.is_builtin)
            documented = int(ast.get_docstring(node, clean=False) is not None)
            node.body = [*node.body[:documented], *prologue, *self.block(node.body[documented:])]
        self.active, self._no_temporaries, self._temporaries = kept
        self.scope = outer
        return self.stored([node.name], node, before=False)

    visit_FunctionDef = visit_AsyncFunctionDef = _function

    def _decorator(self, node: ast.expr) -> ast.expr:
        rewritten = self.visit(node)
        return self.hook("call", node, rewritten) if self.active else rewritten

    def _prologue(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope, outer: Scope) -> list[ast.stmt]:
        """Return the statements that name the variables and the instance of a call."""
        at = node.body[0]
        statements: list[ast.stmt] = []
        if scope.cells:
            name = self.framed[scope] = f"_simharness_frame_{scope.depth}"
            title = self.constant(f"cell {self.module}.{scope.title}", at)
            target = self.placed(ast.Name(name, ast.Store()), at)
            statements.append(self.placed(ast.Assign([target], self.hook("frame", at, title)), at))
        parameters = parameter_names(node.args)
        if node.name == "__init__" and outer.kind is ScopeKind.CLASS and parameters:
            statements.append(self.placed(ast.Expr(self.hook("constructed", at, self.name(parameters[0], at))), at))
        return statements

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        """Rewrite a class."""
        node.decorator_list = [self._decorator(decorator) for decorator in node.decorator_list]
        node.bases = [self.visit(base) for base in node.bases]
        for keyword in node.keywords:
            keyword.value = self.visit(keyword.value)
        outer, self.scope = self.scope, self.scopes.by_node[node]
        self.classes.append(node.name)
        self.qualname.append(node.name)
        documented = int(ast.get_docstring(node, clean=False) is not None)
        node.body = [*node.body[:documented], *self.block(node.body[documented:])]
        self.qualname.pop()
        self.classes.pop()
        self.scope = outer
        return self.stored([node.name], node, before=False)

    # -- stores --------------------------------------------------------------------------------------------------

    def stored(self, names: list[str], node: ast.stmt, *, before: bool) -> Any:
        """Return ``node`` with a record of the shared variables among ``names`` before or after it."""
        records = self.records(names, node)
        if not records:
            return node
        return [*records, node] if before else [node, *records]

    def records(self, names: list[str], at: ast.AST) -> list[ast.stmt]:
        """Return statements that record a store to each shared variable among ``names``."""
        if not self.active or self.scope.kind is ScopeKind.CLASS:
            return []
        none = self.constant(None, at)
        hooked = [self.variable_hook(none, name, write=True) for name in names if self.variable(name) is not None]
        return [self.placed(ast.Expr(hook), at) for hook in hooked]

    def visit_Assign(self, node: ast.Assign) -> Any:
        """Rewrite an assignment."""
        waits = suspends(node.value)
        nested = max(nesting(target) for target in node.targets)
        names = [name for target in node.targets for name in bound_names(target)]
        literal = isinstance(node.value, ast.Tuple)
        node.value = self.visit(node.value)
        if self.active and nested and not (literal and nested == 1):
            node.value = self.hook("unpack", node.value, node.value, self.constant(nested, node.value))
        node.targets = [self.visit(target) for target in node.targets]
        if len(names) == 1 and self.active and self.scope.kind is not ScopeKind.CLASS:
            node.value = self.variable_hook(node.value, names[0], write=True)
            return node
        return self.stored(names, node, before=not waits)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        """Rewrite an annotated assignment."""
        if node.value is None:
            return node
        node.value = self.visit(node.value)
        node.target = self.visit(node.target)
        names = bound_names(node.target)
        if names and self.active and self.scope.kind is not ScopeKind.CLASS:
            node.value = self.variable_hook(node.value, names[0], write=True)
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        """Rewrite an augmented assignment."""
        if not self.active:
            return self.generic_visit(node)
        waits = suspends(node.value)
        argument = self.visit(node.value)
        if not self.known_scalar(node.value) and not isinstance(node.target, ast.Name):
            argument = self.hook("value", argument, argument)
        if isinstance(node.target, ast.Attribute):
            return self._augment_attribute(node, node.target, argument, waits=waits)
        if isinstance(node.target, ast.Subscript):
            return self._augment_item(node, node.target, argument, waits=waits)
        name = node.target.id
        if not is_number(node.value) and not self.known_scalar(self.name(name, node)):
            argument = self.hook("write_if_mutable", argument, argument, self.name(name, node))
        node.value = self.variable_hook(argument, name, write=True)
        if waits and self.variable(name) is not None:
            read = self.variable_hook(self.constant(None, node), name, write=False)
            return [self.placed(ast.Expr(read), node), node]
        return node

    def _augment_attribute(self, node: ast.AugAssign, target: ast.Attribute, argument: ast.expr, *, waits: bool) -> Any:
        attribute = self.constant(self.mangled(target.attr), target)
        subjects = self.twice(target.value) if waits else None
        node.value = argument
        if subjects is None:
            local = self.local(target.value)
            title = "update_attribute" if local is None else "update_local"
            call = self.hook(title, target, self.visit(target.value), attribute)
            target.value = call if local is None else updated_attribute(call, local)
        else:
            target.value = self.hook("attribute", target, subjects[0], attribute)
            node.value = self.hook("late_attribute", argument, argument, subjects[1], attribute)
        return node

    def _augment_item(self, node: ast.AugAssign, target: ast.Subscript, argument: ast.expr, *, waits: bool) -> Any:
        node.value = argument
        subjects = self.twice(target.value) if waits else None
        container = self.visit(target.value) if subjects is None else subjects[0]
        keys = None if isinstance(target.slice, ast.Slice | ast.Tuple) else self.twice(target.slice)
        if keys is None:
            target.slice = self.visit(target.slice)
            target.value = self.hook("write_whole", target, container)
            return node
        target.slice = keys[1]
        if subjects is None:
            target.value = self.hook("update_item", target, container, keys[0])
        else:
            target.value = self.hook("item", target, container, keys[0])
            again = self.copy_of(keys[1])
            node.value = self.hook("late_item", argument, argument, subjects[1], again)
        return node

    def visit_Delete(self, node: ast.Delete) -> Any:
        """Rewrite a `del`."""
        names = [name for target in node.targets for name in bound_names(target)]
        node.targets = [self.visit(target) for target in node.targets]
        return self.stored(names, node, before=True)

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> Any:
        """Rewrite an import."""
        names = [(alias.asname or alias.name).partition(".")[0] for alias in node.names]
        return self.stored(names, node, before=False)

    visit_ImportFrom = visit_Import

    # -- control flow --------------------------------------------------------------------------------------------

    def visit_For(self, node: ast.For) -> Any:
        """Rewrite a loop."""
        waits = suspends(*node.body)
        node.iter = self.iteration(node.iter, nesting(node.target), waits=waits)
        return self._loop(node)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> Any:
        """Rewrite an asynchronous loop."""
        node.iter = self.visit(node.iter)
        return self._loop(node)

    def _loop(self, node: ast.For | ast.AsyncFor) -> Any:
        records = self.records(bound_names(node.target), node.target)
        node.target = self.visit(node.target)
        node.body = [*records, *self.block(node.body)]
        node.orelse = self.block(node.orelse)
        return node

    def visit_While(self, node: ast.While | ast.If) -> Any:
        """Rewrite a loop or a branch on a condition."""
        node.test = self.truth(node.test)
        node.body, node.orelse = self.block(node.body), self.block(node.orelse)
        return node

    visit_If = visit_While

    def visit_Assert(self, node: ast.Assert) -> Any:
        """Rewrite an assertion."""
        node.test = self.truth(node.test)
        if node.msg is not None:
            node.msg = self.visit(node.msg)
        return node

    def visit_With(self, node: ast.With | ast.AsyncWith) -> Any:
        """Rewrite a `with`."""
        names: list[str] = []
        for item in node.items:
            manager = self.visit(item.context_expr)
            item.context_expr = self.hook("value", manager, manager) if self.active else manager
            if item.optional_vars is not None:
                names += bound_names(item.optional_vars)
                item.optional_vars = self.visit(item.optional_vars)
        node.body = [*self.records(names, node), *self.block(node.body)]
        return node

    visit_AsyncWith = visit_With

    def visit_Try(self, node: Any) -> Any:
        """Rewrite a `try`."""
        node.body, node.orelse = self.block(node.body), self.block(node.orelse)
        for handler in node.handlers:
            if handler.type is not None:
                handler.type = self.visit(handler.type)
            names = [] if handler.name is None else [handler.name]
            handler.body = [*self.records(names, handler), *self.block(handler.body)]
        node.finalbody = self.block(node.finalbody)
        return node

    visit_TryStar = visit_Try

    def visit_Match(self, node: ast.Match) -> Any:
        """Rewrite a `match`."""
        node.subject = self.visit(node.subject)
        if self.active:
            node.subject = self.hook("deep_match", node.subject, node.subject)
        for case in node.cases:
            # Patterns stay: what they may look at was recorded with the subject.
            names = [part.name for part in ast.walk(case.pattern) if isinstance(part, ast.MatchAs | ast.MatchStar)]
            names += [part.rest for part in ast.walk(case.pattern) if isinstance(part, ast.MatchMapping)]
            if case.guard is not None:
                case.guard = self.truth(case.guard)
            case.body = [*self.records([name for name in names if name], case.body[0]), *self.block(case.body)]
        return node


def bound_names(target: ast.expr) -> list[str]:
    """Return the plain names that an assignment target binds."""
    if isinstance(target, ast.Name):
        return [target.id]
    if isinstance(target, ast.Starred):
        return bound_names(target.value)
    if isinstance(target, ast.Tuple | ast.List):
        return [name for part in target.elts for name in bound_names(part)]
    return []


def _looks_at_namespace(node: ast.AST) -> bool:
    """Return whether a function asks for its own local names, which must then be those of the program."""
    return any(
        isinstance(part, ast.Call)
        and isinstance(part.func, ast.Name)
        and part.func.id in ("locals", "vars", "eval", "exec", "dir")
        for part in ast.walk(node)
    )


def parse(source: str, filename: str) -> tuple[ast.Module, Scopes]:
    """Return the syntax tree of a module and its scopes."""
    tree = ast.parse(source, filename)
    return tree, Scopes(tree)
