"""Puts rewritten code into modules: at import, or in place of the code that is already loaded."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import linecache
import sys
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from simharness.instrument import attributes, heap, kinds
from simharness.instrument.compiler import Compiled, compile_module, default_cache_directory
from simharness.instrument.foreign import instrumented_codes
from simharness.instrument.hooks import nested
from simharness.instrument.reach import functions_of_module, functions_of_program

_Root = tuple[str, Mapping[str, Any], Sequence[str]]


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads a module with rewritten code."""

    instrumenter: Instrumenter

    def get_code(self, fullname: str) -> types.CodeType | None:
        """Return the code of the module; what cannot be rewritten loads as it is."""
        try:
            source = importlib.util.decode_source(self.get_data(self.get_filename(fullname)))
            return self.instrumenter.adopt_import(fullname, source, self.get_filename(fullname)).code
        except (OSError, SyntaxError, UnicodeDecodeError):
            return super().get_code(fullname)


class _Finder:
    """Finds the modules of the packages under test before the ordinary finders do."""

    def __init__(self, instrumenter: Instrumenter) -> None:
        self._instrumenter = instrumenter

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        """Return the spec of a module under test with the rewriting loader, else None."""
        if not self._instrumenter.covers(fullname):
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is None or type(spec.loader) is not importlib.machinery.SourceFileLoader:
            return None
        loader = _Loader(fullname, spec.loader.path)
        loader.instrumenter = self._instrumenter
        spec.loader = loader
        return spec


class Instrumenter:
    """The instrumentation of a set of packages, and of one program.

    Args:
        packages: dotted prefixes; ``bot`` covers ``bot`` and ``bot.orders``.
        program: a function that is instrumented with everything it reaches in its own module.
        cache_directory: where compiled code is kept between processes; None: nowhere.

    Attributes:
        uninstrumentable: functions that keep their own code, with the reason; calling them writes PYHEAP.
    """

    def __init__(
        self,
        packages: Iterable[str] = (),
        program: Any = None,
        cache_directory: Path | None = None,
    ) -> None:
        self.packages = tuple(sorted(packages))
        self.program = program
        self.cache_directory = cache_directory
        self.uninstrumentable: dict[str, str] = {}
        self._originals: list[tuple[types.FunctionType, types.CodeType]] = []
        self._finder: _Finder | None = None
        self._modules: list[str] = []

    @property
    def holes(self) -> frozenset[str]:
        """Stores that no reader is charged for: variables of a module that another module assigned."""
        return frozenset(attributes.holes)

    def covers(self, module: str) -> bool:
        """Return whether ``module`` is one of the packages or lies inside one."""
        return any(module == package or module.startswith(package + ".") for package in self.packages)

    def install(self) -> None:
        """Instrument what is loaded, and hook the import of what is not."""
        self._finder = _Finder(self)
        sys.meta_path.insert(0, self._finder)
        kinds.forget_all()
        for name in sorted(sys.modules):
            module = sys.modules[name]
            if self.covers(name) and isinstance(module, types.ModuleType):
                self._exchange(module, functions_of_module(module))
        home = sys.modules.get(getattr(self.program, "__module__", None) or "")
        if home is not None:
            self._exchange(home, functions_of_program(self.program))

    def restore(self) -> None:
        """Give every function its own code back. Modules imported meanwhile keep theirs; it is silent by itself."""
        if self._finder is not None:
            sys.meta_path.remove(self._finder)
            self._finder = None
        for function, code in reversed(self._originals):
            function.__code__ = code
        self._originals.clear()
        for name in self._modules:
            kinds.instrumented_modules.discard(name)
        self._modules.clear()
        kinds.forget_all()
        heap.end_execution()

    def adopt_import(self, name: str, source: str, filename: str) -> Compiled:
        """Return the rewritten code of a module that is being imported."""
        compiled = compile_module(source, filename, name, None, self.cache_directory)
        kinds.instrumented_modules.add(name)
        kinds.forget_all()
        _register(name, compiled)
        return compiled

    def begin_execution(self) -> None:
        """Start a new execution: forget the objects of the last one, name those that exist before this one."""
        attributes.holes.clear()
        heap.begin_execution(self._roots())

    @staticmethod
    def end_execution() -> None:
        """Release every object of the execution."""
        heap.end_execution()

    def _exchange(self, module: types.ModuleType, functions: Iterable[types.FunctionType]) -> None:
        name = module.__name__
        if name not in kinds.instrumented_modules:
            kinds.instrumented_modules.add(name)
            self._modules.append(name)
        for function in list(functions):
            # Generated code (a dataclass's __eq__) has no source; whoever calls it records what it reads.
            if id(function.__code__) in instrumented_codes or function.__code__.co_filename.startswith("<"):
                continue
            reason = self._exchange_one(function, name)
            if reason is not None:
                self.uninstrumentable[f"{name}.{function.__qualname__}"] = reason

    def _exchange_one(self, function: types.FunctionType, module: str) -> str | None:
        """Give one function its rewritten code; return why that is impossible."""
        old = function.__code__
        source = "".join(linecache.getlines(old.co_filename, function.__globals__))
        if not source:
            return "its source is not available"
        root = (old.co_qualname, old.co_firstlineno) if "<locals>" in old.co_qualname else None
        try:
            compiled = compile_module(source, old.co_filename, module, root, self.cache_directory)
        except SyntaxError as error:
            return f"its source does not parse: {error}"
        new = compiled.find(old)
        if new is None:
            return "its code is not where it was: the source changed, or two functions share the line"
        if new.co_freevars != old.co_freevars:
            return f"its free variables differ: {old.co_freevars} became {new.co_freevars}"
        _register(module, compiled)
        self._originals.append((function, old))
        function.__code__ = new
        return None

    def _roots(self) -> Iterator[_Root]:
        """Yield the variables that name objects which exist before the execution."""
        for name in sorted(kinds.instrumented_modules):
            module = sys.modules.get(name)
            if module is None:
                continue
            space = vars(module)
            names = _bound.get(name, ())
            yield name, space, names
            for variable in names:
                kind = space.get(variable)
                if isinstance(kind, type) and kind.__module__ == name:
                    yield f"{name}.{kind.__qualname__}", vars(kind), sorted(vars(kind))
        yield from _closure_roots(self.program)


_bound: dict[str, tuple[str, ...]] = {}


def _register(name: str, compiled: Compiled) -> None:
    attributes.module_variables[name] = compiled.variables
    _bound[name] = compiled.bound
    for code in nested(compiled.code):
        instrumented_codes[id(code)] = code


def _closure_roots(program: Any) -> Iterator[_Root]:
    function = getattr(program, "__func__", program)
    if isinstance(function, types.FunctionType) and function.__closure__:
        content: dict[str, Any] = {}
        for variable, cell in zip(function.__code__.co_freevars, function.__closure__, strict=True):
            try:
                content[variable] = cell.cell_contents
            except ValueError:
                continue  # not bound yet
        yield f"{function.__module__}.{function.__qualname__}", content, sorted(content)


@contextmanager
def instrumented(
    packages: Iterable[str] = (),
    program: Any = None,
    cache_directory: Path | None = None,
) -> Iterator[Instrumenter]:
    """Instrument packages and a program for the length of a block.

    Args:
        packages: see :class:`Instrumenter`.
        program: see :class:`Instrumenter`.
        cache_directory: where compiled code is kept; None: the default cache of the user.
    """
    instrumenter = Instrumenter(packages, program, cache_directory or default_cache_directory())
    instrumenter.install()
    try:
        yield instrumenter
    finally:
        instrumenter.restore()
