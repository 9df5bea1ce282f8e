"""Events of a stream: a face appeared, got its verdict, its verdict changed, it is gone. ``docs/schema.md`` has the keys.

What becomes of hundreds of results when nobody wants to hear the same thing twice: a pure state machine over the tracks of one
stream, without a thread or a clock of its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from edgefake.schema import SCHEMA, box_values, plain, seconds_or_ms
from edgefake.streaming.pictures import Picture
from edgefake.streaming.result import FrameResult, TrackResult
from edgefake.thresholds import Verdict, both_thresholds, worst_verdict

APPEARED_S = 0.3
"""A face that is followed for so long has appeared: what is taken for one for a moment makes no event."""

GONE_S = 2.0
"""A face that was not seen for so long is gone: longer than a track outlives an occlusion."""


class EventKind(str, Enum):
    """What happened to a face."""

    APPEARED = "appeared"
    VERDICT = "verdict"
    """It got its first verdict."""
    CHANGED = "changed"
    """Its verdict is another one than was told last."""
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class TrackSummary:
    """A face from when it was first seen to now."""

    seen: TrackResult
    """As it was last seen."""
    first: float
    last: float
    """Media seconds at which it was first and last seen."""
    frames: int
    """In how many frames it was followed."""
    worst: Verdict | None
    """The worst verdict that it ever had."""

    def to_dict(self) -> dict[str, Any]:
        seen = self.seen
        return {
            "id": plain(seen.id),
            "box": box_values(seen.box),
            "status": seen.status.value,
            "p_fake": plain(seen.p_fake),
            "verdict": seen.verdict and seen.verdict.value,
            "worst": self.worst and self.worst.value,
            "scored": plain(seen.scored),
            "frames": self.frames,
            "first": seconds_or_ms(self.first),
            "last": seconds_or_ms(self.last),
        }


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to one face of a stream; the fields are those of its JSON."""

    id: str
    """Of this event alone: who gets one twice knows it by that. Ends in its number in the stream, from 1."""
    event: EventKind
    camera: str
    track: TrackSummary
    previous: Verdict | None
    """The verdict that was told before; None with all but ``CHANGED``."""
    result: FrameResult
    """That of the frame in which it was noticed; of a stream that has ended the last."""
    picture: Picture | None = None

    @property
    def verdict(self) -> Verdict | None:
        """Of the face; None before its first and with one that never got any."""
        return self.track.seen.verdict

    def to_dict(self) -> dict[str, Any]:
        """Plain values only."""
        result = self.result
        return {
            "schema": SCHEMA,
            "id": self.id,
            "event": self.event.value,
            "camera": self.camera,
            "source": result.source,
            "index": plain(result.index),
            "seconds": seconds_or_ms(result.seconds),
            "captured": seconds_or_ms(result.captured),
            "verdict": self.verdict and self.verdict.value,
            "previous": self.previous and self.previous.value,
            "p_fake": plain(self.track.seen.p_fake),
            "track": self.track.to_dict(),
            "frame": {
                "verdict": result.verdict and result.verdict.value,
                "p_fake": plain(result.p_fake),
                "faces": len(result.tracks),
            },
            "thresholds": both_thresholds(result.thresholds, result.whole),
            "prior": result.prior,
            "model": result.model,
            "picture": self.picture and self.picture.to_dict(),
        }


@dataclass(slots=True)
class _Followed:
    """A face that is there, and what was told of it."""

    summary: TrackSummary
    appeared: bool = False
    told: Verdict | None = None


class Events:
    """The events of one stream, in order: ``update`` with every result, and ``end`` when there are no more."""

    def __init__(self, camera: str) -> None:
        self.camera = camera
        self._run = os.urandom(4).hex()
        self._count = 0
        self._faces: dict[int, _Followed] = {}
        self._last: FrameResult | None = None

    def update(self, result: FrameResult) -> list[Event]:
        """What happened up to this frame."""
        self._last = result
        for seen in result.tracks:
            self._follow(seen, result.seconds)
        gone = [id for id, face in self._faces.items() if result.seconds - face.summary.last >= GONE_S]
        events = self._leave(gone, result)
        for seen in result.tracks:
            events += self._tell(self._faces[seen.id], result)
        return events

    def end(self) -> list[Event]:
        """All faces are gone: the stream is."""
        return self._leave(list(self._faces), self._last) if self._last else []

    def _follow(self, seen: TrackResult, seconds: float) -> None:
        known = self._faces.get(seen.id)
        if known is None:
            self._faces[seen.id] = _Followed(TrackSummary(seen, seconds, seconds, 1, seen.verdict))
            return
        worst = worst_verdict((known.summary.worst, seen.verdict))
        known.summary = replace(known.summary, seen=seen, last=seconds, frames=known.summary.frames + 1, worst=worst)

    def _tell(self, face: _Followed, result: FrameResult) -> list[Event]:
        events, verdict = [], face.summary.seen.verdict
        if not face.appeared and (verdict or face.summary.last - face.summary.first >= APPEARED_S):
            face.appeared = True
            events.append(self._event(EventKind.APPEARED, face, result))
        if verdict and verdict is not face.told:
            kind = EventKind.CHANGED if face.told else EventKind.VERDICT
            events.append(self._event(kind, face, result, face.told))
            face.told = verdict
        return events

    def _leave(self, gone: Iterable[int], result: FrameResult) -> list[Event]:
        left = [self._faces.pop(id) for id in gone]
        return [self._event(EventKind.GONE, face, result) for face in left if face.appeared]

    def _event(self, kind: EventKind, face: _Followed, result: FrameResult, previous: Verdict | None = None) -> Event:
        self._count += 1
        return Event(f"{self._run}-{self._count}", kind, self.camera, face.summary, previous, result)
