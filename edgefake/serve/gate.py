"""What every request passes before it is read: its key, how many are inside, how long and how large it is."""

from __future__ import annotations

import asyncio
import time
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edgefake.serve.keys import Keys
from edgefake.serve.limits import MB, Limits
from edgefake.serve.metrics import Metrics
from edgefake.serve.refusals import CLIENT_GONE, Refusal

OPEN = ("/health/", "/v2/health/", "/docs", "/openapi.json", "/static-offline-docs/")
"""Paths for which no key is needed: they tell nothing that is secret, and who asks for them can send none."""

VIDEOS = "/jobs"
"""The path that takes bodies as large as videos are."""


class Gate:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, *, limits: Limits, keys: Keys, metrics: Metrics) -> None:
        self._app, self._limits, self._keys, self._metrics = app, limits, keys, metrics
        self._inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), CLIENT_GONE

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._pass(scope, receive, sending)
        except BaseException:
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            raise
        finally:
            route = getattr(scope.get("route"), "path", "other")  # not the path: callers can invent any number of those
            self._metrics.answered(route, status, time.perf_counter() - started)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        counts = scope["method"] == "POST"
        try:
            self._check(scope, counts)
        except Refusal as refusal:
            await JSONResponse(refusal.body, refusal.status, refusal.headers)(scope, receive, send)
            return
        self._count(counts)
        try:
            await self._app(scope, self._limited(scope, receive), send)
        finally:
            self._count(-counts)

    def _count(self, change: int) -> None:
        self._inside += change
        self._metrics.inside.set(self._inside)

    def _check(self, scope: Scope, counts: bool) -> None:
        headers, limits = Headers(scope=scope), self._limits
        path = scope["path"]
        if not path.startswith(OPEN) and not self._keys.admit(headers.get("authorization", "")):
            raise Refusal(HTTPStatus.UNAUTHORIZED, "no key, or a wrong one, was given: send the header Authorization: Bearer KEY")
        if counts and self._inside >= limits.requests:
            raise Refusal(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"{limits.requests} requests are being judged: try again in a moment",
                retry_after_s=1,
            )
        declared = headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > self._most(scope):
            raise self._too_large(scope)

    def _most(self, scope: Scope) -> int:
        return self._limits.video if scope["path"] == VIDEOS else self._limits.body

    def _too_large(self, scope: Scope) -> Refusal:
        most = self._most(scope)
        return Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body has more than the {most / MB:g} MB allowed: send less")

    def _limited(self, scope: Scope, receive: Receive) -> Receive:
        """``receive`` that raises ``Refusal`` for a body that is too large, or comes too slowly."""
        got, ended, most, seconds = 0, False, self._most(scope), self._limits.seconds
        until = time.monotonic() + seconds

        async def limited() -> Message:
            nonlocal got, ended
            if ended:
                return await receive()  # which waits until the client goes
            left = seconds if scope["path"] == VIDEOS else until - time.monotonic()
            try:
                message = await asyncio.wait_for(receive(), max(left, 0.0))
            except asyncio.TimeoutError:
                raise Refusal(HTTPStatus.REQUEST_TIMEOUT, f"the body did not come within {seconds:g} s: send it again") from None
            got += len(message.get("body", b""))
            if got > most:
                raise self._too_large(scope)
            ended = not message.get("more_body", False)
            return message

        return limited
