"""Training crops of the face finder: photos at random scales, alone, as mosaics, or with heads pasted into them.

Scale is what such a finder sees least of: photos hold faces of a few sizes, so each is scaled to a size drawn evenly on a
logarithmic axis, like the tiles of a mosaic (Bochkovskiy et al. 2020) and the heads that are pasted in (Dwibedi et al. 2017).
Pictures without a face are tiles too, and parts of them are pasted in the same way, so that the seam says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edgefake.faces.decode import Floats, intersections
from edgefake.images import read_image
from edgefake.pixels import Pixels
from training.finder.data import Photo
from training.finder.targets import FACE, IGNORED

Rng = np.random.Generator

SMALLEST, LARGEST = 8.0, 1.25
"""Faces, by their longer side: from so many pixels to so many times the side of the crop."""
ENLARGED = 4.0
"""Photos are enlarged at most so many times."""
LEAST = 6.0
"""Smaller faces (pixels) are ignored, like those of which less than ``VISIBLE`` is in sight."""
VISIBLE, GONE = 0.5, 0.1
"""Shares of a face's box: below the second it is not there."""
ANGLE, TURNED = 30.0, 0.3
"""Up to so many degrees, for this share of pictures."""
BACKGROUND, MOSAIC, PASTED = 0.25, 0.35, 0.2
"""Shares of crops: without a face, of four photos, of one with heads pasted into it; the others are of one photo."""
EMPTY_TILE = 0.3
"""Share of a mosaic's tiles without a face."""
PART = 0.5
"""Share of backgrounds that are taken from beside a face: collars, hair and hands, as large as faces are."""
LARGEST_PART = 0.7
"""Side of such a part, in shorter sides of its photo."""
BESIDE = 0.15
"""A part keeps away from faces by so much of their size."""
MOST_PASTED = 8
HEAD = 1.6
"""Longer axis of the ellipse that is pasted, in sizes of the face."""
MIRRORED = [1, 0, 2, 4, 3]
"""Where the points of a face go in a mirror: left and right change places."""


@dataclass(slots=True)
class Crop:
    """A training picture and its faces."""

    image: Pixels
    """size×size×3; BGR while it is composed, RGB when it is done."""
    boxes: Floats
    """(G, 4): x, y, width, height."""
    points: Floats
    """(G, 5, 2), NaN for unknown."""
    kinds: npt.NDArray[np.int32]
    """(G,): ``FACE`` or ``IGNORED``."""

    def add(self, boxes: Floats, points: Floats, kinds: npt.NDArray[np.int32]) -> None:
        """Add faces."""
        self.boxes, self.points = np.concatenate([self.boxes, boxes]), np.concatenate([self.points, points])
        self.kinds = np.concatenate([self.kinds, kinds])


class Collection:
    """Photos of several folders; a folder is drawn by the square root of its size, so that large ones do not drown the others.

    A folder that is given several times is drawn that much more often.
    """

    def __init__(self, folders: Sequence[Sequence[Photo]]) -> None:
        with_face = [[photo for photo in folder if photo.sure.any()] for folder in folders]
        self._faces = [folder for folder in with_face if folder]
        self.empty = [photo for folder in folders for photo in folder if not len(photo.boxes)]
        """The photos without a face."""
        root = np.sqrt([len(folder) for folder in self._faces])
        self._shares = root / root.sum()
        self.hardness = np.ones(len(self.empty))
        """How often each of ``empty`` is drawn, against the others."""

    def face_photo(self, rng: Rng) -> Photo:
        """A photo with a face."""
        folder = self._faces[rng.choice(len(self._faces), p=self._shares)]
        return folder[rng.integers(len(folder))]

    def faceless(self, rng: Rng) -> Photo | None:
        """A photo without one, when there is any."""
        return self.empty[rng.choice(len(self.empty), p=self.hardness / self.hardness.sum())] if self.empty else None


def crop(photos: Collection, size: int, rng: Rng) -> Crop:
    """A random training picture; ``rng`` alone decides which. ``InputError`` where a photo cannot be read."""
    made = Crop(_ground(photos, size, rng), *_no_faces())
    what = rng.random()
    if what < BACKGROUND:
        pass
    elif what < BACKGROUND + MOSAIC:
        x, y = rng.integers(round(0.3 * size), round(0.7 * size), 2)
        for left, right in ((0, x), (x, size)):
            for top, bottom in ((0, y), (y, size)):
                empty = photos.faceless(rng) if rng.random() < EMPTY_TILE else None
                _place(made, empty or photos.face_photo(rng), (left, top, right, bottom), rng)
    else:
        _place(made, photos.face_photo(rng), (0, 0, size, size), rng)
        if what > 1 - PASTED:
            for _ in range(rng.integers(1, MOST_PASTED + 1)):
                _paste(made, photos, rng)
    made.image = np.ascontiguousarray(varied(made.image, rng)[..., ::-1])
    return made


