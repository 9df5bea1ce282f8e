"""Questions and answers, described for OpenAPI; ``docs/schema.md`` says what their keys mean."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel

Verdict = Literal["real", "unsure", "fake"] | None


class Error(BaseModel):
    """Why there is no answer."""

    error: str


class Quality(BaseModel):
    size: float
    sharpness: float


class FaceAnswer(BaseModel):
    box: tuple[float, float, float, float]
    status: Literal["ok", "face_too_small", "face_too_blurred"]
    p_fake: float | None
    verdict: Verdict
    quality: Quality
    face_score: float
    landmarks: list[tuple[float, float]] | None


class Ends(BaseModel):
    fake: float
    real: float


class BothThresholds(BaseModel):
    face: Ends
    whole: Ends


class Stages(BaseModel):
    find_faces: float
    preprocess: float
    infer: float


class PictureAnswer(BaseModel):
    """A line of ``edgefake predict --json``."""

    path: str | None
    picture: int | None
    pictures: int | None
    schema_: int
    status: Literal["ok", "no_face", "face_too_small", "face_too_blurred", "error"]
    verdict: Verdict
    p_fake: float | None
    faces: list[FaceAnswer]
    threshold: float
    thresholds: BothThresholds
    prior: float
    timings: Stages | None
    model: str
    error: str | None = None

    model_config = {"alias_generator": lambda name: name.rstrip("_")}


class Predictions(BaseModel):
    """Of one request, in the order of its pictures."""

    schema_: int
    predictions: list[PictureAnswer]

    model_config = {"alias_generator": lambda name: name.rstrip("_")}


class TrackAnswer(BaseModel):
    id: int
    first: float
    last: float
    scored: int
    p_fake: float | None
    verdict: Verdict


class VideoAnswer(BaseModel):
    """A line of ``edgefake video --json``."""

    path: str | None
    schema_: int
    verdict: Verdict
    status: Literal["ok", "no_face", "too_short", "incomplete"]
    p_fake: float | None
    frames: int
    coverage: float | None
    faces: int
    tracks: list[TrackAnswer]
    threshold: float
    thresholds: BothThresholds
    prior: float
    model: str

    model_config = {"alias_generator": lambda name: name.rstrip("_")}


class JobAnswer(BaseModel):
    """One video. Times are Unix times."""

    schema_: int
    id: str
    name: str | None
    state: Literal["queued", "running", "done", "failed"]
    progress: float | None
    created: float
    started: float | None
    finished: float | None
    expires: float | None
    result: VideoAnswer | None
    error: str | None

    model_config = {"alias_generator": lambda name: name.rstrip("_")}


class Health(BaseModel):
    status: Literal["live", "ready"]


class Version(BaseModel):
    version: str
    model: str
    runtime: str


class ServerMetadata(BaseModel):
    name: str
    version: str
    extensions: list[str]


class Tensor(BaseModel):
    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(BaseModel):
    name: str
    versions: list[str]
    platform: str
    inputs: list[Tensor]
    outputs: list[Tensor]


INFER_QUESTION = {
    "type": "object",
    "required": ["inputs"],
    "properties": {
        "id": {"type": "string"},
        "inputs": {
            "type": "array",
            "minItems": 1,
            "maxItems": 1,
            "items": {
                "type": "object",
                "required": ["name", "datatype", "shape", "data"],
                "properties": {
                    "name": {"enum": ["image"]},
                    "datatype": {"enum": ["BYTES"]},
                    "shape": {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1, "maxItems": 1},
                    "data": {"type": "array", "items": {"type": "string", "contentEncoding": "base64"}},
                },
            },
        },
        "outputs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"enum": ["p_fake", "status", "prediction"]},
                    "parameters": {"type": "object", "properties": {"binary_data": {"type": "boolean"}}},
                },
            },
        },
        "parameters": {
            "type": "object",
            "properties": {
                "binary_data_output": {"type": "boolean"},
                "threshold": {"type": ["number", "string"]},
                "prior": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            },
        },
    },
}
"""A request in JSON: files as base64. Others are binary; FastAPI has no way to name a model of a body that it does not read."""


class InferOutput(Tensor):
    data: list[float | None] | list[str]


class InferAnswer(BaseModel):
    """The JSON of an answer without binary data."""

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[InferOutput]


FILE = {"type": "string", "format": "binary"}
FILES = {"type": "array", "items": FILE, "minItems": 1}


def body_of(fields: dict[str, Any], kind: str = "image/*") -> dict[str, Any]:
    """A form with these fields, or a file as it is, for OpenAPI."""
    form = {"schema": {"type": "object", "required": [*fields], "properties": fields, "additionalProperties": False}}
    raw = {kind: {"schema": FILE} for kind in (kind, "application/octet-stream")}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": form, **raw}}}


def refusal(description: str) -> dict[str, Any]:
    """An answer with an error, for OpenAPI: always JSON, whatever a good answer is."""
    schema = {"$ref": f"#/components/schemas/{Error.__name__}"}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


REFUSALS: dict[int | str, dict[str, Any]] = {
    401: refusal("No key, or a wrong one."),
    408: refusal("The body came too slowly."),
    413: refusal("The body, or what a picture declares, is too large."),
    415: refusal("No file of a known format."),
    422: {"model": Error, "description": "A damaged picture, too many, or an option that cannot be used."},
    429: refusal("Too many at once."),
    500: refusal("A fault of the service."),
    503: refusal("Not ready, or no answer in time."),
}
