"""What happens to a training picture before the network: the variations a detector must not mistake for forgery.

Each augmentation is one albumentations pipeline (Buslaev et al. 2020) from the square around a face to what the network sees.
The crop in it is ``edgefake.preprocessing.face_pixels``, as on the device; shift and zoom move the box that it gets, so that they
need no extra interpolation. Resolution, blur and JPEG quality are drawn alike for every class, so that none of them gives the
label away.
"""

from __future__ import annotations

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
from edgefake.faces import Box, crop_square, square_around
from edgefake.preprocessing import face_pixels, resize_square

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # importing it would ask PyPI for a newer release
import albumentations as A

Pixels = npt.NDArray[np.uint8]
REACH = 1.55  # side of the varied region, in crops: what rotation, shift and zoom can bring in


class Resolution(A.ImageOnlyTransform):
    """Resize by a log-uniform factor with a random filter; the crop brings it back to the input size."""

    def __init__(self, low: float, high: float, p: float) -> None:
        super().__init__(p=p)
        self.low, self.high = low, high

    def get_params(self) -> dict[str, Any]:
        factor = float(np.exp(self.py_random.uniform(np.log(self.low), np.log(self.high))))
        filters = [cv2.INTER_LINEAR, cv2.INTER_CUBIC] + [cv2.INTER_AREA] * (factor < 1)
        return {"factor": factor, "interpolation": self.py_random.choice(filters)}

    def apply(self, img: Pixels, factor: float, interpolation: int, **_: Any) -> Pixels:
        side = max(16, round(img.shape[0] * factor))
        return np.asarray(cv2.resize(img, (side, side), interpolation=interpolation), np.uint8)


class PictureEdge(A.ImageOnlyTransform):
    """Cut the picture off inside the crop, by up to ``depth`` of it, and repeat its edge as the crop of a face at the edge does.

    Real and fake faces do not lie at the edge equally often, so that without this the smear would say something about the label.
    """

    def __init__(self, depth: float, p: float) -> None:
        super().__init__(p=p)
        self.depth = depth

    def get_params(self) -> dict[str, Any]:
        return {"turns": self.py_random.randrange(4), "share": self.py_random.uniform(0.0, self.depth)}

    def apply(self, img: Pixels, turns: int, share: float, **_: Any) -> Pixels:
        side = img.shape[0]
        edge = round(side / 2 + (share - 0.5) * side / REACH)
        turned = np.rot90(img, turns).copy()
        turned[:edge] = turned[edge]
        return np.ascontiguousarray(np.rot90(turned, -turns))


class FaceCrop(A.ImageOnlyTransform):
    """The model's input (size×size, RGB) from the region around a face (BGR), which is ``REACH`` crops wide.

    The box is shifted and zoomed by up to these fractions of itself: the scatter of face detectors, and a little more.
    """

    def __init__(self, size: int, margin: float, shift: float, zoom: float) -> None:
        super().__init__(p=1.0)
        self.size, self.margin, self.shift, self.zoom = size, margin, shift, zoom

    def get_params(self) -> dict[str, Any]:
        draw = self.py_random.uniform
        shift = draw(-self.shift, self.shift), draw(-self.shift, self.shift)
        return {"shift": shift, "zoom": 1.0 + draw(-self.zoom, self.zoom)}

    def apply(self, img: Pixels, shift: tuple[float, float], zoom: float, **_: Any) -> Pixels:
        side = img.shape[0]
        face = side / REACH / (1.0 + self.margin)
        left, top = (side / 2.0 + offset * face - zoom * face / 2.0 for offset in shift)
        return face_pixels(img, Box(left, top, zoom * face, zoom * face), size=self.size, margin=self.margin)


def standard(size: int, margin: float) -> A.Compose:
    """The field's robustness set, and faces at the edge of the picture."""
    return A.Compose(
        [
            A.HorizontalFlip(p=0.5),
            A.Affine(rotate=(-15, 15), shear={"x": (-4.6, 4.6)}, border_mode=cv2.BORDER_REPLICATE, p=0.3),  # degrees
            Resolution(0.2, 1.5, p=0.4),  # down to the faces of a video call
            PictureEdge(0.25, p=0.15),
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
            FaceCrop(size, margin, shift=0.08, zoom=0.15),
            A.CoarseDropout(
                num_holes_range=(1, 1),
                hole_height_range=(1 / 8, 1 / 3),
                hole_width_range=(1 / 8, 1 / 3),
                fill="random_uniform",
                p=0.2,
            ),
        ]
    )


def xception(size: int, margin: float) -> A.Compose:
    """Geometry and brightness only, as published with an Xception detector: rotation, shift, shear, zoom, flip, brightness."""
    return A.Compose(
        [
            A.HorizontalFlip(p=0.5),
            A.Affine(rotate=(-20, 20), shear={"x": (-8.5, 8.5)}, border_mode=cv2.BORDER_REPLICATE, p=1.0),  # degrees; 15 % shear
            A.MultiplicativeNoise(multiplier=(0.8, 1.2), p=1.0),
            FaceCrop(size, margin, shift=0.2 * (1.0 + margin), zoom=0.2),  # published as 20 % of the picture, here of the box
        ]
    )


AUGMENTATIONS: dict[str, Callable[[int, float], A.Compose]] = {"standard": standard, "xception": xception}


def augmentation_named(name: str) -> Callable[[int, float], A.Compose]:
    """The augmentation of this name; ``InputError`` when there is none."""
    if name not in AUGMENTATIONS:
        raise InputError(f"there is no augmentation {name!r}: expected one of {', '.join(AUGMENTATIONS)}")
    return AUGMENTATIONS[name]


def augmented_face(
    region: Pixels, *, size: int, margin: float, rng: np.random.Generator, augmentation: str = "standard"
) -> Pixels:
    """A random variation of the face in the middle of ``region`` (see ``face_region``): uint8, size×size×3, RGB.

    ``rng`` alone decides which.
    """
    pipeline = seeded(augmentation_named(augmentation), size, margin, rng=rng)
    return np.asarray(pipeline(image=region)["image"], np.uint8)


def face_region(frame: Pixels, box: Box, margin: float) -> tuple[Pixels, Box]:
    """The square of ``frame`` that is varied, ``REACH`` times the crop (uint8, side×side×3, BGR), and the box in it."""
    reach = (1.0 + margin) * REACH - 1.0
    left, top, _ = square_around(box, reach)
    return crop_square(frame, box, reach), replace(box, x=box.x - left, y=box.y - top)


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
