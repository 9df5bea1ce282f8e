"""What a stream found, drawn on its frames."""

from __future__ import annotations

from edgefake.drawing import Mark, draw_marks, in_all
from edgefake.pixels import Pixels
from edgefake.prediction import Status
from edgefake.streaming.result import FrameResult, TrackResult
from edgefake.thresholds import worst_verdict


def draw(frame: Pixels, result: FrameResult, *, fps: float | None = None) -> Pixels:
    """A copy of ``frame`` (uint8, H×W×3, BGR) with every track's box, number, verdict and p_fake.

    In the corner are ``fps``, and the verdict in all where the worst face alone has another.
    """
    corner = [] if result.tracks else ["no face"]
    if result.verdict not in (worst_verdict(track.verdict for track in result.tracks), None):
        corner.append(in_all(result.verdict))
    if fps is not None:
        corner.append(f"{fps:.1f} fps")
    marks = [Mark(track.box, f"#{track.id} {_text(track)}", track.verdict) for track in result.tracks]
    return draw_marks(frame, marks, corner="  ".join(corner))


def _text(track: TrackResult) -> str:
    if track.verdict is None or track.p_fake is None:
        return "undecided" if track.status is Status.OK else track.status.value.replace("_", " ")
    return f"{track.verdict.value} {track.p_fake:.2f}"
