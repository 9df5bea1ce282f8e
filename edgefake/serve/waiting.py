"""Waiting for workers, for as long as the client does."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import Request

from edgefake.errors import EdgefakeError
from edgefake.serve.judging import Judged, Task, Workers
from edgefake.serve.limits import Limits
from edgefake.serve.refusals import CLIENT_GONE, FAULT, Refusal


async def judged(request: Request, workers: Workers, tasks: Sequence[Task], limits: Limits) -> list[list[Judged]]:
    """What became of each task. What no worker has begun is dropped when the client goes or the time is over.

    Raises ``Refusal``. The body must have been read.
    """
    for task in tasks:
        workers.submit(task)
    answers = asyncio.gather(*(asyncio.wrap_future(task.future) for task in tasks))
    gone = asyncio.ensure_future(_gone(request))
    try:
        waited: set[asyncio.Future[Any]] = {answers, gone}
        await asyncio.wait(waited, timeout=limits.seconds, return_when=asyncio.FIRST_COMPLETED)
        if answers.done():
            return list(answers.result())
        if gone.done():
            raise Refusal(CLIENT_GONE, "the client is gone: nobody reads this")
        raise Refusal(
            HTTPStatus.SERVICE_UNAVAILABLE,
            f"no worker had an answer within {limits.seconds:g} s: try again when there is less to do",
            retry_after_s=10,
        )
    except asyncio.CancelledError:  # the workers were closed, or the server ends
        raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "the service is being stopped: ask another", retry_after_s=10) from None
    except (Refusal, EdgefakeError):
        raise
    except Exception as error:  # which the worker has logged
        raise Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, FAULT) from error
    finally:
        for task in tasks:
            task.wanted = False
            if task.future.cancel():
                task.picture = b""  # it stays in the queue until a worker comes to it
        answers.cancel()
        gone.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
