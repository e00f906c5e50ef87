"""The REST interface, and the application that ties it to one account and one database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from simharness.managers.bots.cancel_policies import WRITE_AHEAD, build_manager
from simharness.managers.bots.errors import BotNotFound, ExchangeUnavailable, InvalidPrices
from simharness.managers.bots.exchange import BaseError, ExchangeClient
from simharness.managers.bots.manager import BotManager
from simharness.managers.bots.records import find_bot, list_bots
from simharness.managers.bots.retry import RetryPlan
from simharness.managers.bots.schemas import BotCreate, BotUpdate, BotView

_STATUS_CODES = {BotNotFound: 404, InvalidPrices: 422, BaseError: 502, ExchangeUnavailable: 503}


async def _manager(request: Request) -> BotManager:
    manager: BotManager = request.app.state.manager
    return manager


Manager = Annotated[BotManager, Depends(_manager)]


async def _session(manager: Manager) -> AsyncIterator[AsyncSession]:
    async with manager.session_factory() as session:
        yield session


Session = Annotated[AsyncSession, Depends(_session)]


def create_app(
    session_factory: async_sessionmaker[AsyncSession],
    exchange: ExchangeClient,
    *,
    cancel_policy: str = WRITE_AHEAD,
    retry: RetryPlan | None = None,
    watch: bool = True,
) -> FastAPI:
    """Return the bot manager as an ASGI application.

    Its `state.manager` holds everything that lives as long as the application. The lifespan reconciles with the
    exchange at startup and follows the order stream until shutdown.

    Args:
        session_factory: from `create_session_factory`.
        exchange: one authenticated account; this process must be the only one that trades for these bots.
        cancel_policy: one of `CANCEL_POLICIES`.
        retry: patience with the exchange; the default suits a live one.
        watch: whether the lifespan follows the order stream; without it the caller feeds `state.manager.events`.

    Raises:
        ValueError: there is no such policy.
    """
    manager = build_manager(cancel_policy, session_factory, exchange, retry or RetryPlan())

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        try:
            await manager.start(watch=watch)
            yield
        finally:
            await manager.aclose()

    app = FastAPI(title="Bot manager", lifespan=lifespan, routes=list(_ROUTES))
    app.state.manager = manager
    for error, status_code in _STATUS_CODES.items():
        app.add_exception_handler(error, _answer_with(status_code))
    return app


def _answer_with(status_code: int):  # type: ignore[no-untyped-def]  # starlette's handler type is wider than ours
    async def answer(_request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, status_code)

    return answer


def _bot_routes() -> APIRouter:
    router = APIRouter(prefix="/api/v1/bots")
    _add_queries(router)
    _add_commands(router)
    return router


def _add_queries(router: APIRouter) -> None:
    @router.get("")
    async def list_all(session: Session) -> list[BotView]:
        return [BotView.model_validate(bot) for bot in await list_bots(session)]

    @router.get("/{bot_id}")
    async def get(bot_id: int, session: Session) -> BotView:
        return BotView.model_validate(await find_bot(session, bot_id))


def _add_commands(router: APIRouter) -> None:
    @router.post("", status_code=201)
    async def create(wanted: BotCreate, manager: Manager, session: Session) -> BotView:
        return BotView.model_validate(await manager.commands.create(session, wanted))

    # Before the routes with an id: paths are tried in this order.
    @router.post("/stop-all")
    async def stop_all(manager: Manager, session: Session) -> list[BotView]:
        return [BotView.model_validate(bot) for bot in await manager.commands.stop_all(session)]

    @router.put("/{bot_id}")
    async def update(bot_id: int, wanted: BotUpdate, manager: Manager, session: Session) -> BotView:
        return BotView.model_validate(await manager.commands.update(session, bot_id, wanted))

    @router.post("/{bot_id}/start")
    async def start(bot_id: int, manager: Manager, session: Session) -> BotView:
        return BotView.model_validate(await manager.commands.start(session, bot_id))

    @router.post("/{bot_id}/stop")
    async def stop(bot_id: int, manager: Manager, session: Session) -> BotView:
        return BotView.model_validate(await manager.commands.stop(session, bot_id))

    @router.delete("/{bot_id}", status_code=204)
    async def delete(bot_id: int, manager: Manager, session: Session) -> Response:
        await manager.commands.delete(session, bot_id)
        return Response(status_code=204)


# Built once: FastAPI reads signatures and compiles validators for every route, and routes know no application.
_ROUTES = _bot_routes().routes
