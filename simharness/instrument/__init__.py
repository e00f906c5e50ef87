"""Sound heap footprints of ordinary Python code.

The functions of the packages under test are rewritten, so that each access of an attribute, an item, a shared
variable or a container reports its key to ``core.footprint.recorder``. What runs and is not rewritten is looked up
in a table of known libraries; the rest may have touched anything and says so.
"""

from __future__ import annotations

from simharness.instrument.foreign import adopt
from simharness.instrument.instrumenter import Instrumenter, instrumented
from simharness.instrument.library import ROWS, Row, Scope, used_rows
from simharness.instrument.shared import SharedDict, shared
from simharness.instrument.watch import is_foreign, watch_modules

__all__ = [
    "ROWS",
    "Instrumenter",
    "Row",
    "Scope",
    "SharedDict",
    "adopt",
    "instrumented",
    "is_foreign",
    "shared",
    "used_rows",
    "watch_modules",
]
