"""What happens to a training picture before the network: the variations a detector must not mistake for forgery.

Each augmentation is one albumentations pipeline (Buslaev et al. 2020) from the square around a face to what the network sees.
The crop in it is ``edgefake.preprocessing.face_pixels``, as on the device; shift and zoom move the box that it gets, so that they
need no extra interpolation. The face goes through a pipeline as a keypoint, the middle and the longer side of its box. As on the
device no border is invented: what a rotation brings in from outside the picture is cut off. Resolution, blur and JPEG quality are
drawn alike for every class, so that none of them gives the label away.
"""

from __future__ import annotations

import math
import os
import random
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from edgefake.errors import InputError
from edgefake.faces.geometry import Box, CropMode, crop_square, square_around
from edgefake.pixels import Pixels
from edgefake.preprocessing import face_pixels, resize_square

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # importing it would ask PyPI for a newer release
import albumentations as A

Points = npt.NDArray[np.float64]
"""Keypoints as albumentations hands them on: (N, 5), of which the first two are x and y and the last is a size."""
REACH = 1.55  # side of the varied region, in crops: what rotation, shift and zoom can bring in, but for rare extremes


class Turn(A.Affine):
    """Rotate and shear by up to so many degrees, and keep the largest square around the middle that lies in the picture."""

    def __init__(self, rotate: float, shear: float, p: float) -> None:
        super().__init__(rotate=(-rotate, rotate), shear={"x": (-shear, shear)}, p=p)

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = super().get_params_dependent_on_data(params, data)
        back = np.linalg.inv(found["matrix"])[:2, :2]
        kept = 1.0 / np.abs(back).sum(axis=1).max()
        side = min(params["shape"][:2])
        return {**found, "cut": min(math.ceil((1.0 - kept) / 2.0 * side), (side - 1) // 2)}

    def apply(self, img: Pixels, cut: int, **params: Any) -> Pixels:
        height, width = img.shape[:2]
        return np.ascontiguousarray(super().apply(img, **params)[cut : height - cut, cut : width - cut])

    def apply_to_keypoints(self, keypoints: Points, cut: int, **params: Any) -> Points:
        return _moved(super().apply_to_keypoints(keypoints, **params), cut, cut)


class Resolution(A.DualTransform):
    """Resize by a log-uniform factor with a random filter; the crop brings it back to the input size."""

    _targets = (A.core.type_definitions.Targets.IMAGE, A.core.type_definitions.Targets.KEYPOINTS)

    def __init__(self, low: float, high: float, p: float) -> None:
        super().__init__(p=p)
        self.low, self.high = low, high

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        drawn = float(np.exp(self.py_random.uniform(np.log(self.low), np.log(self.high))))
        filters = [cv2.INTER_LINEAR, cv2.INTER_CUBIC] + [cv2.INTER_AREA] * (drawn < 1)
        factor = max(drawn, 16 / min(params["shape"][:2]))
        return {"factor": factor, "interpolation": self.py_random.choice(filters)}

    def apply(self, img: Pixels, factor: float, interpolation: int, **_: Any) -> Pixels:
        height, width = (round(side * factor) for side in img.shape[:2])
        return np.asarray(cv2.resize(img, (width, height), interpolation=interpolation), np.uint8)

    def apply_to_keypoints(self, keypoints: Points, factor: float, **_: Any) -> Points:
        return keypoints * [factor, factor, 1.0, 1.0, factor]


class PictureEdge(A.DualTransform):
    """Cut the picture off on one side of the face, by up to ``depth`` of the crop inside it.

    Real and fake faces do not lie at the edge equally often, so that without this an uncentred face would say something about the
    label.
    """

    _targets = Resolution._targets

    def __init__(self, margin: float, depth: float, p: float) -> None:
        super().__init__(p=p)
        self.margin, self.depth = margin, depth

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        height, width = params["shape"][:2]
        x, y, face = _face(data, width, height)
        reach = face * (1.0 + self.margin) * (0.5 - self.py_random.uniform(0.0, self.depth))
        sides = [
            max(0, int(x - reach)),
            max(0, int(y - reach)),
            min(width, math.ceil(x + reach)),
            min(height, math.ceil(y + reach)),
        ]
        cut = self.py_random.randrange(4)
        left, top, right, bottom = (sides[i] if i == cut else uncut for i, uncut in enumerate((0, 0, width, height)))
        return {"left": left, "top": top, "right": right, "bottom": bottom}

    def apply(self, img: Pixels, left: int, top: int, right: int, bottom: int, **_: Any) -> Pixels:
        return np.ascontiguousarray(img[top:bottom, left:right])

    def apply_to_keypoints(self, keypoints: Points, left: int, top: int, **_: Any) -> Points:
        return _moved(keypoints, left, top)


class FaceCrop(A.ImageOnlyTransform):
    """The model's input (size×size, RGB) from the region around a face (BGR).

    The box is shifted and zoomed by up to these fractions of itself: the scatter of face detectors, and a little more.
    """

    def __init__(self, size: int, margin: float, shift: float, zoom: float, mode: CropMode = "inside") -> None:
        super().__init__(p=1.0)
        self.size, self.margin, self.mode, self.shift, self.zoom = size, margin, mode, shift, zoom

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        height, width = params["shape"][:2]
        draw = self.py_random.uniform
        x, y, face = _face(data, width, height)
        x, y = (place + draw(-self.shift, self.shift) * face for place in (x, y))
        x, y = min(max(x, 0), width), min(max(y, 0), height)
        side = min(face * (1.0 + draw(-self.zoom, self.zoom)), max(width, height))
        return {"box": Box(x - side / 2.0, y - side / 2.0, side, side)}

    def apply(self, img: Pixels, box: Box, **_: Any) -> Pixels:
        return face_pixels(img, box, size=self.size, margin=self.margin, mode=self.mode)


def _face(data: dict[str, Any], width: int, height: int) -> tuple[float, float, float]:
    """The middle of the face, moved into the picture where it lies outside (the crop is the same), and its size."""
    x, y, _, _, size = data["keypoints"][0]
    return min(max(float(x), 0.0), width), min(max(float(y), 0.0), height), float(size)


def _moved(keypoints: Points, left: int, top: int) -> Points:
    """``keypoints`` in a picture of which so much was cut off."""
    return keypoints - np.array([left, top, 0.0, 0.0, 0.0])


def _pipeline(*transforms: A.BasicTransform) -> A.Compose:
    return A.Compose(transforms, keypoint_params=A.KeypointParams("xys", remove_invisible=False))


def standard(size: int, margin: float, mode: CropMode = "inside", *looks: A.BasicTransform) -> A.Compose:
    """The field's robustness set, and faces at the edge of the picture; ``looks`` go before blur, noise and compression."""
    return _pipeline(
        A.HorizontalFlip(p=0.5),
        Turn(15, 4.6, p=0.3),
        Resolution(0.2, 1.5, p=0.4),  # down to the faces of a video call
        PictureEdge(margin, 0.25, p=0.15),
        *looks,
        A.GaussianBlur(blur_limit=0, sigma_limit=(0.3, 3.0), p=0.25),  # pixels
        A.Sequential(
            [
                A.RandomBrightnessContrast(brightness_limit=0.1, contrast_limit=0.2, p=1.0),  # ±26 grey levels, gain 0.8–1.2
                A.MultiplicativeNoise(multiplier=(0.95, 1.05), per_channel=True, p=1.0),
            ],
            p=0.5,
        ),
        A.GaussNoise(std_range=(1 / 255, 6 / 255), p=0.1),  # 1–6 grey levels
        A.ImageCompression(quality_range=(30, 100), p=0.4),
        FaceCrop(size, margin, shift=0.08, zoom=0.15, mode=mode),
        A.CoarseDropout(
            num_holes_range=(1, 1),
            hole_height_range=(1 / 8, 1 / 3),
            hole_width_range=(1 / 8, 1 / 3),
            fill="random_uniform",
            p=0.2,
        ),
    )


def wide(size: int, margin: float, mode: CropMode = "inside") -> A.Compose:
    """``standard``, with what cameras and their owners do to colours, light and sharpness of real pictures and fakes alike."""
    colour = A.HueSaturationValue(hue_shift_limit=8, sat_shift_limit=(-60, 40), val_shift_limit=0, p=1.0)
    looks = (
        A.OneOf([A.ToGray(p=0.4), colour], p=0.3),
        A.RandomGamma(gamma_limit=(65, 150), p=0.25),
        A.UnsharpMask(blur_limit=(3, 7), sigma_limit=(0.5, 1.5), alpha=(0.2, 0.8), threshold=0, p=0.2),
    )
    return standard(size, margin, mode, *looks)


def xception(size: int, margin: float, mode: CropMode = "inside") -> A.Compose:
    """Geometry and brightness only, as published with an Xception detector: rotation, shift, shear, zoom, flip, brightness."""
    return _pipeline(
        A.HorizontalFlip(p=0.5),
        Turn(20, 8.5, p=1.0),  # 15 % shear
        A.MultiplicativeNoise(multiplier=(0.8, 1.2), p=1.0),
        FaceCrop(
            size, margin, shift=0.2 * (1.0 + margin), zoom=0.2, mode=mode
        ),  # published as 20 % of the picture, here of the box
    )


AUGMENTATIONS: dict[str, Callable[[int, float, CropMode], A.Compose]] = {"standard": standard, "wide": wide, "xception": xception}


def augmentation_named(name: str) -> Callable[[int, float, CropMode], A.Compose]:
    """The augmentation of this name; ``InputError`` when there is none."""
    if name not in AUGMENTATIONS:
        raise InputError(f"there is no augmentation {name!r}: expected one of {', '.join(AUGMENTATIONS)}")
    return AUGMENTATIONS[name]


def augmented_face(
    region: Pixels,
    box: Box,
    *,
    size: int,
    margin: float,
    rng: np.random.Generator,
    mode: CropMode = "inside",
    augmentation: str = "standard",
) -> Pixels:
    """A random variation of the face in ``box`` of ``region`` (see ``face_region``): uint8, size×size×3, RGB.

    ``rng`` alone decides which.
    """
    pipeline = seeded(augmentation_named(augmentation), size, margin, mode, rng=rng)
    face = (box.x + box.width / 2.0, box.y + box.height / 2.0, box.size)
    return np.asarray(pipeline(image=region, keypoints=[face])["image"], np.uint8)


def face_region(frame: Pixels, box: Box, margin: float, mode: CropMode = "inside") -> tuple[Pixels, Box]:
    """The square of ``frame`` that is varied (uint8, side×side×3, BGR), and the box in it.

    It is ``REACH`` times the crop, or as large as the frame allows; the box has the same crop in it as in the frame. Where
    ``mode`` puts a border around the frame, the region has it, and is varied with it.
    """
    reach = (1.0 + margin) * REACH - 1.0
    left, top, _ = square_around(box, reach, width=frame.shape[1], height=frame.shape[0], mode=mode)
    return crop_square(frame, box, reach, mode), replace(box, x=box.x - left, y=box.y - top)


def reduced_region(region: Pixels, box: Box, *, size: int) -> tuple[Pixels, Box]:
    """A region of many more pixels than a network of this input size sees, at twice the resolution it needs or a little more.

    Varying the face of a 12-megapixel photo as it is would take a hundred times as long, to be lost when it is scaled down.
    """
    side = region.shape[0]
    ratio = side // round(2 * REACH * size)
    if ratio < 2:
        return region, box
    k = (side // ratio) / side
    return resize_square(region, side // ratio), Box(box.x * k, box.y * k, box.width * k, box.height * k)


_pipelines: dict[tuple[Any, ...], A.Compose] = {}


def seeded(make: Callable[..., A.Compose], *arguments: Any, rng: np.random.Generator) -> A.Compose:
    """This thread's pipeline ``make(*arguments)``, made once, with ``rng`` for all that it draws next."""
    # A pipeline carries its random state, so that every thread needs its own. By the thread's number, because threading.local
    # forgets: TensorFlow's threads come to Python afresh with every call.
    key = (threading.get_ident(), make, *arguments)
    if key not in _pipelines:
        _pipelines[key] = make(*arguments)
    pipeline = _pipelines[key]
    # Not set_random_seed: it starts every transform at the same state, so that they would all flip the same coin.
    pipeline.set_random_state(rng, random.Random(int(rng.integers(2**63))))
    return pipeline
