"""What a stream found, drawn on its frames."""

from __future__ import annotations

from edgefake.drawing import Mark, draw_marks, footer_text, in_all, plain_verdict
from edgefake.pixels import Pixels
from edgefake.prediction import Status
from edgefake.streaming.result import FrameResult, TrackResult
from edgefake.thresholds import worst_verdict


def draw(frame: Pixels, result: FrameResult, *, fps: float | None = None, footer: bool = False) -> Pixels:
    """A copy of ``frame`` (uint8, H×W×3, BGR) with every track's box, number, verdict and p_fake.

    In the corner are ``fps``, and the verdict in all where the worst face alone has another; with ``footer`` the model, the
    thresholds and today's date stand at the foot.
    """
    corner = [] if result.tracks else ["no face"]
    if result.verdict not in (worst_verdict(track.verdict for track in result.tracks), None):
        corner.append(in_all(result.verdict))
    if fps is not None:
        corner.append(f"{fps:.1f} fps")
    marks = [Mark(track.box, f"#{track.id} {_text(track)}", track.verdict) for track in result.tracks]
    foot = footer_text(result.model, result.thresholds) if footer else ""
    return draw_marks(frame, marks, corner="  ".join(corner), footer=foot)


def _text(track: TrackResult) -> str:
    if track.verdict is None or track.p_fake is None:
        return "undecided" if track.status is Status.OK else track.status.value.replace("_", " ")
    return plain_verdict(track.verdict, track.p_fake)
