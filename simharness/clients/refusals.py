"""Which of ccxt's errors a refusal of the venue is."""

from __future__ import annotations

import ccxt

from simharness.venue.links import Answer
from simharness.venue.refusal import Refusal

_CLASSES: dict[Refusal, type[ccxt.BaseError]] = {
    Refusal.ORDER_NOT_FOUND: ccxt.OrderNotFound,
    Refusal.INVALID_ORDER: ccxt.InvalidOrder,
    Refusal.INSUFFICIENT_FUNDS: ccxt.InsufficientFunds,
    Refusal.DUPLICATE_CLIENT_ID: ccxt.DuplicateOrderId,
    Refusal.WOULD_TAKE: ccxt.OrderImmediatelyFillable,
    Refusal.WOULD_TRIGGER: ccxt.OrderImmediatelyFillable,
    Refusal.NOT_REDUCING: ccxt.InvalidOrder,
    Refusal.BAD_SYMBOL: ccxt.BadSymbol,
    Refusal.BAD_REQUEST: ccxt.BadRequest,
    Refusal.RATE_LIMITED: ccxt.DDoSProtection,
    Refusal.TIMEOUT: ccxt.RequestTimeout,
    Refusal.NETWORK: ccxt.NetworkError,
    # "Failed" and "unknown" arrive as the same class, as they do from Binance: only the sentence tells them apart.
    Refusal.OVERLOADED: ccxt.ExchangeNotAvailable,
    Refusal.UNKNOWN_STATUS: ccxt.ExchangeNotAvailable,
}

_SENTENCES = {
    Refusal.OVERLOADED: "503 Service Unavailable.",
    Refusal.UNKNOWN_STATUS: "503 Unknown error, please check your request or try again later.",
    Refusal.RATE_LIMITED: "429 Too many requests",
    Refusal.TIMEOUT: "request timed out",
}


def error_of(exchange_id: str, answer: Answer) -> ccxt.BaseError:
    """Return the ccxt error that stands for a refused or lost request."""
    assert answer.refusal is not None
    sentence = _SENTENCES.get(answer.refusal, answer.message)
    return _CLASSES[answer.refusal](f"{exchange_id} {sentence}")