def _no_faces() -> tuple[Floats, Floats, npt.NDArray[np.int32]]:
    return np.zeros((0, 4), np.float32), np.zeros((0, 5, 2), np.float32), np.zeros(0, np.int32)


def _ground(photos: Collection, size: int, rng: Rng) -> Pixels:
    """What is seen where no photo with a face is: part of one without, a part beside a face, or a colour."""
    ground = np.full((size, size, 3), rng.integers(0, 256, 3), np.uint8)
    if rng.random() < PART:
        photo = photos.face_photo(rng)
        picture = read_image(photo.path)
        part = _beside(photo, picture, size, rng)
        if part is not None:
            scale = size / part[2]
            _warp(picture, np.array([[scale, 0, -scale * part[0]], [0, scale, -scale * part[1]]]), ground)
            return ground
    empty = photos.faceless(rng)
    if empty is not None:
        picture = read_image(empty.path)
        scale = size / min(picture.shape[:2]) * rng.uniform(1.0, 2.0)
        room = np.maximum(np.array(picture.shape[1::-1]) * scale - size, 0)
        shift = -rng.random(2) * room
        _warp(picture, np.array([[scale, 0, shift[0]], [0, scale, shift[1]]]), ground)
    return ground


def _beside(photo: Photo, picture: Pixels, size: int, rng: Rng) -> tuple[float, float, float] | None:
    """(left, top, side) of a part of ``picture`` without a face; None where none was found, or only ones too small to enlarge."""
    height, width = picture.shape[:2]
    largest = LARGEST_PART * min(height, width)
    if largest < size / ENLARGED:
        return None
    margin = BESIDE * photo.boxes[:, 2:]
    kept_away = np.concatenate([photo.boxes[:, :2] - margin, photo.boxes[:, 2:] + 2 * margin], axis=1)
    for _ in range(8):
        side = rng.uniform(size / ENLARGED, largest)
        left, top = rng.uniform(0, (width - side, height - side))
        if not intersections(np.array([[left, top, side, side]], np.float32), kept_away).any():
            return left, top, side
    return None


def _place(made: Crop, photo: Photo, region: tuple[int, int, int, int], rng: Rng) -> None:
    """Put ``photo`` into the region (left, top, right, bottom), one of its faces, or the middle, inside and at a random size."""
    left, top, right, bottom = region
    side = min(right - left, bottom - top)
    picture = read_image(photo.path)
    if len(photo.boxes):
        anchor = photo.boxes[rng.choice(np.flatnonzero(photo.sure))]
    else:
        middle, part = np.array(picture.shape[1::-1], np.float32) / 2, min(picture.shape[:2]) * rng.uniform(0.1, 0.5)
        anchor = np.array([*(middle - part / 2), part, part], np.float32)
    longer = float(anchor[2:].max())
    wanted = math.exp(rng.uniform(math.log(SMALLEST), math.log(LARGEST * side)))
    scale = min(wanted / longer, ENLARGED)
    reach = np.maximum(np.array([right - left, bottom - top]) - scale * anchor[2:], 0.3 * side) / 2
    centre = np.array([left + right, top + bottom]) / 2 + rng.uniform(-1, 1, 2) * reach - (left, top)
    matrix = _transform(anchor[:2] + anchor[2:] / 2, centre, scale, rng)
    _warp(picture, matrix, made.image[top:bottom, left:right])
    boxes, points = moved(photo.boxes, photo.points, matrix)
    seen = intersections(boxes, np.array([[0, 0, right - left, bottom - top]], np.float32))[:, 0] / boxes[:, 2:].prod(1)
    is_face = photo.sure & (seen >= VISIBLE) & (boxes[:, 2:].max(1) >= LEAST)
    kept = seen >= GONE
    made.add(
        boxes[kept] + np.array([left, top, 0, 0], np.float32),
        points[kept] + np.array([left, top], np.float32),
        np.where(is_face, FACE, IGNORED)[kept].astype(np.int32),
    )


def _transform(source: Floats, target: Floats, scale: float, rng: Rng) -> npt.NDArray[np.float64]:
    """(2, 3): the point ``source`` comes to ``target``, scaled, at random mirrored and turned."""
    angle = math.radians(rng.uniform(-ANGLE, ANGLE)) if rng.random() < TURNED else 0.0
    turn = scale * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    if rng.random() < 0.5:
        turn = turn @ np.diag([-1.0, 1.0])
    return np.column_stack([turn, target - turn @ source])


def moved(boxes: Floats, points: Floats, matrix: npt.NDArray[np.float64]) -> tuple[Floats, Floats]:
    """Boxes (G, 4) and points (G, 5, 2) after an affine transform (2, 3): a face is taken for the ellipse in its box."""
    turn, shift = matrix[:, :2], matrix[:, 2]
    centres = (boxes[:, :2] + boxes[:, 2:] / 2) @ turn.T + shift
    sides = np.sqrt(boxes[:, 2:] ** 2 @ (turn**2).T)
    turned = points @ turn.T + shift
    if np.linalg.det(turn) < 0:
        turned = turned[:, MIRRORED]
    return np.concatenate([centres - sides / 2, sides], 1).astype(np.float32), turned.astype(np.float32)


