"""The application: what it answers at which address."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

from fastapi import FastAPI, Request, Security
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from fastapi_offline import FastAPIOffline
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.routing import compile_path

import edgefake
from edgefake.errors import EdgefakeError
from edgefake.serve import about, inference, pictures, videos
from edgefake.serve.gate import Gate
from edgefake.serve.refusals import CLIENT_GONE, FAULT, Refusal
from edgefake.serve.service import Service
from edgefake.text import printable


def make_app(service: Service) -> FastAPI:
    """The application of ``service``, whose workers live as long as it does. Nothing in its pages comes from elsewhere."""

    @asynccontextmanager
    async def living(app: FastAPI) -> AsyncIterator[None]:
        service.start()
        yield
        await run_in_threadpool(service.close)

    app = FastAPIOffline(
        title="edgefake",
        version=edgefake.__version__,
        description="Whether the faces in pictures and videos are real or forged.",
        lifespan=living,
        redoc_url=None,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    app.add_middleware(Gate, limits=service.limits, keys=service.keys, metrics=service.metrics)
    app.include_router(about.make_health_router(service))
    with_key = (
        [Security(HTTPBearer(auto_error=False))] if service.keys else []
    )  # for the page with the docs; the gate asks for it
    for module in (pictures, videos, inference, about):
        app.include_router(module.make_router(service), dependencies=with_key)
    _tell_errors(app)
    return app


def _tell_errors(app: FastAPI) -> None:
    """Every error is ``{"error": sentence}``."""

    @app.exception_handler(Refusal)
    async def refused(request: Request, error: Refusal) -> Response:
        return JSONResponse(error.body, error.status, error.headers)

    @app.exception_handler(ClientDisconnect)
    async def gone(request: Request, error: ClientDisconnect) -> Response:
        return JSONResponse({"error": "the client is gone"}, CLIENT_GONE)

    @app.exception_handler(EdgefakeError)
    async def failed(request: Request, error: EdgefakeError) -> Response:
        return JSONResponse({"error": str(error)}, HTTPStatus.INTERNAL_SERVER_ERROR)

    @app.exception_handler(HTTPException)
    async def unknown(request: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:  # each route knows of its own method alone
            headers["Allow"] = ", ".join(sorted(_methods(request))) or headers["Allow"]
        return JSONResponse({"error": f"{error.detail}: /docs lists what there is"}, error.status_code, headers)

    @app.exception_handler(RequestValidationError)
    async def unfit(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where, what = ".".join(map(str, first["loc"])), first["msg"]
        return JSONResponse({"error": printable(f"{where} cannot be used ({what}): see /docs")}, HTTPStatus.UNPROCESSABLE_ENTITY)

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> Response:
        return JSONResponse({"error": FAULT}, HTTPStatus.INTERNAL_SERVER_ERROR)


def _methods(request: Request) -> set[str]:
    """Those that the address of ``request`` knows."""
    described = request.app.openapi()["paths"]
    routes = [compile_path(path)[0] for path in described]
    fitting = [path for path, pattern in zip(described, routes, strict=True) if pattern.match(request.url.path)]
    return {method.upper() for path in fitting for method in described[path]}
