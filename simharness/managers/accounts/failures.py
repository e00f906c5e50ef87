"""What a database refuses for the sake of concurrency, and what one does about it: the same transaction once more."""

from collections.abc import Awaitable, Callable

from sqlalchemy.exc import DBAPIError

DEADLOCK, SERIALIZATION, LOCKED = "40P01", "40001", "55P03"

_ATTEMPTS = 5


def sqlstate(error: DBAPIError) -> str:
    """Return the server's code for an error; empty where there is none (SQLite)."""
    return str(getattr(error.orig, "sqlstate", None) or "")


async def retried(transaction: Callable[[], Awaitable[None]]) -> None:
    """Run a whole transaction again when the server gave it up for another one.

    Args:
        transaction: begins, works and commits; called anew for each attempt.

    Raises:
        DBAPIError: another error, or the last attempt failed too.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return await transaction()
        except DBAPIError as error:
            if sqlstate(error) not in (DEADLOCK, SERIALIZATION):
                raise
    return await transaction()