def _warp(picture: Pixels, matrix: npt.NDArray[np.float64], onto: Pixels) -> None:
    """Draw ``picture`` onto ``onto`` (a view), which shows where it does not reach; far smaller ones by the mean over areas."""
    ratio = int(1.0 / math.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if ratio >= 2:
        height, width = (max(1, side // ratio) for side in picture.shape[:2])
        kx, ky = picture.shape[1] / width, picture.shape[0] / height
        picture = np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        matrix = matrix * np.array([kx, ky, 1.0])
    # Pixels' middles lie at half numbers here, at whole ones in OpenCV.
    centred = np.column_stack([matrix[:, :2], matrix[:, 2] + matrix[:, :2] @ (0.5, 0.5) - 0.5])
    size = (onto.shape[1], onto.shape[0])
    drawn = np.ascontiguousarray(onto)
    cv2.warpAffine(picture, centred, size, drawn, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_TRANSPARENT)
    onto[:] = drawn


def _paste(made: Crop, photos: Collection, rng: Rng) -> None:
    """Paste a head, or as often a place without a face, where no face is."""
    size = made.image.shape[0]
    empty = photos.faceless(rng) if rng.random() < 0.5 else None
    photo = empty or photos.face_photo(rng)
    picture = read_image(photo.path)
    if empty:
        place = np.array([*(rng.uniform(0.2, 0.8, 2) * picture.shape[1::-1]), 0, 0], np.float32)
        longer = rng.uniform(0.1, 0.5) * min(picture.shape[:2])
    else:
        place = photo.boxes[rng.choice(np.flatnonzero(photo.sure))]
        longer = float(place[2:].max())
    scale = min(math.exp(rng.uniform(math.log(SMALLEST), math.log(size / 3))) / longer, ENLARGED)
    centre, axis = rng.uniform(0, size, 2), HEAD / 2 * scale * longer
    covered = np.array([[*(centre - axis), 2 * axis, 2 * axis]], np.float32)
    if (intersections(covered, made.boxes) > 0.05 * made.boxes[:, 2:].prod(1)).any():
        return
    matrix = _transform(place[:2] + place[2:] / 2, centre, scale, rng)
    drawn = made.image.copy()
    _warp(picture, matrix, drawn)
    mask = np.zeros(made.image.shape[:2], np.uint8)
    cv2.ellipse(mask, (centre.round().tolist(), (1.7 * axis, 2 * axis), 0), 255, -1)
    mask = cv2.GaussianBlur(mask, (0, 0), max(0.5, 0.08 * axis))
    alpha = mask[..., None].astype(np.float32) / 255
    made.image = np.rint(made.image + alpha * (drawn.astype(np.float32) - made.image)).astype(np.uint8)
    if not empty:
        boxes, points = moved(photo.boxes, photo.points, matrix)
        seen = intersections(boxes, np.array([[0, 0, size, size]], np.float32))[:, 0] / boxes[:, 2:].prod(1)
        near = intersections(boxes, covered)[:, 0] / boxes[:, 2:].prod(1)
        face = photo.sure & (seen >= VISIBLE) & (near > 0.9) & (boxes[:, 2:].max(1) >= LEAST)
        kept = (near >= GONE) & (seen >= GONE)
        made.add(boxes[kept], points[kept], np.where(face, FACE, IGNORED)[kept].astype(np.int32))


def varied(image: Pixels, rng: Rng) -> Pixels:
    """Light, colour, sharpness and compression as cameras and networks vary them; ``image`` is BGR, as is what comes back."""
    gain = rng.uniform(0.7, 1.3) * np.ones(3)
    if rng.random() < 0.3:
        gain *= rng.uniform(0.8, 1.2, 3)
    dark = rng.random() < 0.15
    if dark:
        gain *= rng.uniform(0.15, 0.6)
    values = (np.arange(256)[:, None] / 255.0) ** rng.uniform(0.75, 1.35) * 255.0 * gain + rng.uniform(-15, 15) * (not dark)
    image = cv2.LUT(image, np.clip(values, 0, 255).astype(np.uint8)[None])  # type: ignore[assignment]
    if rng.random() < 0.1:
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)  # type: ignore[assignment]
    if rng.random() < 0.2:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.5))  # type: ignore[assignment]
    if rng.random() < 0.2:
        noise = rng.standard_normal(image.shape, np.float32) * np.float32(rng.uniform(1, 10))
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        quality = int(rng.integers(30, 96))
        encoded = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, quality))[1]
        image = cv2.imdecode(encoded, cv2.IMREAD_COLOR)  # type: ignore[assignment]
    return np.asarray(image, np.uint8)
