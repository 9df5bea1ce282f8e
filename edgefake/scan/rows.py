"""One row per file, with its faces in a nested column: the schema, and rows of what was said; see ``docs/archives.md``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from edgefake.prediction import FaceScore, Prediction, worst_of
from edgefake.scan.extra import required
from edgefake.schema import box_values, figure, pixels, plain, seconds_or_ms
from edgefake.streaming.video import TrackVerdict, VideoVerdict, of_tracks
from edgefake.thresholds import Thresholds, Verdict

Row = dict[str, Any]
"""A file's row as plain values, by column."""

FINGERPRINT = b"edgefake.scan"
"""The key in a table's metadata whose value is the ``Fingerprint`` as JSON."""

_FACE = (
    ("picture", "int32"),
    ("seconds", "float64"),
    ("x", "float32"),
    ("y", "float32"),
    ("width", "float32"),
    ("height", "float32"),
    ("status", "string"),
    ("p_fake", "float64"),
    ("verdict", "string"),
    ("size", "float32"),
    ("sharpness", "float32"),
    ("face_score", "float32"),
    ("scored", "int32"),
    ("thumbnail", "binary"),
)
_FILE = (
    ("path", "string"),
    ("sha256", "string"),
    ("size", "int64"),
    ("kind", "string"),
    ("status", "string"),
    ("verdict", "string"),
    ("p_fake", "float64"),
    ("frames", "int32"),
    ("coverage", "float64"),
    ("faces", "faces"),
    ("look", "string"),
    ("looks_like", "string"),
    ("model", "string"),
    ("fingerprint", "string"),
    ("error", "string"),
)
_UNFINISHED = (("same_as", "string"), ("clips", "int32"), ("first", "int32"), ("end", "int32"))
"""What a worker says of a file that the scan has to finish: whose result it shares, or which clips of a video these are."""


def schema(*, unfinished: bool = False) -> Any:
    """The ``pyarrow.Schema`` of results, and of what workers hand to the scan."""
    pa = required("pyarrow")
    face = pa.struct([(name, getattr(pa, kind)()) for name, kind in _FACE])
    columns = _FILE + _UNFINISHED if unfinished else _FILE
    return pa.schema([(name, pa.list_(face) if kind == "faces" else getattr(pa, kind)()) for name, kind in columns])


def table_of(rows: Sequence[Row], *, unfinished: bool = False) -> Any:
    """``rows`` as a ``pyarrow.Table``."""
    return required("pyarrow").Table.from_pylist(list(rows), schema=schema(unfinished=unfinished))


@dataclass(frozen=True, slots=True)
class File:
    """What is known of a file before it is judged."""

    path: str | None
    sha256: str | None = None
    size: int | None = None


def _row(file: File, kind: str | None, status: str, **columns: object) -> Row:
    empty: Row = dict.fromkeys(name for name, _ in _FILE + _UNFINISHED)
    return {**empty, "path": file.path, "sha256": file.sha256, "size": file.size, "kind": kind, "status": status, **columns}


def error_row(file: File, error: str, *, kind: str | None = None) -> Row:
    """Of a file that could not be judged."""
    return _row(file, kind, "error", error=error)


def same_row(file: File, kind: str | None, key: str) -> Row:
    """Of a file whose result is that of the one that claimed ``key``."""
    return _row(file, kind, "same", same_as=key)


def split_row(file: File, clips: int) -> Row:
    """Of a video that is to be judged in parts."""
    return _row(file, "video", "split", clips=clips)


def picture_row(
    file: File, predictions: Sequence[Prediction], faces: Sequence[Row], thresholds: Thresholds, *, errors: Sequence[str] = ()
) -> Row:
    """Of a picture file, as fake as the worst of its pictures; ``errors`` are of those that could not be read."""
    if not predictions:
        return error_row(file, errors[0] if errors else "holds no picture", kind="picture")
    status, verdict, p_fake, _ = worst_of(predictions, thresholds)
    error = f"{len(errors)} of its pictures could not be read: {errors[0]}" if errors else None
    return _row(file, "picture", status, frames=len(predictions), error=error, **_said(verdict, p_fake, faces))


def picture_face(face: FaceScore, number: int, thumbnail: bytes | None) -> Row:
    x, y, width, height = box_values(face.box)
    return {
        "picture": number,
        "seconds": None,
        **{"x": x, "y": y, "width": width, "height": height},
        "status": face.status.value,
        "p_fake": plain(face.p_fake),
        "verdict": face.verdict and face.verdict.value,
        "size": pixels(face.quality.size),
        "sharpness": figure(face.quality.sharpness),
        "face_score": figure(face.face_score),
        "scored": int(face.p_fake is not None),
        "thumbnail": thumbnail,
    }


def video_row(file: File, verdict: VideoVerdict, faces: Sequence[Row], *, part: tuple[int, int, int] | None = None) -> Row:
    """Of a video, or of a ``part`` of it: so many clips in all, the first and the end of these."""
    found = _said(verdict.verdict, verdict.p_fake, faces)
    row = _row(file, "video", verdict.status, frames=verdict.frames, coverage=verdict.coverage, **found)
    return row if part is None else {**row, **dict(zip(("clips", "first", "end"), part, strict=True))}


def merged(parts: Sequence[Row], thresholds: Thresholds, prior: float) -> Row:
    """The row of a video from those of all its parts; one that failed counts as clips that could not be read."""
    first = parts[0]
    file = File(first["path"], first["sha256"], first["size"])
    read = [part for part in parts if part["status"] != "error"]
    if not read:
        return error_row(file, first["error"], kind="video")
    faces = [face for part in read for face in part["faces"] or ()]
    tracks = [
        TrackVerdict(
            id, face["seconds"], face["seconds"], face["scored"], face["p_fake"], face["verdict"] and Verdict(face["verdict"])
        )
        for id, face in enumerate(faces, 1)
    ]
    clips = sum(part["end"] - part["first"] for part in parts)
    coverage = sum((part["end"] - part["first"]) * (part["coverage"] or 0.0) for part in read) / clips
    verdict = of_tracks(tracks, sum(part["frames"] for part in read), thresholds, prior, coverage)
    return video_row(file, verdict, faces)


def finished(row: Row, *, model: str, fingerprint: str) -> Row:
    """``row`` as it is kept."""
    return {**{name: row[name] for name, _ in _FILE}, "model": model, "fingerprint": fingerprint}


def keys_of(row: Row) -> tuple[str, ...]:
    """By which other files may share the result in ``row``."""
    return tuple(key for key in (row["sha256"], row["look"]) if key is not None)


def shared(row: Row, file: Row) -> Row:
    """The result in ``row`` for ``file``, which shares it."""
    alike = row["sha256"] == file["sha256"]
    own = {name: file[name] for name in ("path", "sha256", "size")}
    return {**row, **own, "looks_like": row["looks_like"] if alike else row["sha256"]}


def _said(verdict: Verdict | None, p_fake: float | None, faces: Iterable[Row]) -> Row:
    return {"verdict": verdict and verdict.value, "p_fake": plain(p_fake), "faces": list(faces)}


def rounded_seconds(seconds: float) -> float:
    return seconds_or_ms(seconds)
