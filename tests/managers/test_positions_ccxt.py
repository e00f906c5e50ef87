"""What the real ccxt classes send for us; only their transport is replaced."""

import asyncio
from decimal import Decimal

import ccxt.pro
import pytest

from simharness.managers.positions import ExchangeManager, OrderMissing

SYMBOL = "ETH/USDT:USDT"
MARKET = {
    "id": "ETHUSDT",
    "symbol": SYMBOL,
    "base": "ETH",
    "quote": "USDT",
    "settle": "USDT",
    "baseId": "ETH",
    "quoteId": "USDT",
    "settleId": "USDT",
    "type": "swap",
    "spot": False,
    "margin": False,
    "swap": True,
    "future": False,
    "option": False,
    "contract": True,
    "linear": True,
    "inverse": False,
    "active": True,
    "contractSize": 1.0,
    "precision": {"amount": 0.001, "price": 0.01},
    "limits": {"amount": {"min": 0.001}},
    "info": {"orderTypes": ["MARKET", "STOP_MARKET"]},
}


def last_request(name, call):
    """Return address and body of the last request that `call(exchange_manager)` makes of ccxt's class `name`."""
    sent = []

    async def fetch(url, method="GET", headers=None, body=None):
        sent.append(f"{url} {body}")
        return {"retCode": 0, "result": {"orderId": "1"}, "orderId": 1, "symbol": "ETHUSDT", "status": "NEW"}

    async def load_markets(reload=False, params=None):
        return client.markets

    async def main():
        try:
            await call(ExchangeManager(client))
        except OrderMissing:
            pass  # The canned answer lists no order.
        finally:
            await client.close()

    client = getattr(ccxt.pro, name)({"apiKey": "k", "secret": "s", "enableRateLimit": False})
    client.set_markets([MARKET])
    client.fetch, client.load_markets = fetch, load_markets
    asyncio.run(main())
    return sent[-1]


def stop(exchange):
    return exchange.stop_order(SYMBOL, "sell", Decimal("1.5"), Decimal("98.12"), client_id="pos-1-stop-1")


def entry(exchange):
    return exchange.market_order(SYMBOL, "buy", Decimal("1.5"), reduce_only=False, client_id="pos-1-entry-1")


def query(exchange):
    return exchange.fetch_order(SYMBOL, client_id="pos-1-entry-1")


@pytest.mark.parametrize(
    ("name", "call", "parts"),
    [
        ("binanceusdm", entry, ["type=MARKET", "quantity=1.5", "newClientOrderId=pos-1-entry-1"]),
        ("binanceusdm", stop, ["type=STOP_MARKET", "triggerPrice=98.12", "reduceOnly=true", "=pos-1-stop-1"]),
        ("binanceusdm", query, ["origClientOrderId=pos-1-entry-1"]),
        ("bybit", entry, ['"qty":"1.5"', '"orderLinkId":"pos-1-entry-1"']),
        ("bybit", stop, ['"triggerPrice":"98.12"', '"triggerDirection":2', '"reduceOnly":true']),
        ("bybit", query, ["orderLinkId=pos-1-entry-1", "orderId=&"]),
    ],
)
def test_ccxt_sends_what_is_meant(name, call, parts):
    request = last_request(name, call)
    assert [part for part in parts if part not in request] == []
