"""Boxes and labels on a frame."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from edgefake.prediction import FaceScore, Prediction, Status, Verdict

Colour = tuple[int, int, int]  # BGR

_COLOURS: dict[Verdict | None, Colour] = {Verdict.FAKE: (60, 60, 230), Verdict.REAL: (80, 170, 60), None: (150, 150, 150)}
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def draw_prediction(frame: npt.NDArray[np.uint8], prediction: Prediction) -> npt.NDArray[np.uint8]:
    """A copy of ``frame`` (uint8, H×W×3, BGR) with each face's box and label; without faces, the status in the corner."""
    picture = frame.copy()
    unit = max(min(frame.shape[:2]) / 480, 0.4)
    if not prediction.faces:
        _label(picture, prediction.status.value.replace("_", " "), 0, 0, _COLOURS[None], unit)
    for face in prediction.faces:
        colour = _COLOURS[face.verdict]
        x, y = round(face.box.x), round(face.box.y)
        corner = (round(face.box.x + face.box.width), round(face.box.y + face.box.height))
        cv2.rectangle(picture, (x, y), corner, (255, 255, 255), round(4 * unit) + 1)  # a light edge, legible on dark and on light
        cv2.rectangle(picture, (x, y), corner, colour, max(1, round(2 * unit)))
        _label(picture, _text(face), x, y, colour, unit)
    return picture


def _text(face: FaceScore) -> str:
    if face.status is not Status.OK or face.verdict is None:
        return face.status.value.replace("_", " ")
    return f"{face.verdict.value} {face.p_fake:.2f}"


def _label(picture: npt.NDArray[np.uint8], text: str, x: int, y: int, colour: Colour, unit: float) -> None:
    """Text on a filled bar above (x, y), moved inside the picture."""
    scale, thickness = 0.6 * unit, max(1, round(1.4 * unit))
    (width, height), base = cv2.getTextSize(text, _FONT, scale, thickness)
    pad = max(2, round(4 * unit))
    left = min(max(x, 0), max(picture.shape[1] - width - 2 * pad, 0))
    top = max(y - height - base - 2 * pad, 0)
    cv2.rectangle(picture, (left, top), (left + width + 2 * pad, top + height + base + 2 * pad), colour, cv2.FILLED)
    cv2.putText(picture, text, (left + pad, top + pad + height), _FONT, scale, (255, 255, 255), thickness, cv2.LINE_AA)
