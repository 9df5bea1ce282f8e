"""The addresses of the Open Inference Protocol (KServe v2), for clients that speak it already; ``v2`` has its bytes."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

import edgefake
from edgefake.serve.judging import Task
from edgefake.serve.options import Options, read_options
from edgefake.serve.pictures import refuse_unless_any
from edgefake.serve.refusals import Refusal
from edgefake.serve.schemas import INFER_QUESTION, REFUSALS, InferAnswer, ModelMetadata, ServerMetadata, refusal
from edgefake.serve.service import Service
from edgefake.serve.v2 import HEADER, INPUTS, OUTPUTS, InferRequest, read_request, write_answer
from edgefake.serve.waiting import judged
from edgefake.text import printable

VERSION = "1"
"""Of every model: a file is one version."""

_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": INFER_QUESTION},
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}
_NOT_READY: dict[int | str, dict[str, Any]] = {503: REFUSALS[503]}
_NO_SUCH = {401: REFUSALS[401], 404: refusal("No such model, or version of it."), **_NOT_READY}
_INFER: dict[int | str, dict[str, Any]] = {
    200: {"model": InferAnswer, "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}},
    400: refusal("Not as the protocol wants it."),
    **REFUSALS,
    **_NO_SUCH,
}

_ABOUT = (
    "Judge one tensor of pictures: `image` (BYTES, whole files; in JSON as base64) or `frame` (UINT8, N×H×W×3, BGR). "
    "The parameters `threshold` and `prior` are those of `/predict`."
)


def make_router(service: Service) -> APIRouter:
    router = APIRouter(prefix="/v2", tags=["Open Inference Protocol"])

    @router.get("", summary="What this server is", responses={401: REFUSALS[401]})
    async def server() -> ServerMetadata:
        return ServerMetadata(name="edgefake", version=edgefake.__version__, extensions=["binary_tensor_data"])

    @router.get("/models/{model}", summary="Inputs and outputs", responses=_NO_SUCH)
    async def metadata(model: str) -> ModelMetadata:
        return _metadata(service, model, VERSION)

    @router.get("/models/{model}/versions/{version}", summary="Inputs and outputs", responses=_NO_SUCH)
    async def metadata_of_version(model: str, version: str) -> ModelMetadata:
        return _metadata(service, model, version)

    @router.get("/models/{model}/ready", summary="Whether it is ready", response_class=Response, responses=_NO_SUCH)
    async def model_ready(model: str) -> Response:
        return _ready(service, model, VERSION)

    @router.get(
        "/models/{model}/versions/{version}/ready", summary="Whether it is ready", response_class=Response, responses=_NO_SUCH
    )
    async def version_ready(model: str, version: str) -> Response:
        return _ready(service, model, version)

    @router.post("/models/{model}/infer", summary="Judge pictures", description=_ABOUT, openapi_extra=_BODY, responses=_INFER)
    async def infer(request: Request, model: str) -> Response:
        return await _infer(service, request, model, VERSION)

    @router.post(
        "/models/{model}/versions/{version}/infer",
        summary="Judge pictures",
        description=_ABOUT,
        openapi_extra=_BODY,
        responses=_INFER,
    )
    async def infer_by_version(request: Request, model: str, version: str) -> Response:
        return await _infer(service, request, model, version)

    return router


def _metadata(service: Service, model: str, version: str) -> ModelMetadata:
    _check(service, model, version)
    tensors = {"inputs": INPUTS, "outputs": OUTPUTS}
    return ModelMetadata.model_validate({"name": model, "versions": [VERSION], "platform": "edgefake", **tensors})


def _ready(service: Service, model: str, version: str) -> Response:
    _check(service, model, version)
    return Response()


async def _infer(service: Service, request: Request, model: str, version: str) -> Response:
    _check(service, model, version)
    body, length = await request.body(), request.headers.get(HEADER)
    asked = await run_in_threadpool(read_request, body, length, service.limits)
    options = _options(asked, service)
    tasks = [Task(picture, options=options) for picture in asked.pictures]
    answers = [file[0] for file in await judged(request, service.workers, tasks, service.limits)]
    refuse_unless_any(answers)
    answer, json_length = write_answer(asked, [one.line for one in answers], model=model, version=version)
    if json_length is None:
        return Response(answer, media_type="application/json")
    return Response(answer, media_type="application/octet-stream", headers={HEADER: str(json_length)})


def _check(service: Service, model: str, version: str) -> None:
    served = service.served()
    if model != served.model or version != VERSION:
        got = printable(f"{model}, version {version}", limit=60)
        raise Refusal(HTTPStatus.NOT_FOUND, f"expected the model {served.model}, version {VERSION}, got {got}")


def _options(asked: InferRequest, service: Service) -> Options:
    threshold, prior = (asked.parameters.get(name) for name in ("threshold", "prior"))
    if isinstance(threshold, (bool, list, dict)):
        raise Refusal(HTTPStatus.BAD_REQUEST, "expected a number or a name as threshold, got neither: see /docs")
    return read_options(threshold, prior, service.served().thresholds)
