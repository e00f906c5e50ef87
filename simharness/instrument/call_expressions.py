"""Rewriting of calls."""

# ruff: noqa: N802 — the names that ast.NodeVisitor calls
from __future__ import annotations

import ast
import builtins

from simharness.instrument.containers import KEYED, READING, WHOLE
from simharness.instrument.expressions import ExpressionRewriter
from simharness.instrument.shortcuts import unless_quiet_method
from simharness.instrument.syntax import NEW_DISPLAYS, is_path, suspends

# Built-in functions by what they read of their arguments. All others go through the library table at run time.
_READ_WHOLE = frozenset(("len", "bool", "list", "tuple", "enumerate", "zip", "reversed", "bytes", "bytearray"))
_READ_DEEP = frozenset(
    (
        "sum",
        "any",
        "all",
        "min",
        "max",
        "sorted",
        "set",
        "frozenset",
        "dict",
        "str",
        "repr",
        "format",
        "print",
        "hash",
        "map",
        "filter",
    )
)
_MAKE_NEW = frozenset(("list", "set", "dict", "sorted", "enumerate", "zip", "reversed", "map", "filter", "bytearray"))
_TOUCH_NOTHING = frozenset(
    (
        *("isinstance", "issubclass", "callable", "id", "type", "super", "abs", "round", "divmod", "pow", "ord", "chr"),
        *("hex", "oct", "bin", "int", "float", "complex", "range", "slice", "object", "property", "staticmethod"),
        *("classmethod", "locals", "dir", "vars"),
        *(name for name, kind in vars(builtins).items() if isinstance(kind, type) and issubclass(kind, BaseException)),
    )
)
_ATTRIBUTE_FUNCTIONS = {
    **dict.fromkeys(("getattr", "hasattr"), "read_arguments"),
    **dict.fromkeys(("setattr", "delattr"), "write_arguments"),
}
_ATTRIBUTE_METHODS = {
    "__getattribute__": "read_arguments",
    **dict.fromkeys(("__setattr__", "__delattr__"), "write_arguments"),
}


