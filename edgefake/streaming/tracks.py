"""Following faces from frame to frame, and deciding when to search again.

SORT (Bewley et al. 2016) with its Kalman filter cut down to what faces need, and the buffered IoU of C-BIoU (Yang et al. 2023),
whose buffer here is the filter's own uncertainty: what was not seen for longer is searched further away.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from edgefake.faces.geometry import Box, overlap

LOST_S = 1.5
"""A face that searches did not find for so long is forgotten; when it comes back it gets a new id."""

GAP_S = 5.0
"""After a gap in the stream as long as this all faces are forgotten."""

SEARCH_S = 0.5
"""Faces are searched at least this often, however slowly frames come."""

SHOWN_S = 0.5
"""A face that was not found for so long is no longer reported."""

MIN_OVERLAP = 0.2
"""Buffered IoU from which a found box may be a track's next."""

_NOISE = 0.05**2
"""Variance of a found box's centre, in face sizes."""
_START_SPEED = 2.0**2
"""Variance of a new face's speed, in face sizes per second."""
_PUSH = 2.0**2
"""Growth of that variance per second: how suddenly faces start and stop."""
_MAX_BUFFER = 0.75


@dataclass(slots=True)
class Track:
    """One face: where it should be now, and how sure that is. Ids start at 1; 0 is a track that was seen only once."""

    box: Box
    seen: float
    """When it was last found, media seconds."""
    id: int = 0
    found: int = 1
    """Searches that found it."""
    missed: int = 0
    """Searches in a row that did not find it."""
    speed: tuple[float, float] = (0.0, 0.0)
    """Of the centre, pixels per second."""
    # The covariance of position and speed, alike in x and y, in face sizes.
    var: float = _NOISE
    cov: float = 0.0
    var_speed: float = _START_SPEED

    def move(self, dt: float) -> None:
        """Predict the box ``dt`` seconds on."""
        vx, vy = self.speed
        self.box = Box(self.box.x + vx * dt, self.box.y + vy * dt, self.box.width, self.box.height)
        self.var += 2 * dt * self.cov + dt * dt * self.var_speed + _PUSH * dt**3 / 3
        self.cov += dt * self.var_speed + _PUSH * dt * dt / 2
        self.var_speed += _PUSH * dt

    def correct(self, found: Box, seconds: float) -> None:
        """Take in where the face is, as seen in the frame at ``seconds``."""
        gain, gain_speed = self.var / (self.var + _NOISE), self.cov / (self.var + _NOISE)
        (x, y), (found_x, found_y) = _centre(self.box), _centre(found)
        dx, dy = found_x - x, found_y - y
        self.speed = (self.speed[0] + gain_speed * dx, self.speed[1] + gain_speed * dy)
        width = self.box.width + gain * (found.width - self.box.width)
        height = self.box.height + gain * (found.height - self.box.height)
        self.box = Box(x + gain * dx - width / 2, y + gain * dy - height / 2, width, height)
        self.var_speed -= gain_speed * self.cov
        self.var, self.cov = self.var * (1 - gain), self.cov * (1 - gain)
        self.seen, self.found, self.missed = seconds, self.found + 1, 0

    def is_inside(self, width: int, height: int) -> bool:
        """Whether its centre lies in a frame of this size."""
        x, y = _centre(self.box)
        return 0 <= x < width and 0 <= y < height

    @property
    def buffer(self) -> float:
        """How far around the box the face may be, in face sizes: one standard deviation."""
        return min(math.sqrt(self.var), _MAX_BUFFER)


class Tracker:
    """The faces of one stream.

    Per frame: ``move``, and ``begin_search`` when one is due. When the search is done, be it some frames later, ``update``.
    """

    def __init__(self, *, detect_every: int) -> None:
        self._tracks: list[Track] = []
        self._searched: list[Track] = []  # as they were in the frame that is being searched
        self._searched_at = 0.0
        self._every = detect_every
        self._seconds = 0.0
        self._since_search = detect_every
        self._due = True
        self._second_look = False
        self._after_regular = False
        self._last_id = 0

    @property
    def search_due(self) -> bool:
        """Every n-th frame; and once more in the next frame when a face was new or missing, for one search may err."""
        return self._due or self._second_look

    @property
    def is_empty(self) -> bool:
        """Whether no face is remembered, not even one that was seen only once."""
        return not self._tracks

    @property
    def shown(self) -> list[Track]:
        """The faces to report: found twice, and not long ago."""
        return [track for track in self._tracks if track.id and self._seconds - track.seen <= SHOWN_S]

    @property
    def ids(self) -> set[int]:
        """Of all faces that are remembered."""
        return {track.id for track in self._tracks if track.id}

    @property
    def expected(self) -> list[Box]:
        """Where faces should be in the frame that is being searched."""
        return [track.box for track in self._searched if track.id]

    def move(self, seconds: float) -> None:
        """Go on to the frame at ``seconds`` of media time."""
        dt = max(0.0, seconds - self._seconds)
        self._seconds = max(seconds, self._seconds)
        self._since_search += 1
        self._due = self._since_search >= self._every or self._seconds - self._searched_at >= SEARCH_S
        self._tracks = [track for track in self._tracks if self._seconds - track.seen <= (LOST_S if track.missed else GAP_S)]
        for track in self._tracks:
            track.move(dt)

    def begin_search(self) -> None:
        """The faces of this frame are being searched."""
        self._searched = [replace(track) for track in self._tracks]
        self._searched_at = self._seconds
        self._after_regular = self._due
        self._since_search = 0
        self._due = self._second_look = False

    def update(self, found: Sequence[Box]) -> None:
        """Take in all faces that the search found, and catch up with the frames since."""
        tracks = self._searched
        matched = _match(tracks, found)
        for index, track in enumerate(tracks):
            if index not in matched:
                track.missed += 1
            else:
                track.correct(found[matched[index]], self._searched_at)
                if not track.id:
                    self._last_id += 1
                    track.id = self._last_id
        tracks = [track for track in tracks if track.id or not track.missed]
        tracks += [Track(box, self._searched_at) for index, box in enumerate(found) if index not in matched.values()]
        for track in tracks:
            track.move(self._seconds - self._searched_at)
        self._tracks = tracks
        self._second_look = self._after_regular and any(track.missed == 1 or not track.id for track in tracks)

    def forget(self) -> None:
        """Drop all faces and search in the next frame: the picture is another one. Ids go on."""
        self._tracks = []
        self._since_search = self._every


def _match(tracks: Sequence[Track], found: Sequence[Box]) -> dict[int, int]:
    """Track → found box, both by number: the best pair first, each at most once."""
    overlaps = [
        (overlap(_grown(track.box, track.buffer), _grown(box, track.buffer)), t, f)
        for t, track in enumerate(tracks)
        for f, box in enumerate(found)
    ]
    matched: dict[int, int] = {}
    for value, t, f in sorted(overlaps, key=lambda pair: pair[0], reverse=True):
        if value >= MIN_OVERLAP and t not in matched and f not in matched.values():
            matched[t] = f
    return matched


def _centre(box: Box) -> tuple[float, float]:
    return box.x + box.width / 2, box.y + box.height / 2


def _grown(box: Box, by: float) -> Box:
    dx, dy = by * box.width, by * box.height
    return Box(box.x - dx, box.y - dy, box.width + 2 * dx, box.height + 2 * dy)
