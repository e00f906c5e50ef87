"""Conditions in rewritten code that leave out the call of a hook which would have nothing to do, or one thing.

A call of a Python function costs more than most of what hooks find out. So the commonest answers are looked up where
the access happens, in tables that hooks fill: a scalar has nothing to record; a method that reports for itself needs no
stand-in; and of an attribute whose key is known for this very object, that key is all there is to record. A table that
knows nothing leads to the hook.

Nothing here keeps an object alive longer than the program does: the only temporary holds the number of a key.
"""

from __future__ import annotations

import ast
from typing import TypeVar

from simharness.instrument.hooks import table

# The key of an attribute, between looking it up and recording it.
KEY = "_simharness_key"

_Node = TypeVar("_Node", bound=ast.expr)


def unless_quiet(call: ast.Call, names: list[ast.expr]) -> ast.expr:
    """Return ``names[0] if type(name) in QUIET and … else hook(…)``: the hook returns its first argument.

    Args:
        call: of the hook; its first argument is a local variable or a scalar.
        names: local variables that the hook looks at.
    """
    if not names:
        return call.args[0]
    tests: list[ast.expr] = [_in(call, _typed(call, name), table("quiet")) for name in names]
    test = tests[0] if len(tests) == 1 else _at(call, ast.BoolOp(ast.And(), tests))
    return _either(call, test, _again(call, call.args[0]))


def unless_quiet_method(call: ast.Call, method: str) -> ast.expr:
    """Return ``object if type(object) in QUIET_METHOD else hook(object, "method")``, if the object can be named."""
    subject = call.args[0]
    if isinstance(subject, ast.NamedExpr):
        kept = _at(call, ast.Name(subject.target.id, ast.Load()))
    elif isinstance(subject, ast.Name):
        kept = _at(call, ast.Name(subject.id, ast.Load()))
    else:
        return call
    test = _in(call, _typed(call, subject), table("quiet_method", method))
    call.args[0] = kept
    return _either(call, test, _at(call, ast.Name(kept.id, ast.Load())))


def local_attribute(call: ast.Call, local: ast.Name, *, reading: bool) -> ast.expr:
    """Return ``object`` with its access recorded by the table of the attribute, or by the hook."""
    attribute = _text(call.args[1])
    found = _known(call, table("reads" if reading else "writes", attribute), local)
    test = _at(call, ast.BoolOp(ast.And(), [found, _recorded(call, "touch" if reading else "change")]))
    return _either(call, test, _again(call, local))


def updated_attribute(call: ast.Call, local: ast.Name) -> ast.expr:
    """Return the object of ``object.attribute += …``; what a scalar attribute held does not change in place."""
    attribute = _text(call.args[1])
    held = _at(call, ast.Attribute(_again(call, local), attribute, ast.Load()))
    found = _known(call, table("updates", attribute), local)
    scalar = _in(call, _typed(call, held), table("quiet"))
    test = _at(call, ast.BoolOp(ast.And(), [found, scalar, _recorded(call, "change")]))
    return _either(call, test, _again(call, local))


def _at(place: ast.expr, node: _Node) -> _Node:
    return ast.copy_location(node, place)


def _constant(place: ast.expr, content: str | None) -> ast.Constant:
    return _at(place, ast.Constant(content))


def _text(node: ast.expr) -> str:
    assert isinstance(node, ast.Constant)
    return str(node.value)


def _again(place: ast.expr, node: ast.expr) -> ast.expr:
    """Return a second instance of a local variable or a literal."""
    if isinstance(node, ast.Name):
        return _at(place, ast.Name(node.id, ast.Load()))
    assert isinstance(node, ast.Constant)
    return _at(place, ast.Constant(node.value))


def _either(call: ast.Call, test: ast.expr, subject: ast.expr) -> ast.IfExp:
    return _at(call, ast.IfExp(test, subject, call))


def _typed(place: ast.expr, node: ast.expr) -> ast.Call:
    again = node if isinstance(node, ast.NamedExpr | ast.Attribute) else _again(place, node)
    return _at(place, ast.Call(_constant(place, table("type")), [again], []))


def _in(place: ast.expr, node: ast.expr, content: str) -> ast.Compare:
    return _at(place, ast.Compare(node, [ast.In()], [_constant(place, content)]))


def _known(place: ast.expr, content: str, local: ast.Name) -> ast.Compare:
    """Return ``(key := table(id(local))) is not None``."""
    address = _at(place, ast.Call(_constant(place, table("id")), [_again(place, local)], []))
    found = _at(place, ast.Call(_constant(place, content), [address], []))
    stored = _at(place, ast.NamedExpr(_at(place, ast.Name(KEY, ast.Store())), found))
    return _at(place, ast.Compare(stored, [ast.IsNot()], [_constant(place, None)]))


def _recorded(place: ast.expr, title: str) -> ast.Compare:
    """Return ``record(key) is None``, which is true."""
    key = _at(place, ast.Name(KEY, ast.Load()))
    call = _at(place, ast.Call(_constant(place, table(title)), [key], []))
    return _at(place, ast.Compare(call, [ast.Is()], [_constant(place, None)]))
