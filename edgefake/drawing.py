"""Boxes and labels on a frame: one look for predictions and streams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import cv2

from edgefake.faces.geometry import Box
from edgefake.pixels import Pixels
from edgefake.prediction import FaceScore, Prediction
from edgefake.text import percent_text
from edgefake.thresholds import Thresholds, Verdict, worst_verdict

Colour = tuple[int, int, int]  # BGR
Rectangle = tuple[int, int, int, int]  # left, top, right, bottom in pixels

COLOURS: dict[Verdict | None, Colour] = {
    Verdict.FAKE: (60, 60, 230),
    Verdict.UNSURE: (0, 130, 200),
    Verdict.REAL: (50, 155, 40),
    None: (105, 105, 105),
}
_FONT = cv2.FONT_HERSHEY_SIMPLEX


@dataclass(frozen=True, slots=True)
class Mark:
    """A face to be marked: its box, the text of its label (ASCII), and the verdict that colours both."""

    box: Box
    text: str
    verdict: Verdict | None


def draw_prediction(frame: Pixels, prediction: Prediction, *, footer: bool = False) -> Pixels:
    """A copy of ``frame`` (uint8, H×W×3, BGR) with each face's box and label.

    In the corner is the status where there are no faces, and the verdict in all where the worst face alone has another; with
    ``footer`` the model, the thresholds and today's date stand at the foot.
    """
    corner = "" if prediction.faces else prediction.status.value.replace("_", " ")
    if prediction.verdict and prediction.verdict not in (worst_verdict(face.verdict for face in prediction.faces), None):
        corner = in_all(prediction.verdict)
    marks = [Mark(face.box, _text(face), face.verdict) for face in prediction.faces]
    return draw_marks(frame, marks, corner=corner, footer=footer_text(prediction.model, prediction.thresholds) if footer else "")


def in_all(verdict: Verdict) -> str:
    """The label of a verdict on several faces together."""
    return f"in all {verdict.value}"


def plain_verdict(verdict: Verdict, p_fake: float) -> str:
    """For people, in ASCII: ``fake, >99 %``, ``unsure, 45 % fake``, ``real, 3 % fake``."""
    return f"{verdict.value}, {percent_text(p_fake)}{'' if verdict is Verdict.FAKE else ' fake'}"


def footer_text(model: str, thresholds: Thresholds) -> str:
    """What verdicts stand on, and today's date: ``resnet18_int8, fake from 57 %, 2026-11-27``."""
    below = f", real below {percent_text(thresholds.real)}" if thresholds.real < thresholds.fake else ""
    return ascii_text(f"{model}, fake from {percent_text(thresholds.fake)}{below}, {date.today().isoformat()}")


def ascii_text(text: str) -> str:
    """``text`` as OpenCV's letters can show it: they have ASCII alone."""
    return text.encode("ascii", "replace").decode()


def draw_marks(frame: Pixels, marks: Sequence[Mark], *, corner: str = "", footer: str = "") -> Pixels:
    """A copy of ``frame`` (uint8, H×W×3, BGR) with ``marks``, the text ``corner`` at its top left and ``footer`` at its
    bottom left; all sized to the frame.

    A label stands above its box, or below where it would cover another label or face.
    """
    picture = frame.copy()
    unit = max(min(frame.shape[:2]) / 480, 0.4)
    boxes = [_rectangle(mark.box) for mark in marks]
    taken: list[Rectangle] = []
    if footer:
        size = min(0.8 * unit, unit * frame.shape[1] / _bar_size(footer, unit)[0])
        taken.append(_label(picture, footer, (0, frame.shape[0] - _bar_size(footer, size)[1]), COLOURS[None], size))
    if corner:
        taken.append(_label(picture, corner, (0, 0), COLOURS[None], unit))
    for mark, (left, top, right, bottom) in zip(marks, boxes, strict=True):
        cv2.rectangle(picture, (left, top), (right, bottom), (255, 255, 255), round(4 * unit) + 1)  # legible on dark and on light
        cv2.rectangle(picture, (left, top), (right, bottom), COLOURS[mark.verdict], max(1, round(2 * unit)))
    for index, mark in enumerate(marks):
        others = taken + boxes[:index] + boxes[index + 1 :]
        place = _place(picture, mark.text, boxes[index], others, unit)
        taken.append(_label(picture, mark.text, place, COLOURS[mark.verdict], unit))
    return picture


def _text(face: FaceScore) -> str:
    if face.verdict is None or face.p_fake is None:
        return face.status.value.replace("_", " ")
    return plain_verdict(face.verdict, face.p_fake)


def _rectangle(box: Box) -> Rectangle:
    return round(box.x), round(box.y), round(box.x + box.width), round(box.y + box.height)


def _place(picture: Pixels, text: str, box: Rectangle, others: Sequence[Rectangle], unit: float) -> tuple[int, int]:
    """The left and top of the label of ``box``, inside the picture, where it covers least of ``others``."""
    width, height = _bar_size(text, unit)
    left = min(max(box[0], 0), max(picture.shape[1] - width, 0))
    tops = [min(max(top, 0), max(picture.shape[0] - height, 0)) for top in (box[1] - height, box[3])]
    covered = [sum(_overlap((left, top, left + width, top + height), other) for other in others) for top in tops]
    return left, tops[covered.index(min(covered))]


def _overlap(a: Rectangle, b: Rectangle) -> int:
    """Common pixels."""
    return max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))


def _label(picture: Pixels, text: str, place: tuple[int, int], colour: Colour, unit: float) -> Rectangle:
    """White text on a filled bar whose left top corner is ``place``; the bar."""
    width, height = _bar_size(text, unit)
    left, top = place
    bar = (left, top, left + width, top + height)
    cv2.rectangle(picture, bar[:2], bar[2:], colour, cv2.FILLED)
    scale, thickness, pad = _letters(unit)
    base = cv2.getTextSize(text, _FONT, scale, thickness)[1]
    cv2.putText(picture, text, (left + pad, bar[3] - pad - base), _FONT, scale, (255, 255, 255), thickness, cv2.LINE_AA)
    return bar


def _bar_size(text: str, unit: float) -> tuple[int, int]:
    scale, thickness, pad = _letters(unit)
    (width, height), base = cv2.getTextSize(text, _FONT, scale, thickness)
    return width + 2 * pad, height + base + 2 * pad


def _letters(unit: float) -> tuple[float, int, int]:
    """Scale and thickness of the letters, and the room around them."""
    return 0.6 * unit, max(1, round(1.4 * unit)), max(2, round(4 * unit))
