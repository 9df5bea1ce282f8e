"""Fakes made from real faces alone: self-blended images (Shiohara & Yamasaki, CVPR 2022, arXiv:2204.08376).

A face is blended with a changed copy of itself, which leaves what face swaps leave (a blending boundary, and skin, sharpness and
landmarks that don't quite fit) and nothing that is one generator's own. Written from the paper's description, but for the mask:
the paper's is the hull of dozens of landmarks, here it is an average outline, fitted to the face's box and, where the face table
has eyes and mouth, turned with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from edgefake.errors import InputError
from edgefake.faces import Box
from edgefake.pixels import Pixels
from training.augment import A, seeded
from training.samples import Sample

Points = npt.NDArray[np.float64]

# In box sizes from the middle of the box, as read off the mean of 500 frontal faces with YuNet boxes.
_RIGHT_HALF = ((0.0, 0.48), (0.12, 0.46), (0.22, 0.40), (0.30, 0.29), (0.345, 0.15), (0.36, 0.0), (0.355, -0.12), (0.32, -0.20))
_BROWS = ((0.2, -0.235), (0.0, -0.225))
OUTLINE = np.array([*_RIGHT_HALF, *_BROWS, *((-x, y) for x, y in reversed((*_RIGHT_HALF[1:], _BROWS[0])))])
EYES_TO_MOUTH = 0.347  # mean over 7,790 faces

FACE_IN_MASK = 64
"""Box size in the mask, in pixels: it is smooth, and elastic deformation is dear."""


def with_self_blends(samples: Sequence[Sample]) -> list[Sample]:
    """``samples`` and, after each real one, its self-blended twin with label 1.

    Raises ``InputError`` when the samples know several kinds of fake, of which a self-blend is none.
    """
    if any(sample.label > 1 for sample in samples):
        raise InputError(
            "self-blended faces are fakes of no kind of their own: expected the classes real and fake, got several kinds"
        )
    twins = []
    for sample in samples:
        twins.append(sample)
        if not sample.fake:
            twins.append(replace(sample, label=1, self_blend=True))
    return twins


def self_blended(region: Pixels, box: Box, upright: tuple[float, float] | None, rng: np.random.Generator) -> Pixels:
    """A self-blended copy of the face in ``box``.

    Args:
        region: uint8, side×side×3, BGR; unchanged.
        box: the face in pixels of ``region``.
        upright: from between the eyes to the middle of the mouth, in box sizes; None where only the box is known.
        rng: decides everything.
    """
    scale, shift = rng.uniform(0.95, 1.05), rng.uniform((-0.03, -0.015), (0.03, 0.015)) * box.size
    middle = np.array([box.x + box.width / 2.0, box.y + box.height / 2.0])
    changed = seeded(_look, rng=rng)(image=region)["image"]
    source, target = (changed, region) if rng.random() < 0.5 else (region, changed)
    move = np.hstack([scale * np.eye(2), (middle + shift - scale * middle)[:, None]])
    side = region.shape[0]
    # Where the moved source has no pixels the target's stay: a repeated edge would tell fakes in tight pictures.
    source = cv2.warpAffine(source, move, (side, side), target.copy(), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_TRANSPARENT)
    outline = face_outline(box, upright, rng) @ move[:, :2].T + move[:, 2]
    mask_side = round(side * FACE_IN_MASK / box.size)
    mask = rng.choice((0.25, 0.5, 0.75, 1.0, 1.0, 1.0)) * _soft_mask(outline * mask_side / side, mask_side, rng)
    mask = cv2.resize(mask.astype(np.float32), (side, side), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.blendLinear(source, target, mask, 1.0 - mask), np.uint8)


def face_outline(box: Box, upright: tuple[float, float] | None, rng: np.random.Generator) -> Points:
    """Corners (N, 2) of the face's hull, in pixels, inside its box, up to a random height of the forehead."""
    outline = OUTLINE + rng.normal(0.0, 0.015, OUTLINE.shape)
    top = outline[:, 1] < -0.15
    outline[top, 1] -= rng.uniform(0.0, 0.22) * (1.0 - (outline[top, 0] / 0.38) ** 2)
    if upright is not None:
        x, y = upright
        outline = outline @ np.array([(y, -x), (x, y)]) / EYES_TO_MOUTH
    half = np.array([box.width, box.height]) / 2.0
    return np.array([box.x, box.y]) + half + np.clip(box.size * outline, -half, half)


def _look() -> A.Compose:
    """Colour and sharpness that differ from the original's: in the paper's words, statistical inconsistency."""
    return A.Compose(
        [
            A.RGBShift((-12, 12), (-12, 12), (-12, 12), p=0.3),  # grey levels
            A.HueSaturationValue((-3, 3), (-20, 20), (-15, 15), p=0.3),  # of 180, 255 and 255
            A.RandomBrightnessContrast(0.1, 0.1, p=0.3),
            A.OneOf(
                [
                    A.Downscale((0.4, 0.8), interpolation_pair={"downscale": cv2.INTER_AREA, "upscale": cv2.INTER_LINEAR}, p=1.0),
                    A.Sharpen(alpha=(0.03, 0.12), lightness=(1.0, 1.0), p=1.0),
                ],
                p=1.0,
            ),
        ]
    )


def _elastic() -> A.Compose:
    return A.Compose([A.ElasticTransform(alpha=80, sigma=8, p=1.0)])


def _soft_mask(outline: Points, side: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """The hull of ``outline`` (in pixels of the mask), deformed and smoothed: (side, side) in 0…1.

    Of two Gaussian filters the first one's slope is cut off, so that it shrinks the mask and the second one softens its edge.
    """
    hull = cv2.convexHull(np.rint(outline).astype(np.int32))
    mask = cv2.fillConvexPoly(np.zeros((side, side), np.uint8), hull, 255)
    mask = seeded(_elastic, rng=rng)(image=mask)["image"]
    mask = cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.5, 2.5))
    mask[mask < 255] = 0
    return cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.5, 3.0)) / 255.0
