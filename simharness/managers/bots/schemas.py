"""What the REST interface takes and gives."""

from decimal import Decimal
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from simharness.managers.bots.models import BotStatus, Side

Positive = Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]


class BotCreate(BaseModel):
    """A new bot; its first order is placed at once."""

    model_config = ConfigDict(extra="forbid")

    ticker: Annotated[str, Field(min_length=1, max_length=64)]
    side: Side = Side.BUY
    quantity: Positive
    buy_price: Positive
    sell_price: Positive

    @model_validator(mode="after")
    def _sells_above_its_buys(self) -> Self:
        if self.buy_price >= self.sell_price:
            raise ValueError("sell_price must be above buy_price")
        return self


class BotUpdate(BaseModel):
    """New prices; a price that is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    buy_price: Positive | None = None
    sell_price: Positive | None = None


class BotView(BaseModel):
    """A bot as it was committed when the command ended."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    ticker: str
    side: Side
    quantity: Decimal
    buy_price: Decimal
    sell_price: Decimal
    status: BotStatus
    version: int
