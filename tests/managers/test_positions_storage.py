"""What the database keeps of positions, and how values are read from ccxt."""

import asyncio
from decimal import Decimal

import pytest
from fake_position_exchange import SYMBOL, request, trading
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateTable

from simharness.managers.positions import PositionExists, PositionUpdate, UnknownPosition
from simharness.managers.positions.exchange import OrderReport
from simharness.managers.positions.models import Money, PositionRow
from simharness.managers.positions.state import Version

EXACT = Decimal("12345678901234567890.123456789012345678")


def test_amounts_come_back_exactly(tmp_path):
    async def scenario():
        async with trading(tmp_path) as (manager, _):
            number = await manager.repository.create_position(request(quantity=EXACT), exclusive=True)
            return (await manager.repository.get_position(number)).requested_quantity

    assert asyncio.run(scenario()) == EXACT


@pytest.mark.parametrize(
    ("dialect", "column"), [(postgresql.dialect(), "quantity NUMERIC NOT"), (sqlite.dialect(), "quantity VARCHAR(64)")]
)
def test_amounts_have_an_exact_column_type(dialect, column):
    assert column in str(CreateTable(PositionRow.__table__).compile(dialect=dialect))


@pytest.mark.parametrize("value", ["NaN", "Infinity"])
def test_what_is_no_amount_is_refused(value):
    with pytest.raises(ValueError, match="not an amount"):
        Money().process_bind_param(Decimal(value), sqlite.dialect())


def test_the_database_allows_one_open_position_per_symbol(tmp_path):
    async def scenario():
        async with trading(tmp_path) as (manager, _):
            await manager.repository.create_position(request(), exclusive=True)
            with pytest.raises(PositionExists):
                await manager.repository.create_position(request(), exclusive=True)

    asyncio.run(scenario())


@pytest.mark.parametrize("number", ["pending", "", "-1"])
def test_what_is_no_row_id_is_refused(tmp_path, number):
    async def scenario():
        async with trading(tmp_path) as (manager, _):
            with pytest.raises(UnknownPosition):
                await manager.repository.update_position(number, status="ACTIVE")

    asyncio.run(scenario())


def test_client_order_ids_follow_from_the_row(tmp_path):
    async def scenario():
        async with trading(tmp_path, client_id_prefix="bot7-") as (manager, fake):
            await manager.open_position(request())
            await manager.close_position(SYMBOL)
            return [params["clientOrderId"] for *_, params in fake.sent]

    assert asyncio.run(scenario()) == ["bot7-1-entry-1", "bot7-1-stop-1", "bot7-1-close-1"]


def test_an_order_is_committed_before_it_is_sent(tmp_path):
    async def scenario():
        async with trading(tmp_path) as (manager, fake):
            seen = []

            async def look():
                seen.append(await manager.repository.get_order("pos-1-entry-1"))

            fake.before["entry"] = [look]
            await manager.open_position(request())
            assert seen[0].status == "sent"

    asyncio.run(scenario())


def test_a_final_order_row_never_goes_back(tmp_path):
    async def scenario():
        async with trading(tmp_path) as (manager, _):
            await manager.open_position(request())
            await manager.repository.record({"pos-1-entry-1": OrderReport(SYMBOL, status="open")})
            return (await manager.repository.get_order("pos-1-entry-1")).status

    assert asyncio.run(scenario()) == "closed"


@pytest.mark.parametrize(
    ("told", "known", "stale"),
    [
        (Version(2, 9), Version(1, 9), False),
        (Version(1, 9), Version(2, 9), True),
        (Version(2, 9), Version(2, 9), True),
        (Version(None, 8), Version(3, 9), True),
        (Version(None, 9), Version(3, 9), False),
        (Version(), Version(3, 9), False),
        (Version(1, 1), None, False),
    ],
)
def test_sequence_decides_before_time_whether_a_report_is_stale(told, known, stale):
    assert told.is_stale_after(known) is stale


def test_reports_on_an_order_merge_to_the_same_in_every_order():
    opened = OrderReport(SYMBOL, "1", "c", "open", Decimal(0))
    partly = OrderReport(SYMBOL, "1", "c", "open", Decimal("0.4"), Decimal(99))
    done = OrderReport(SYMBOL, "1", "c", "closed", Decimal(1), Decimal(100))
    merged = [a.merged_with(b).merged_with(c) for a, b, c in [(opened, partly, done), (done, partly, opened)]]
    assert merged[0] == merged[1] == done


def test_a_silent_field_of_a_report_stays_unknown():
    update = PositionUpdate.from_ccxt({"symbol": SYMBOL, "contracts": None, "info": {}})
    assert (update.quantity, update.says_flat, update.says_open) == (None, False, False)


def test_numbers_as_text_are_read_exactly():
    assert PositionUpdate.from_ccxt({"symbol": SYMBOL, "markPrice": "0.10"}).mark_price == Decimal("0.10")


@pytest.mark.parametrize(
    "info",
    [
        {"t": 7, "l": "0.5", "L": "100", "n": "0.01"},
        {"tradeId": "7", "lastQty": "0.5", "lastPrice": "100", "lastFee": "0.01"},
    ],
)
def test_an_execution_in_the_raw_event_is_read_as_a_fill(info):
    (fill,) = OrderReport.from_ccxt({"id": "1", "symbol": SYMBOL, "info": info}).fills
    assert (fill.trade_id, fill.quantity, fill.price, fill.fee) == ("7", Decimal("0.5"), 100, Decimal("0.01"))
