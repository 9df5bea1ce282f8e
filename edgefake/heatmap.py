"""What a face's evidence looks like: the crop beside the crop under its map, on one scale for all pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from edgefake.drawing import ascii_text, footer_text, plain_verdict
from edgefake.errors import InputError
from edgefake.faces.geometry import bordered
from edgefake.pixels import Pixels
from edgefake.prediction import FaceScore, Prediction

SIDE = 512
"""Of each crop in the picture, in pixels."""
MOST = 8
"""Faces that one picture shows."""
HOW = {"map": "the model's own map", "occlusion": "map by occlusion"}
TICKS = (8, 4, 2, 1, 0, -1, -2, -4, -8)
HALF = 2.0
"""Log-odds at which a colour is half as strong as it can be: occlusion rarely moves a face by more, patches have up to 10."""

_RED, _BLUE = np.array((40, 40, 225), np.float32), np.array((225, 90, 30), np.float32)  # BGR
_OPACITY, _STRONGEST = 0.9, 0.84  # of the bar: log-odds of 10.5
_PAD, _BAR, _LINE = 16, 150, 34
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_INK, _GREY, _PAPER = (40, 40, 40), (110, 110, 110), 255

Map = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Panel:
    """A face with its map, and what is to be said of it."""

    crop: Pixels
    """uint8, S×S×3, BGR."""
    evidence: Map
    """float32 (h, w), log-odds, see ``FaceScore.evidence``."""
    text: str
    how: str
    """What kind of map it is."""


def draw_evidence(frame: Pixels, prediction: Prediction) -> Pixels:
    """The faces of ``prediction`` with the highest p_fake, ``MOST`` at most, each beside its map: uint8, H×W×3, BGR.

    Raises ``InputError`` where none has evidence: nothing was scored, or nothing explained.
    """
    faces = sorted((face for face in prediction.faces if face.evidence is not None), key=lambda face: -(face.p_fake or 0.0))
    if not faces:
        raise InputError(f"expected a face with evidence, got none ({prediction}): predict(frame, explain=True) gives it")
    more = [f"{len(faces) - MOST} more faces with lower p_fake are not shown"] if len(faces) > MOST else []
    footer = [*more, footer_text(prediction.model, prediction.thresholds)]
    return draw_panels([_panel(frame, face) for face in faces[:MOST]], footer=footer)


def draw_panels(panels: Sequence[Panel], *, footer: Sequence[str] = ()) -> Pixels:
    """One picture of ``panels``, below one another, with the bar of colours beside each and lines of text at the foot."""
    rows = [_row(panel) for panel in panels]
    height = (_LINE + _PAD // 2) * len(footer) + _PAD if footer else 0
    foot = np.full((height, rows[0].shape[1], 3), _PAPER, np.uint8)
    for number, line in enumerate(footer, 1):
        _write(foot, line, (_PAD, number * _LINE), _GREY, width=foot.shape[1] - 2 * _PAD)
    return np.concatenate([*rows, foot])


def tinted(crop: Pixels, evidence: Map, *, side: int = SIDE) -> Pixels:
    """``crop`` (uint8, S×S×3, BGR) in grey under its ``evidence`` (h, w): side×side×3, red speaks for fake, blue for real.

    A place with log-odds v is as strong in colour as v / (|v| + ``HALF``): 0 is grey, no value is cut off, and nothing depends on
    what else is in the map.
    """
    grey = cv2.cvtColor(_resized(crop, side), cv2.COLOR_BGR2GRAY)[..., None].astype(np.float32)
    return _mixed(np.repeat(grey, 3, axis=2), cv2.resize(evidence, (side, side), interpolation=cv2.INTER_LINEAR))


def colour_bar(height: int) -> Pixels:
    """The scale of ``tinted``, with its ticks in log-odds: uint8, ``height``×150×3, BGR."""
    bar = np.full((height, _BAR, 3), _PAPER, np.uint8)
    top, bottom = 34, height - 34
    strength = np.linspace(_STRONGEST, -_STRONGEST, bottom - top)
    values = HALF * strength / (1 - np.abs(strength))
    bar[top:bottom, :28] = _mixed(np.full((bottom - top, 28, 3), 128, np.float32), np.repeat(values[:, None], 28, axis=1))
    for tick in TICKS:
        place = round(top + (1 - shade_of(tick) / _STRONGEST) / 2 * (bottom - top))
        cv2.line(bar, (28, place), (36, place), _INK)
        _write(bar, f"{tick:+d}" if tick else "0", (42, place + 6), _INK, size=0.5)
    _write(bar, "speaks for fake", (0, 20), _INK, size=0.5)
    _write(bar, "speaks for real", (0, height - 12), _INK, size=0.5)
    _write(bar, "log-odds", (74, height // 2 + 6), _GREY, size=0.45)
    return bar


def shade_of(log_odds: Any) -> Any:
    """How red (positive) or blue it is, -1…1, for a number or an array: nothing is cut off."""
    return log_odds / (np.abs(log_odds) + HALF)


def _panel(frame: Pixels, face: FaceScore) -> Panel:
    assert face.evidence is not None and face.evidence_from is not None and face.square is not None
    assert face.verdict is not None and face.p_fake is not None
    left, top, side = round(face.square.x), round(face.square.y), round(face.square.width)
    crop = bordered(frame, (left, top, side, side), "constant")  # what lies beyond the picture is grey, whatever the model saw
    return Panel(crop, face.evidence, plain_verdict(face.verdict, face.p_fake), HOW[face.evidence_from])


def _row(panel: Panel) -> Pixels:
    gap = np.full((SIDE, _PAD, 3), _PAPER, np.uint8)
    under = tinted(panel.crop, panel.evidence)
    row = np.concatenate([gap, _resized(panel.crop, SIDE), gap, under, gap, colour_bar(SIDE)], axis=1)
    head = np.full((_LINE + 2 * _PAD, row.shape[1], 3), _PAPER, np.uint8)
    _write(head, panel.text, (_PAD, _LINE), _INK, size=0.9, width=SIDE)
    _write(head, panel.how, (2 * _PAD + SIDE, _LINE), _GREY, width=SIDE)
    return np.concatenate([head, row])


def _mixed(grey: npt.NDArray[np.float32], evidence: npt.NDArray[Any]) -> Pixels:
    strength = shade_of(evidence.astype(np.float32))[..., None]
    share = _OPACITY * np.abs(strength)
    mixed = grey * (1 - share) + np.where(strength > 0, _RED, _BLUE) * share
    return np.asarray(np.round(mixed), np.uint8)


def _resized(crop: Pixels, side: int) -> Pixels:
    how = cv2.INTER_AREA if crop.shape[0] > side else cv2.INTER_CUBIC
    return cv2.resize(crop, (side, side), interpolation=how)  # type: ignore[return-value]


def _write(
    picture: Pixels, text: str, place: tuple[int, int], colour: tuple[int, int, int], *, size: float = 0.6, width: int = 0
) -> None:
    """Put ``text`` at ``place``, its left end and base line, smaller where it would be wider than ``width``."""
    text, thickness = ascii_text(text), 2 if size > 0.7 else 1
    if width:
        size *= min(1.0, width / max(cv2.getTextSize(text, _FONT, size, thickness)[0][0], 1))
    cv2.putText(picture, text, place, _FONT, size, colour, thickness, cv2.LINE_AA)