class CallRewriter(ExpressionRewriter):
    """Rewrites calls, by the little that their syntax tells about them; the hooks decide the rest at run time."""

    def visit_Call(self, node: ast.Call) -> ast.expr:  # noqa: PLR0911 — one way out for each sort of call
        """Rewrite a call."""
        if not self.active:
            return self.generic_visit(node)  # type: ignore[return-value]  # an expression stays one
        known = self.is_builtin(node.func)
        if known in _TOUCH_NOTHING:
            return self._quiet(node, str(known))
        if isinstance(node.func, ast.Attribute):
            return self._method(node, node.func)
        if suspends(*node.args, *node.keywords):
            self._arguments(node)
            node.args = [self.visit(node.func), *node.args]
            node.func = self.constant_hook("apply", node)
            return node
        if known in _READ_WHOLE or known in _READ_DEEP:
            return self._reader(node, str(known))
        if known in _ATTRIBUTE_FUNCTIONS and len(node.args) >= 2 and not node.keywords:
            return self._attribute_arguments(node, _ATTRIBUTE_FUNCTIONS[known])
        if known == "next" and node.args:
            self._arguments(node)
            node.args[0] = self.hook("advance", node.args[0], node.args[0])
            return node
        self._arguments(node)
        node.func = self.hook("call", node.func, self.visit(node.func))
        return node

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """Rewrite a name; functions that reach attributes by name are replaced where they are taken as values."""
        known = self.is_builtin(node) if self.active and isinstance(node.ctx, ast.Load) else None
        return self.constant_hook(known, node) if known in _ATTRIBUTE_FUNCTIONS else super().visit_Name(node)

    def constant_hook(self, title: str, at: ast.AST) -> ast.expr:
        """Return a hook as an expression."""
        return self.hook(title, at).func

    def _arguments(self, node: ast.Call) -> None:
        node.args = [self.visit(argument) for argument in node.args]
        for keyword in node.keywords:
            # f(**mapping) reads the mapping.
            keyword.value = self.operand(keyword.value) if keyword.arg is None else self.visit(keyword.value)

    def _quiet(self, node: ast.Call, known: str) -> ast.expr:
        self._arguments(node)
        if known == "vars" and node.args:
            node.args[0] = self.hook("attribute", node, node.args[0], self.constant("__dict__", node))
        return node

    def _attribute_arguments(self, node: ast.Call, title: str) -> ast.expr:
        """Rewrite ``getattr(object, name)``: the hook sees the arguments and hands them on."""
        gathered = self.placed(ast.Call(self.constant_hook(title, node), [], []), node)
        gathered.args = [self.visit(argument) for argument in node.args]
        node.args = [self.placed(ast.Starred(gathered, ast.Load()), node)]
        return node

    def _reader(self, node: ast.Call, known: str) -> ast.expr:
        """Rewrite a call of a built-in function that reads its arguments."""
        title = "value" if known in _READ_WHOLE else "deep"
        callback = 0 if known in ("map", "filter") else None
        node.args = [
            self.hook("call", argument, self.visit(argument)) if place == callback else self.read(argument, title)
            for place, argument in enumerate(node.args)
        ]
        for keyword in node.keywords:
            self._keyword(keyword, title)
        return self.hook("display", node, node) if known in _MAKE_NEW else node

    def _keyword(self, keyword: ast.keyword, title: str) -> None:
        if keyword.arg == "key":
            keyword.value = self.hook("call", keyword.value, self.visit(keyword.value))
        else:
            keyword.value = self.read(keyword.value, title)

    def read(self, node: ast.expr, title: str) -> ast.expr:
        """Return a rewritten argument of something that reads it at once."""
        if isinstance(node, ast.GeneratorExp):
            return self.consumed(node)
        if isinstance(node, ast.Starred):
            return self.visit(node)  # type: ignore[no-any-return]  # NodeTransformer.visit is untyped
        if isinstance(node, NEW_DISPLAYS) and title == "value":
            return self.contents(node)
        return self.operand(node, title)

    def _method(self, node: ast.Call, function: ast.Attribute) -> ast.expr:
        """Rewrite ``object.method(…)``."""
        name = self.mangled(function.attr)
        method = self.constant(name, function)
        starred = bool(node.args) and isinstance(node.args[0], ast.Starred)
        if suspends(*node.args, *node.keywords) or (name in KEYED and starred):
            return self._applied(node, function, method)
        first = node.args[0] if node.args else None
        # object.__setattr__(instance, name, value); with one argument less it is called on the instance itself.
        if name in _ATTRIBUTE_METHODS and len(node.args) == 2 + (name == "__setattr__") and not node.keywords:
            function.value = self.visit(function.value)
            return self._attribute_arguments(node, _ATTRIBUTE_METHODS[name])
        if name in KEYED and first is not None:
            subjects = self.twice(function.value) if is_path(function.value) else None
            if subjects is None:
                return self._applied(node, function, method)
            function.value = self._of_method(function, subjects[0], name)
            self._method_arguments(node, name)
            node.args[0] = self.hook("keyed", node.args[0], subjects[1], self.constant(name, node), node.args[0])
            return node
        function.value = self._of_method(function, self.visit(function.value), name)
        self._method_arguments(node, name)
        return node

    def _of_method(self, function: ast.Attribute, subject: ast.expr, name: str) -> ast.expr:
        """Return the rewritten ``object`` of ``object.method(…)``."""
        call = self.hook("method", function, subject, self.constant(name, function))
        # Methods of containers that concern all of it need the hook each time.
        return call if name in WHOLE else unless_quiet_method(call, name)

    def _applied(self, node: ast.Call, function: ast.Attribute, method: ast.Constant) -> ast.expr:
        """Rewrite a call that the hook must make, because only it sees the arguments in time."""
        self._arguments(node)
        node.args = [self.visit(function.value), method, *node.args]
        node.func = self.constant_hook("apply_method", node)
        return node

    def _method_arguments(self, node: ast.Call, name: str) -> None:
        if name not in READING:
            self._arguments(node)
            return
        node.args = [self.read(argument, "deep") for argument in node.args]
        for keyword in node.keywords:
            self._keyword(keyword, "deep")
