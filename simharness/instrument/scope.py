"""Which function owns a name: the part of Python's scoping rules that footprints depend on.

The compiler decides the same things, but its symbol tables cannot be matched with syntax nodes across Python
versions (3.12 adds scopes for type parameters and takes those of comprehensions away). So the rules are applied
here, on the syntax tree, before anything is rewritten.
"""

# ruff: noqa: N815 — the names that ast.NodeVisitor calls
from __future__ import annotations

import ast
from enum import Enum

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
ComprehensionNode = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


class ScopeKind(Enum):
    """What opens a scope."""

    MODULE = "module"
    CLASS = "class"
    FUNCTION = "function"
    INLINE = "inline"  # a list, set or dict comprehension: it runs to its end inside its owner's frame
    GENERATOR = "generator"  # a generator expression: it outlives the expression, as a function does


class Scope:
    """The names of one scope.

    Args:
        kind: what opened it.
        parent: the scope around it; None for the module.
        title: the name of the function or class, for keys.
    """

    def __init__(self, kind: ScopeKind, parent: Scope | None, title: str) -> None:
        self.kind = kind
        self.parent = parent
        self.title = title
        self.bound: dict[str, int] = {}
        self.parameters: set[str] = set()
        self.globals: set[str] = set()
        self.nonlocals: set[str] = set()
        # Names of this scope that another function reads or writes and that are bound after the call began.
        self.cells: set[str] = set()
        # Names bound by def, class or import only: never a variable, unless a `global` statement makes it one.
        self.depth: int = 0 if parent is None else parent.depth + 1

    def bind(self, name: str) -> None:
        """Note one place that binds ``name``."""
        self.bound[name] = self.bound.get(name, 0) + 1

    @property
    def frame(self) -> Scope:
        """Return the scope whose frame runs the code of this one."""
        scope = self
        while scope.kind is ScopeKind.INLINE and scope.parent is not None:
            scope = scope.parent
        return scope

    def owner(self, name: str) -> Scope | None:
        """Return the scope that ``name`` belongs to when it is used here; the module's or None: it is global."""
        if name in self.globals:
            return None
        scope: Scope | None = self
        if name in self.nonlocals:
            scope = self.parent
        elif name in self.bound or name in self.parameters:
            return self
        else:
            scope = self.parent
        while scope is not None:
            if scope.kind is not ScopeKind.CLASS:
                if name in scope.globals:
                    return None
                if name not in scope.nonlocals and (name in scope.bound or name in scope.parameters):
                    return scope
            scope = scope.parent
        return None


