"""What happens to a picture between a camera and the detector: the conditions under which models are compared, and the
influences that should not move p_fake of a real face.

They act on the whole frame, before the crop, as a camera or a network would; each is fixed by the picture alone, so that every
model and every run meets the same pixels. They follow the perturbations of DeeperForensics (Jiang et al. 2020), one level each;
training draws its own variations (``training.augment``).
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from edgefake.faces import Box
from edgefake.faces.geometry import CropMode, bordered
from edgefake.pixels import Pixels

BLUR = 0.02  # sigma, as a fraction of the face box's longer side: out of focus, but the device still judges most such faces
NOISE = 8.0  # sigma, grey levels
DARK = 0.25  # of the light: two stops
FRAMING = 0.1  # of the face box: what finders differ by


@dataclass(frozen=True, slots=True)
class Degradation:
    """One condition."""

    what: str
    """For people."""
    apply: Callable[[Pixels, Box], tuple[Pixels, Box]]
    """From a frame (uint8, H×W×3, BGR), left as it is, and its face to the degraded frame and the face's box in it."""


def _clean(frame: Pixels, box: Box) -> tuple[Pixels, Box]:
    return frame, box


def _jpeg(frame: Pixels, box: Box, *, quality: int) -> tuple[Pixels, Box]:
    encoded = cv2.imencode(".jpg", frame, (cv2.IMWRITE_JPEG_QUALITY, quality))[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8), box


def _blur(frame: Pixels, box: Box) -> tuple[Pixels, Box]:
    # Relative to the face, because the model sees every face at one size: a fixed sigma would spare the large ones.
    return np.asarray(cv2.GaussianBlur(frame, (0, 0), BLUR * box.size), np.uint8), box


def _half(frame: Pixels, box: Box) -> tuple[Pixels, Box]:
    height, width = frame.shape[:2]
    target = max(1, width // 2), max(1, height // 2)
    kx, ky = target[0] / width, target[1] / height
    small = np.asarray(cv2.resize(frame, target, interpolation=cv2.INTER_AREA), np.uint8)
    return small, Box(box.x * kx, box.y * ky, box.width * kx, box.height * ky)


def _noise(frame: Pixels, box: Box) -> tuple[Pixels, Box]:
    rng = np.random.default_rng(zlib.crc32(frame.tobytes()))
    noise = rng.standard_normal(frame.shape, np.float32) * np.float32(NOISE)
    return np.clip(np.rint(frame + noise), 0, 255).astype(np.uint8), box


def _dark(frame: Pixels, box: Box) -> tuple[Pixels, Box]:
    levels = np.rint(np.arange(256) * DARK ** (1 / 2.2)).astype(np.uint8)  # a display's gamma
    return np.asarray(cv2.LUT(frame, levels), np.uint8), box


def _sharp(frame: Pixels, box: Box) -> tuple[Pixels, Box]:
    blurred = cv2.GaussianBlur(frame, (0, 0), BLUR / 2 * box.size)
    return np.asarray(cv2.addWeighted(frame, 2.0, blurred, -1.0, 0.0), np.uint8), box


def _grey(frame: Pixels, box: Box) -> tuple[Pixels, Box]:
    return np.asarray(cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR), np.uint8), box


def _framed(frame: Pixels, box: Box, *, scale: float = 1.0, shift: float = 0.0) -> tuple[Pixels, Box]:
    width, height = scale * box.width, scale * box.height
    x, y = (start + (1 - scale) / 2 * side for start, side in ((box.x, box.width), (box.y, box.height)))
    return frame, Box(x + shift * box.size, y + shift * box.size, width, height)


def _tight(frame: Pixels, box: Box) -> tuple[Pixels, Box]:
    """The picture cut off at the face box, so that no margin is left."""
    left, top, right, bottom = box.xyxy
    height, width = frame.shape[:2]
    left, top = max(0, min(round(left), width - 1)), max(0, min(round(top), height - 1))
    cut = frame[top : max(top + 1, round(bottom)), left : max(left + 1, round(right))]
    return cut, Box(box.x - left, box.y - top, box.width, box.height)


def _bordered(frame: Pixels, box: Box, *, mode: CropMode) -> tuple[Pixels, Box]:
    """A picture with so wide a border that every crop lies inside: what a crop in that ``mode`` shows of the picture itself."""
    reach, (height, width) = math.ceil(2 * box.size), frame.shape[:2]
    wider = bordered(frame, (-reach, -reach, width + 2 * reach, height + 2 * reach), mode)
    return wider, Box(box.x + reach, box.y + reach, box.width, box.height)


def _tight_bordered(frame: Pixels, box: Box, *, mode: CropMode) -> tuple[Pixels, Box]:
    return _bordered(*_tight(frame, box), mode=mode)


DEGRADATIONS: dict[str, Degradation] = {
    "clean": Degradation("the picture as it is", _clean),
    "jpeg75": Degradation(
        "JPEG quality 75 (OpenCV, 4:2:0); changes next to nothing in a file that was stored so", partial(_jpeg, quality=75)
    ),
    "jpeg50": Degradation("JPEG quality 50", partial(_jpeg, quality=50)),
    "jpeg30": Degradation("JPEG quality 30", partial(_jpeg, quality=30)),
    "blur": Degradation(f"Gaussian blur, sigma {BLUR * 100:g} % of the longer side of the face box", _blur),
    "half": Degradation("half the width and height, by the mean over areas", _half),
    "noise": Degradation(f"Gaussian noise, sigma {NOISE:g} of 255 grey levels, each channel on its own", _noise),
    "dark": Degradation(f"{DARK * 100:g} % of the light", _dark),
}

INFLUENCES: dict[str, Degradation] = {
    **{name: DEGRADATIONS[name] for name in ("jpeg75", "jpeg30", "half", "blur")},
    "sharp": Degradation(f"sharpened: twice the detail below {BLUR * 50:g} % of the face", _sharp),
    "grey": Degradation("without colour", _grey),
    "closer": Degradation(f"a face box {FRAMING * 100:g} % smaller", partial(_framed, scale=1 - FRAMING)),
    "wider": Degradation(f"a face box {FRAMING * 100:g} % larger", partial(_framed, scale=1 + FRAMING)),
    "shifted": Degradation(f"a face box {FRAMING * 50:g} % to the right and down", partial(_framed, shift=FRAMING / 2)),
    "reflect": Degradation("where the crop leaves the picture, the picture mirrored there", partial(_bordered, mode="reflect")),
    "constant": Degradation("where the crop leaves the picture, grey there", partial(_bordered, mode="constant")),
    "tight": Degradation("the picture cut off at the face box", _tight),
    "tight_reflect": Degradation(
        "the picture cut off at the face box, then mirrored around it", partial(_tight_bordered, mode="reflect")
    ),
    "tight_constant": Degradation(
        "the picture cut off at the face box, then grey around it", partial(_tight_bordered, mode="constant")
    ),
}
"""What says nothing of forgery: sharpness, compression, framing, what is around the picture."""

CONDITIONS = DEGRADATIONS | INFLUENCES
