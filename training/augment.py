"""What happens to a training picture before the crop: the variations a detector must not mistake for forgery.

The crop itself is ``edgefake.preprocessing.face_pixels``, as on the device; shift and zoom move the box that it gets, so that
they cost no extra interpolation. Resolution, blur and JPEG quality are drawn alike for both classes, so that none of them says
anything about the label.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from edgefake.faces import Box, crop_square
from edgefake.preprocessing import face_pixels

Pixels = npt.NDArray[np.uint8]
CONTEXT = 2.0  # region kept around the face, in box sizes, on which the variations are computed


def augmented_face(frame: Pixels, box: Box, *, size: int, margin: float, rng: np.random.Generator) -> Pixels:
    """A random variation of the face in ``box``: uint8, size×size×3, RGB. ``rng`` alone decides which."""
    region = crop_square(frame, box, CONTEXT - 1.0)
    side = region.shape[0]
    box = Box((side - box.width) / 2, (side - box.height) / 2, box.width, box.height)
    if rng.random() < 0.5:
        region = region[:, ::-1]
    if rng.random() < 0.3:
        region = _rotate(region, angle=rng.uniform(-15, 15), shear=rng.uniform(-0.08, 0.08))
    region, box = _resolution(region, box, rng)
    if rng.random() < 0.15:
        region = cv2.GaussianBlur(region, (0, 0), rng.uniform(0.3, 1.5))
    if rng.random() < 0.5:
        region = _light(region, rng)
    if rng.random() < 0.1:
        region = np.clip(region + rng.normal(0, rng.uniform(1, 6), region.shape), 0, 255).astype(np.uint8)
    if rng.random() < 0.4:
        region = _jpeg(region, quality=int(rng.integers(40, 101)))
    pixels = face_pixels(region, _jitter(box, rng), size=size, margin=margin)
    if rng.random() < 0.2:
        _cut_out(pixels, rng)
    return pixels


def _rotate(region: Pixels, *, angle: float, shear: float) -> Pixels:
    side = region.shape[0]
    matrix = cv2.getRotationMatrix2D((side / 2, side / 2), angle, 1.0)
    matrix[0, 1] += shear
    matrix[0, 2] -= shear * side / 2
    return cv2.warpAffine(region, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[return-value]


def _resolution(region: Pixels, box: Box, rng: np.random.Generator) -> tuple[Pixels, Box]:
    """Down-scale to 0.35 (log-uniform) or up to 1.5, with a random filter; the crop brings it back to the input size."""
    if rng.random() < 0.6:
        return region, box
    factor = float(np.exp(rng.uniform(np.log(0.35), np.log(1.5))))
    side = region.shape[0]
    target = max(16, round(side * factor))
    filters = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC) if factor < 1 else (cv2.INTER_LINEAR, cv2.INTER_CUBIC)
    region = cv2.resize(region, (target, target), interpolation=filters[rng.integers(len(filters))])  # type: ignore[assignment]
    k = target / side
    return region, Box(box.x * k, box.y * k, box.width * k, box.height * k)


def _light(region: Pixels, rng: np.random.Generator) -> Pixels:
    """Brightness and contrast 0.8–1.2, each colour channel another ±5 %."""
    gain = rng.uniform(0.8, 1.2) * rng.uniform(0.95, 1.05, 3)
    offset = 128 * (rng.uniform(0.8, 1.2) - 1)
    table = np.clip(np.arange(256)[:, None] * gain + offset, 0, 255).astype(np.uint8)
    return cv2.LUT(np.ascontiguousarray(region), table[None])  # type: ignore[return-value]


def _jpeg(region: Pixels, *, quality: int) -> Pixels:
    encoded = cv2.imencode(".jpg", region, (cv2.IMWRITE_JPEG_QUALITY, quality))[1]
    return cv2.imdecode(encoded, cv2.IMREAD_COLOR)  # type: ignore[return-value]


def _jitter(box: Box, rng: np.random.Generator) -> Box:
    """Shift by up to 8 % and zoom by up to 15 %: the scatter of face detectors, and a little more."""
    dx, dy = rng.uniform(-0.08, 0.08, 2) * box.size
    zoom = rng.uniform(0.85, 1.15)
    width, height = box.width * zoom, box.height * zoom
    return Box(box.x + dx + (box.width - width) / 2, box.y + dy + (box.height - height) / 2, width, height)


def _cut_out(pixels: Pixels, rng: np.random.Generator) -> None:
    size = pixels.shape[0]
    height, width = rng.integers(size // 8, size // 3, 2)
    y, x = rng.integers(0, size - height), rng.integers(0, size - width)
    pixels[y : y + height, x : x + width] = rng.integers(0, 256, 3)