class Scopes(ast.NodeVisitor):
    """The scopes of one module, by the node that opens each of them."""

    def __init__(self, tree: ast.Module) -> None:
        self.module = Scope(ScopeKind.MODULE, None, "")
        self.by_node: dict[ast.AST, Scope] = {tree: self.module}
        self._uses: list[tuple[Scope, str]] = []
        self._here = self.module
        self._classes: list[str] = []
        for statement in tree.body:
            self.visit(statement)
        # Names that a function stores into with `global`: variables of the module for good.
        self.variables = {name for scope in self.by_node.values() for name in scope.globals}
        for scope, name in self._uses:
            owner = scope.owner(name)
            if owner is None or owner.kind in (ScopeKind.MODULE, ScopeKind.CLASS):
                continue
            # A cell that only ever holds its argument cannot race.
            if owner.frame is not scope.frame and name in owner.bound:
                owner.cells.add(name)

    def _use(self, name: str) -> None:
        self._uses.append((self._here, self.mangled(name)))

    def _bind(self, name: str, scope: Scope | None = None) -> None:
        name = self.mangled(name)
        target = self._here if scope is None else scope
        if name not in target.globals and name not in target.nonlocals:
            target.bind(name)
        self._uses.append((target, name))

    def mangled(self, name: str) -> str:
        """Return ``name`` as the compiler stores it inside the current class."""
        return mangle(name, self._classes[-1] if self._classes else None)

    def _inside(self, node: ast.AST, kind: ScopeKind, title: str) -> Scope:
        scope = self.by_node[node] = Scope(kind, self._here, title)
        return scope

    def _walk(self, scope: Scope, nodes: list[ast.AST]) -> None:
        outer, self._here = self._here, scope
        for node in nodes:
            self.visit(node)
        self._here = outer

    def visit_Name(self, node: ast.Name) -> None:
        """Collect a name."""
        if isinstance(node.ctx, ast.Load):
            self._use(node.id)
        else:
            self._bind(node.id)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """Collect a function."""
        self._bind(node.name)
        for outside in [*node.decorator_list, *_defaults(node.args)]:
            self.visit(outside)
        scope = self._inside(node, ScopeKind.FUNCTION, node.name)
        scope.parameters = {self.mangled(name) for name in parameter_names(node.args)}
        _declare(scope, node.body, self.mangled)
        self._walk(scope, list(node.body))

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        """Collect a lambda."""
        for outside in _defaults(node.args):
            self.visit(outside)
        scope = self._inside(node, ScopeKind.FUNCTION, "<lambda>")
        scope.parameters = {self.mangled(name) for name in parameter_names(node.args)}
        self._walk(scope, [node.body])

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """Collect a class."""
        self._bind(node.name)
        for outside in [*node.decorator_list, *node.bases, *node.keywords]:
            self.visit(outside)
        scope = self._inside(node, ScopeKind.CLASS, node.name)
        self._classes.append(node.name)
        _declare(scope, node.body, self.mangled)
        self._walk(scope, list(node.body))
        self._classes.pop()

    def _comprehension(self, node: ComprehensionNode) -> None:
        first = node.generators[0]
        self.visit(first.iter)
        kind = ScopeKind.GENERATOR if isinstance(node, ast.GeneratorExp) else ScopeKind.INLINE
        scope = self._inside(node, kind, "<comprehension>")
        inside: list[ast.AST] = [first.target, *first.ifs]
        for later in node.generators[1:]:
            inside += [later.iter, later.target, *later.ifs]
        inside += [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        self._walk(scope, inside)

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        """Collect an assignment expression."""
        target = self._here
        while target.kind in (ScopeKind.INLINE, ScopeKind.GENERATOR) and target.parent is not None:
            target = target.parent
        self._bind(node.target.id, target)
        self._use(node.target.id)
        self.visit(node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """Collect an annotated assignment."""
        self.visit(node.target)
        if node.value is not None:
            self.visit(node.value)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        """Collect an exception handler."""
        if node.name is not None:
            self._bind(node.name)
        self.generic_visit(node)

    def visit_alias(self, node: ast.alias) -> None:
        """Collect an imported name."""
        self._bind((node.asname or node.name).partition(".")[0])

    def visit_MatchAs(self, node: ast.MatchAs | ast.MatchStar) -> None:
        """Collect a captured pattern."""
        if node.name is not None:
            self._bind(node.name)
        self.generic_visit(node)

    visit_MatchStar = visit_MatchAs

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        """Collect the rest of a mapping pattern."""
        if node.rest is not None:
            self._bind(node.rest)
        self.generic_visit(node)


def mangle(name: str, class_name: str | None) -> str:
    """Return a private name as the compiler spells it inside ``class_name``."""
    stripped = (class_name or "").lstrip("_")
    if not stripped or not name.startswith("__") or name.endswith("__") or "." in name:
        return name
    return f"_{stripped}{name}"


def parameter_names(arguments: ast.arguments) -> list[str]:
    """Return the names of all parameters, in order."""
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [star for star in (arguments.vararg, arguments.kwarg) if star is not None]
    return [argument.arg for argument in every]


def _defaults(arguments: ast.arguments) -> list[ast.expr]:
    return [*arguments.defaults, *(default for default in arguments.kw_defaults if default is not None)]


def _declare(scope: Scope, body: list[ast.stmt], mangled: object) -> None:
    """Collect the `global` and `nonlocal` statements of a body, not those of functions inside it."""
    assert callable(mangled)
    todo: list[ast.AST] = list(body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Global):
            scope.globals.update(mangled(name) for name in node.names)
        elif isinstance(node, ast.Nonlocal):
            scope.nonlocals.update(mangled(name) for name in node.names)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            todo.extend(ast.iter_child_nodes(node))
