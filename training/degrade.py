"""What happens to a picture between a camera and the detector: the conditions under which models are compared.

They act on the whole frame, before the crop, as a camera or a network would; each is fixed by the picture alone, so that every
model and every run meets the same pixels. They follow the perturbations of DeeperForensics (Jiang et al. 2020), one level each;
training draws its own variations (``training.augment``).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from edgefake.faces import Box
from edgefake.pixels import Pixels

BLUR = 0.02  # sigma, as a fraction of the face box's longer side: out of focus, but the device still judges most such faces
NOISE = 8.0  # sigma, grey levels


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
}
