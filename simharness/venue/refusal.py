"""Why a request ends in an error, in the venue's own words; the clients translate them."""

from __future__ import annotations

from enum import StrEnum


class Refusal(StrEnum):
    """The reasons. All but the last group mean that the venue did nothing."""

    ORDER_NOT_FOUND = "order_not_found"
    INVALID_ORDER = "invalid_order"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    DUPLICATE_CLIENT_ID = "duplicate_client_id"
    WOULD_TAKE = "would_take"  # post-only, and it would not rest
    WOULD_TRIGGER = "would_trigger"  # a stop that the price has passed already
    NOT_REDUCING = "not_reducing"  # reduce-only, and it would not reduce
    BAD_SYMBOL = "bad_symbol"
    BAD_REQUEST = "bad_request"
    OVERLOADED = "overloaded"
    RATE_LIMITED = "rate_limited"

    TIMEOUT = "timeout"  # no answer: the venue acted or it did not
    UNKNOWN_STATUS = "unknown_status"  # an answer that says as much
    NETWORK = "network"  # the connection broke


class Rejected(Exception):
    """The venue refuses a request.

    Args:
        refusal: the reason.
        message: the sentence that the client shows.
    """

    def __init__(self, refusal: Refusal, message: str) -> None:
        self.refusal = refusal
        self.message = message
        super().__init__(f"{refusal}: {message}")
