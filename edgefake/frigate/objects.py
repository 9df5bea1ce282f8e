"""What Frigate says of the objects that it follows: messages at ``frigate/events``, and rows of its API."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

from edgefake.errors import InputError
from edgefake.faces import Box
from edgefake.text import printable

MAX_BYTES = 1 << 20
"""A message is no longer than this; Frigate's have a few kilobytes."""


@dataclass(frozen=True, slots=True)
class FrigateObject:
    """One object, as Frigate knew it at a moment."""

    id: str
    camera: str
    label: str
    start: float
    """Unix time."""
    ended: bool
    has_snapshot: bool
    has_clip: bool
    snapshot_time: float | None = None
    """Of the frame that the snapshot shows: another one is another snapshot."""
    box: Box | None = None
    """Where the object is in the snapshot, in pixels of it; None where that is not told."""
    is_relative: bool = False
    """Whether ``box`` is in shares of its width and height instead."""
    sub_label: str | None = None


def read_message(payload: bytes) -> FrigateObject:
    """The object that a message at ``frigate/events`` tells of, as it is now. Raises ``InputError`` for anything else."""
    if len(payload) > MAX_BYTES:
        raise InputError(f"expected a message of Frigate of at most {MAX_BYTES >> 20} MB, got {len(payload)} bytes")
    try:
        message = json.loads(payload)
        after, kind = message["after"], message["type"]
        return _object(after, ended=kind == "end" or after.get("end_time") is not None)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        shown = printable(payload[:200].decode(errors="replace"), limit=80)
        raise InputError(f"expected a message of Frigate with type and after, got {shown} ({printable(repr(error))})") from error


def read_rows(body: bytes) -> list[FrigateObject]:
    """The objects in an answer of ``/api/events``. Raises ``InputError`` for anything else."""
    try:
        return [_object(row, ended=row.get("end_time") is not None) for row in json.loads(body)]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"expected Frigate's list of events, got something else ({printable(repr(error))})") from error


def _object(values: dict[str, Any], *, ended: bool) -> FrigateObject:
    snapshot = values.get("snapshot") or {}  # since 0.14; before, its time stood beside it
    time = snapshot.get("frame_time", values.get("snapshot_time"))
    box, corners = snapshot.get("box"), (values.get("data") or {}).get("box")
    id, camera, label = values["id"], values["camera"], values["label"]
    if not all(isinstance(text, str) and text for text in (id, camera, label)):
        raise ValueError("id, camera and label are texts")
    return FrigateObject(
        id=id,
        camera=camera,
        label=label,
        start=_number(values.get("start_time") or 0.0),
        ended=ended,
        has_snapshot=bool(values.get("has_snapshot")) or time is not None,
        has_clip=bool(values.get("has_clip")),
        snapshot_time=None if time is None else _number(time),
        box=_box(box) if box else _relative_box(corners),
        is_relative=not box,
        sub_label=_sub_label(values.get("sub_label")),
    )


def _number(value: Any) -> float:
    """A finite one; raises ``ValueError`` for others, which JSON of Python may hold, and ``TypeError`` for what is none."""
    try:
        number = float(value)
    except OverflowError as error:
        raise ValueError("a number is too large") from error
    if not math.isfinite(number):
        raise ValueError("a number is not finite")
    return number


def _box(corners: Any) -> Box | None:
    """Of ``[left, top, right, bottom]``."""
    if not isinstance(corners, list) or len(corners) != 4:
        return None
    left, top, right, bottom = map(_number, corners)
    return Box(left, top, right - left, bottom - top) if right > left and bottom > top else None


def _relative_box(sides: Any) -> Box | None:
    """Of ``[left, top, width, height]``, as the API tells it."""
    if not isinstance(sides, list) or len(sides) != 4:
        return None
    left, top, width, height = map(_number, sides)
    return Box(left, top, width, height) if width > 0 and height > 0 else None


def _sub_label(value: Any) -> str | None:
    """A text in answers of the API, and with its score, ``["Bob", 0.9]``, in messages."""
    if isinstance(value, list):
        value = value[0] if value else None
    return value if isinstance(value, str) and value else None
