"""What the network sees, on one sheet: every face as it is, then as training varies it."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from edgefake.faces.geometry import CropMode
from edgefake.pixels import Pixels
from training.batches import sample_pixels
from training.samples import Sample

GAP = 4
LABEL = 18  # height of the line above a row, in pixels


def contact_sheet(
    samples: Sequence[Sample],
    names: Sequence[str],
    *,
    columns: int,
    size: int,
    margin: float,
    mode: CropMode = "inside",
    seed: int,
    augmentation: str = "standard",
) -> Pixels:
    """A row for each sample, under its class's name of ``names``: the unvaried face, then ``columns`` variations of it.

    Returns uint8, H×W×3, BGR, for ``edgefake.write_image``.
    """
    rows = []
    for index, sample in enumerate(samples):
        faces = [sample_pixels(sample, size=size, margin=margin, mode=mode)]
        for column in range(columns):
            rng = np.random.default_rng((seed, column, index))
            faces.append(sample_pixels(sample, size=size, margin=margin, mode=mode, rng=rng, augmentation=augmentation))
        kind = " (self-blended)" if sample.self_blend else " (made)" if sample.made else ""
        rows.append(_row(faces, f"{names[sample.label]}{kind}: {sample.path.name}"))
    return np.vstack(rows)


def chosen(samples: Sequence[Sample], count: int, seed: int) -> list[Sample]:
    """``count`` samples at random, of every class alike, in the order of the classes."""
    rng = np.random.default_rng(seed)
    labels = sorted({(sample.label, sample.self_blend, sample.made) for sample in samples})
    picked: list[Sample] = []
    for place, label in enumerate(labels):
        members = [sample for sample in samples if (sample.label, sample.self_blend, sample.made) == label]
        share = (count + len(labels) - 1 - place) // len(labels)
        picked += [members[i] for i in rng.permutation(len(members))[:share]]
    return picked


def _row(faces: Sequence[Pixels], text: str) -> Pixels:
    gap = np.full((faces[0].shape[0], GAP, 3), 255, np.uint8)
    row = np.hstack([part for face in faces for part in (face[:, :, ::-1], gap)])
    row = cv2.copyMakeBorder(row, LABEL, GAP, GAP, 0, cv2.BORDER_CONSTANT, value=(255, 255, 255))
    ascii_text = text.encode("ascii", "replace").decode()  # OpenCV draws nothing else
    cv2.putText(row, ascii_text, (GAP, LABEL - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
    return np.asarray(row, np.uint8)
