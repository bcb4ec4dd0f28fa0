"""The application: routers, errors as JSON, Server-Timing, slowdowns."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import anyio.to_thread
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from sample_backend.auth import TokenSigner
from sample_backend.database import WORKER_THREADS, Database
from sample_backend.leak import leak
from sample_backend.routers import analytics, attendance, courses, enrollments, grades, health, login, students
from sample_backend.server_timing import ServerTimingMiddleware
from sample_backend.slowdown import Slowdown, SlowdownMiddleware, check_endpoints

_log = logging.getLogger("sample_backend")


def create_app(database: Database, slowdown: Iterable[Slowdown] = (), leak_mb_per_minute: float = 0.0) -> FastAPI:
    """ValueError when a slowdown names an endpoint that does not exist."""
    app = FastAPI(title="Sample school backend", version="1.0.0", lifespan=_lifespan)
    app.state.database = database
    app.state.leak_mb_per_minute = leak_mb_per_minute
    app.state.signer = TokenSigner()

    api = APIRouter(prefix="/api/v1")
    for module in (login, students, courses, enrollments, grades, attendance, analytics):
        api.include_router(module.router)
    app.include_router(api)
    app.include_router(health.router)

    rules = tuple(slowdown)
    routes = [route for route in app.routes if isinstance(route, APIRoute)]
    check_endpoints(rules, ((method, route.path) for route in routes for method in route.methods))
    app.add_middleware(SlowdownMiddleware, rules=rules)
    app.add_middleware(ServerTimingMiddleware)  # added last, so outermost: it sees the slowdown's time too

    app.add_exception_handler(IntegrityError, _conflict)
    app.add_exception_handler(SQLAlchemyError, _database_failed)
    app.add_exception_handler(Exception, _failed)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    anyio.to_thread.current_default_thread_limiter().total_tokens = WORKER_THREADS
    leaking = asyncio.create_task(leak(app.state.leak_mb_per_minute)) if app.state.leak_mb_per_minute else None
    yield
    if leaking:
        leaking.cancel()


async def _conflict(_request: Request, _error: Exception) -> JSONResponse:
    return JSONResponse({"detail": "this contradicts what is stored: a duplicate, or a reference to nothing"}, 409)


async def _database_failed(request: Request, error: Exception) -> JSONResponse:
    _log.error("%s %s: %s: %s", request.method, request.url.path, type(error).__name__, getattr(error, "orig", error))
    return JSONResponse({"detail": "the database did not answer"}, 503)


async def _failed(_request: Request, _error: Exception) -> JSONResponse:
    """The framework has logged the traceback."""
    return JSONResponse({"detail": "something went wrong"}, 500)
