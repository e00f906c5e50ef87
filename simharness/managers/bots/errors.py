"""What the bot manager itself can refuse or fail at.

BotManagerError
├── BotNotFound            no such bot, or it was deleted          → 404
├── InvalidPrices          it would sell at or below what it paid  → 422
└── ExchangeUnavailable    the outcome at the exchange is unknown  → 503
"""


class BotManagerError(Exception):
    """Base of every error that the bot manager raises itself."""


class BotNotFound(BotManagerError):
    """No bot has this id, or it was deleted."""

    def __init__(self, bot_id: int) -> None:
        super().__init__(f"bot {bot_id} does not exist")
        self.bot_id = bot_id


class InvalidPrices(BotManagerError):
    """The sell price is not above the buy price."""

    def __init__(self) -> None:
        super().__init__("sell_price must be above buy_price")


class ExchangeUnavailable(BotManagerError):
    """The exchange could not be asked what became of an order; the committed intent will be taken up again later."""
