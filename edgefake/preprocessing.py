"""From a face box in a frame to the pixels a model sees: the one definition.

Training, calibration, evaluation and the device all call these functions, because a detector of forgeries reads
exactly the high-frequency detail that a different resize or crop would change.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from edgefake.faces.geometry import Box, CropMode, crop_square
from edgefake.pixels import Pixels


def face_pixels(
    frame: Pixels, box: Box | None, *, size: int, margin: float, mode: CropMode = "inside", bgr: bool = False
) -> Pixels:
    """Crop the face in ``box`` and bring it to the model's input size.

    Args:
        frame: uint8, H×W×3, BGR.
        box: the face, in pixels of ``frame``; may reach outside it. None: the frame is a face with its context already, of which
            the square in the middle is taken.
        size: side of the result in pixels.
        margin: context around the face, as a fraction of the longer side of ``box``.
        mode: what is done where the crop would leave the frame.
        bgr: leave the colours in their order.

    Returns:
        uint8, size×size×3, **RGB** unless ``bgr``, C-contiguous; of a crop in the right size and order, the crop itself.
    """
    crop = resize_square(crop_square(frame, box, margin, mode), size)
    # Colours are swapped after the resize: at 224 px that is 20 times fewer pixels than in a 720p frame.
    return coloured(crop, "BGR" if bgr else "RGB", given="BGR")


def resize_square(crop: Pixels, size: int) -> Pixels:
    """Resize a square uint8 crop (one or three channels) to size×size: an area mean at an integer ratio first, then bilinear.

    Plain bilinear resizing skips pixels below half size (aliasing looks like forgery traces), and a full INTER_AREA costs ten
    times as much; the integer-ratio mean is both alias-free and fast.
    """
    side = crop.shape[0]
    ratio = side // size
    if ratio >= 2:
        side = side // ratio
        # At most ratio - 1 source pixels on the right and the bottom are left out, so that the ratio is exact.
        crop = cv2.resize(crop[: side * ratio, : side * ratio], (side, side), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    if side == size:
        return np.ascontiguousarray(crop)
    return cv2.resize(crop, (size, size), interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]


def coloured(pixels: Pixels, order: str, *, given: str = "RGB") -> Pixels:
    """Pixels (uint8, (…, W, 3), RGB or BGR as ``given``) in the ``colour_order`` of a card, which its runtime takes.

    They themselves, or a copy.
    """
    if order == given:
        return pixels
    turned = cv2.cvtColor(pixels.reshape(-1, *pixels.shape[-2:]), cv2.COLOR_BGR2RGB)
    return turned.reshape(pixels.shape)  # type: ignore[return-value]


def to_grey(faces: Pixels, *, bgr: bool = False) -> Pixels:
    """Faces (uint8, (N, H, W, 3), RGB, or BGR) as what a model of one channel sees: (N, H, W, 1), weighted by ITU-R BT.601."""
    rows = faces.reshape(-1, *faces.shape[2:])
    grey = cv2.cvtColor(rows, cv2.COLOR_BGR2GRAY if bgr else cv2.COLOR_RGB2GRAY)
    return np.asarray(grey, np.uint8).reshape(*faces.shape[:3], 1)


def to_int8(pixels: Pixels) -> npt.NDArray[np.int8]:
    """``pixel - 128`` as int8, without arithmetic: flipping the top bit is the same thing.

    With the input quantizer fixed at scale 1/128 and zero-point 0, this *is* the quantized ``(pixel - 128) / 128``.
    """
    flipped: Pixels = np.bitwise_xor(pixels, np.uint8(0x80))
    return flipped.view(np.int8)


def to_float(pixels: Pixels, *, offset: float = 128.0, scale: float = 128.0) -> npt.NDArray[np.float32]:
    """``(pixel - offset) / scale`` as float32; the defaults are what every model of this project sees."""
    scaled: npt.NDArray[np.float32] = (pixels.astype(np.float32) - np.float32(offset)) * np.float32(1.0 / scale)
    return scaled
