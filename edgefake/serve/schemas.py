"""The answers, described for OpenAPI; ``docs/schema.md`` says what their keys mean."""

from __future__ import annotations

from typing import Literal

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


class InferInput(BaseModel):
    name: Literal["image", "frame"]
    datatype: Literal["BYTES", "UINT8"]
    shape: list[int]
    data: list[str] | list[int] | None = None
    parameters: dict[str, bool | int | str] | None = None


class InferWanted(BaseModel):
    name: Literal["p_fake", "status", "prediction"]
    parameters: dict[str, bool] | None = None


class InferQuestion(BaseModel):
    """The JSON of a request."""

    id: str | None = None
    inputs: tuple[InferInput]
    outputs: list[InferWanted] | None = None
    parameters: dict[str, bool | float | str] | None = None


class InferOutput(Tensor):
    data: list[float | None] | list[str]


class InferAnswer(BaseModel):
    """The JSON of an answer without binary data."""

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[InferOutput]
