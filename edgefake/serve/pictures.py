"""``POST /predict``: verdicts on pictures."""

from __future__ import annotations

import json
from http import HTTPStatus
from importlib.util import find_spec
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from edgefake.schema import SCHEMA
from edgefake.serve.bodies import FIELD, read_uploads
from edgefake.serve.judging import Judged, Task
from edgefake.serve.options import read_options
from edgefake.serve.refusals import Refusal
from edgefake.serve.schemas import FILE, FILES, REFUSALS, Predictions, body_of, refusal
from edgefake.serve.service import Service
from edgefake.serve.waiting import judged

REPORTS_NEED = ("jinja2", "c2pa")

_UNFIT = refusal("A damaged picture, several, or an option that cannot be used.")

Threshold = Annotated[
    str | None,
    Query(description="The p_fake from which a face is fake: a number in 0…1, or the name of a threshold in the model's card."),
]
Prior = Annotated[float | None, Query(description="The share of fakes among faces that p_fake is to be meant for.", gt=0, lt=1)]
Annotate = Annotated[bool, Query(description="Answer with a JPEG that has the faces marked; for a single picture.")]


def make_router(service: Service) -> APIRouter:
    router = APIRouter(tags=["pictures"])

    @router.post(
        "/predict",
        summary="Judge pictures",
        openapi_extra=body_of({FIELD: FILES}),
        responses={200: {"model": Predictions, "content": {"image/jpeg": {"schema": FILE}}}, **REFUSALS},
    )
    async def predict(request: Request, threshold: Threshold = None, prior: Prior = None, annotate: Annotate = False) -> Response:
        """Judge the pictures in the body: one as it is, or several as a form. A picture that cannot be read is told as such
        beside the others; where none can be, that is the answer's status.
        """
        options = read_options(threshold, prior, service.served().thresholds)
        answers = await _answers(service, request, options=options, attach="jpeg" if annotate else None)
        return _annotated(answers) if annotate else JSONResponse(_told(answers))

    @router.post(
        "/report",
        summary="Report on a picture",
        openapi_extra=body_of({FIELD: FILE}),
        response_class=HTMLResponse,
        responses={**REFUSALS, 422: _UNFIT, 501: refusal("The service was installed without reports.")},
    )
    async def report(request: Request, threshold: Threshold = None, prior: Prior = None) -> Response:
        """What is said of one picture file, and what that is worth, as one self-contained page. What in the faces spoke for it
        is shown where there are at most 8.
        """
        options = read_options(threshold, prior, service.served().thresholds)
        if missing := [name for name in REPORTS_NEED if find_spec(name) is None]:
            raise Refusal(HTTPStatus.NOT_IMPLEMENTED, f"reports need {missing[0]}: ask who runs this to install edgefake[report]")
        (answer,) = await _answers(service, request, options=options, attach="report", most=1)
        return HTMLResponse(answer.attached)

    return router


async def _answers(service: Service, request: Request, *, most: int | None = None, **choice: Any) -> list[Judged]:
    """Of all pictures in the body, which has ``most`` files. Raises ``Refusal`` where none could be judged."""
    pictures = service.limits.pictures
    uploads = await read_uploads(request, most=most or pictures)
    tasks = [Task(upload.data, upload.name, most=pictures // len(uploads), **choice) for upload in uploads]
    answers = [one for file in await judged(request, service.workers, tasks, service.limits) for one in file]
    refuse_unless_any(answers)
    return answers


def refuse_unless_any(answers: list[Judged]) -> None:
    """Raise ``Refusal`` where none of the pictures could be judged."""
    if all(answer.status != HTTPStatus.OK for answer in answers):
        raise Refusal(answers[0].status, answers[0].line["error"])


def _told(answers: list[Judged]) -> dict[str, Any]:
    return {"schema": SCHEMA, "predictions": [answer.line for answer in answers]}


def _annotated(answers: list[Judged]) -> Response:
    if len(answers) != 1:
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, f"expected one picture with annotate, got {len(answers)}: send it alone")
    (answer,) = answers
    told = json.dumps({name: answer.line[name] for name in ("status", "verdict", "p_fake")})
    return Response(answer.attached, media_type="image/jpeg", headers={"Edgefake-Prediction": told})
