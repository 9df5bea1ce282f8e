"""What the service tells of itself: health, version, model card, metrics."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, Response

import edgefake
from edgefake.serve.refusals import Refusal
from edgefake.serve.schemas import REFUSALS, Health, Version, refusal
from edgefake.serve.service import Service

_NOT_READY: dict[int | str, dict[str, Any]] = {503: REFUSALS[503]}
_MAY_BE_REFUSED = {401: REFUSALS[401], **_NOT_READY}


def make_health_router(service: Service) -> APIRouter:
    """What orchestrators ask, without a key; at the addresses of the Open Inference Protocol too."""
    router = APIRouter(tags=["health"])

    @router.get("/health/live", summary="Whether it answers at all")
    @router.get("/v2/health/live", summary="Whether it answers at all", operation_id="v2_live")
    async def live() -> Health:
        return Health(status="live")

    @router.get("/health/ready", summary="Whether the model is loaded and warm", responses=_NOT_READY)
    @router.get("/v2/health/ready", summary="Whether the model is loaded and warm", responses=_NOT_READY, operation_id="v2_ready")
    async def ready() -> Health:
        service.served()
        return Health(status="ready")

    return router


def make_router(service: Service) -> APIRouter:
    router = APIRouter(tags=["about"])

    @router.get("/version", summary="What is running", responses=_MAY_BE_REFUSED)
    async def version() -> Version:
        served = service.served()
        return Version(version=edgefake.__version__, model=served.model, runtime=served.runtime)

    @router.get("/model", summary="The model's card", responses={404: refusal("No single model is served."), **_MAY_BE_REFUSED})
    async def model() -> dict[str, Any]:
        """As `edgefake models show NAME --json` prints it: what it was trained on, how it does, and its thresholds."""
        served = service.served()
        if served.card is None:
            raise Refusal(HTTPStatus.NOT_FOUND, f"{served.model} has no card: it is no single model")
        return Response(served.card, media_type="application/json")  # type: ignore[return-value]

    @router.get("/metrics", summary="For Prometheus", response_class=PlainTextResponse, responses={401: REFUSALS[401]})
    def metrics(request: Request) -> Response:
        page, kind = service.metrics.page(request.headers.get("accept", ""))
        return Response(page, headers={"Content-Type": kind})

    return router
