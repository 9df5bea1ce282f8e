"""``/jobs``: videos are taken, judged when it is their turn, and asked for later."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.formparsers import MultiPartParser
from starlette.responses import JSONResponse, Response

from edgefake.serve.bodies import FIELD, HOW, is_form, read_form
from edgefake.serve.options import read_options
from edgefake.serve.pictures import Prior, Threshold
from edgefake.serve.refusals import Refusal
from edgefake.serve.schemas import FILE, REFUSALS, JobAnswer, body_of, refusal
from edgefake.serve.service import Service
from edgefake.text import printable

NAME_LONGEST = 200
_NO_SUCH: dict[int | str, dict[str, Any]] = {
    401: REFUSALS[401],
    404: refusal("No such job, or one that has expired."),
}
_TAKEN: dict[int | str, dict[str, Any]] = {
    202: {
        "model": JobAnswer,
        "description": "It waits for its turn.",
        "headers": {"Location": {"description": "Where to ask for it.", "schema": {"type": "string"}}},
    },
    **{status: REFUSALS[status] for status in (401, 408, 413, 415, 422, 429, 500, 503)},
    507: refusal("The disk is full."),
}


def make_router(service: Service) -> APIRouter:
    router = APIRouter(prefix="/jobs", tags=["videos"])
    store, runner, limits = service.jobs, service.runner, service.limits
    coming = 0

    @asynccontextmanager
    async def place() -> AsyncIterator[None]:
        """Room for one more in the queue. Raises ``Refusal`` where there is none."""
        nonlocal coming
        if store.count("queued") + coming >= limits.jobs:
            told = f"{limits.jobs} videos wait already: try again later"
            raise Refusal(HTTPStatus.TOO_MANY_REQUESTS, told, retry_after_s=60)
        coming += 1
        try:
            yield
        finally:
            coming -= 1

    @router.post("", summary="Judge a video", status_code=202, openapi_extra=body_of({FIELD: FILE}, "video/*"), responses=_TAKEN)
    async def take(request: Request, threshold: Threshold = None, prior: Prior = None) -> Response:
        """Take a video file, as it is or as a form. The answer's `Location` is where its progress and result can be asked for."""
        options = read_options(threshold, prior, service.served().thresholds)
        file = store.new_file()
        try:
            async with place():
                name = await _write(request, file)
                job = await run_in_threadpool(store.add, file, name, options)
        except (OSError, sqlite3.Error) as error:
            service.metrics.failed(error)
            raise _of_disk(error) from error
        finally:
            file.unlink(missing_ok=True)
        runner.wake()
        return JSONResponse(job.to_dict(), HTTPStatus.ACCEPTED, {"Location": f"/jobs/{job.id}"})

    @router.get("/{id}", summary="Progress and result", responses=_NO_SUCH)
    def look(id: str) -> JobAnswer:
        job = store.get(id)
        if job is None:
            raise Refusal(HTTPStatus.NOT_FOUND, f"there is no job {printable(id, limit=60)}: it may have expired")
        return JSONResponse(job.to_dict())  # type: ignore[return-value]

    @router.delete("/{id}", summary="Cancel and forget", status_code=204, response_class=Response, responses=_NO_SUCH)
    def forget(id: str) -> Response:
        """Whether it waits, runs or has ended: neither the video nor its result is kept."""
        look(id)
        store.remove(id)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    return router


async def _write(request: Request, file: Path) -> str | None:
    """Put the video in the body into ``file``; what the caller calls it. Raises ``Refusal`` and ``OSError``."""
    name, size = None, 0
    with open(file, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as out:  # the folder may be open to others
        if is_form(request):
            (upload,) = await read_form(MultiPartParser(request.headers, request.stream(), max_files=1, max_fields=0))
            name = printable(upload.filename, limit=NAME_LONGEST) if upload.filename else None
            try:
                while part := await upload.read(1 << 20):
                    size += await run_in_threadpool(out.write, part)
            finally:
                await upload.close()
        else:
            async for part in request.stream():
                size += await run_in_threadpool(out.write, part)
    if not size:
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, f"the video is empty (0 bytes): {HOW}")
    return name


def _of_disk(error: OSError | sqlite3.Error) -> Refusal:
    if isinstance(error, sqlite3.Error):
        full = str(error) in ("database or disk is full", "disk I/O error")  # it has numbers from Python 3.11 on only
    else:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    if not full:
        raise error
    return Refusal(HTTPStatus.INSUFFICIENT_STORAGE, "there is no room to keep the video: try again later", retry_after_s=600)
