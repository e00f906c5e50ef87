"""What can go wrong with a position.

PositionError
├── PositionExists      the symbol already has an open position, or one is being opened
├── UnknownPosition     no row has this id
├── OpenFailed          the open did not succeed; what it had done was undone or is being undone
├── CloseFailed         the position is still open
├── StopLossFailed      no stop-loss order could be placed
├── OrderRefused        the exchange answered no: nothing was executed
├── OrderMissing        the exchange does not know the order (yet)
└── OutcomeUnknown      the request may or may not have been executed
"""

from __future__ import annotations


class PositionError(Exception):
    """Base class of everything that this package raises on purpose."""


class PositionExists(PositionError):
    """The symbol already has an open position, or one is being opened."""


class UnknownPosition(PositionError):
    """No stored position has this id."""


class OpenFailed(PositionError):
    """The position was not opened; its traces were removed or are left for the next synchronisation."""


class CloseFailed(PositionError):
    """The position is still open at the exchange, or may be."""


class StopLossFailed(PositionError):
    """All attempts to place a stop-loss order failed."""


class OrderRefused(PositionError):
    """The exchange refused the request, so it was certainly not executed."""


class OrderMissing(PositionError):
    """The exchange does not know such an order; a lagging read may say so of a live one."""


class OutcomeUnknown(PositionError):
    """No answer, or one that does not tell whether the request was executed."""
