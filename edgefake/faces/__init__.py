"""Finding faces, and the geometry of the crop around one: the one definition."""

from __future__ import annotations

import math
import reprlib
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edgefake.arguments import listed
from edgefake.errors import InputError
from edgefake.faces.yunet import open_yunet, read_yunet
from edgefake.pixels import Pixels


@dataclass(frozen=True, slots=True)
class Box:
    """A face: top-left corner, width and height, in pixels of the frame; may reach outside it."""

    x: float
    y: float
    width: float
    height: float

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.x, self.y, self.width, self.height))) or self.width <= 0 or self.height <= 0:
            raise InputError(
                f"expected a face box (x, y, width, height) of finite numbers with width and height above 0, "
                f"got ({self.x}, {self.y}, {self.width}, {self.height})"
            )

    @property
    def size(self) -> float:
        """The longer side, in pixels."""
        return max(self.width, self.height)

    @property
    def xyxy(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom."""
        return self.x, self.y, self.x + self.width, self.y + self.height


BoxLike = Box | Iterable[float]
"""A ``Box``, or x, y, width and height: a tuple, a row of an array …"""


def as_boxes(values: Iterable[BoxLike], what: str) -> list[Box]:
    """The face boxes in any iterable, as a list. Raises ``InputError``, which calls them ``what``, where one is none."""
    return [_as_box(value, what) for value in listed(values, f"{what} to be a list of face boxes")]


def _as_box(value: BoxLike, what: str) -> Box:
    if isinstance(value, Box):
        return value
    try:
        if isinstance(value, str | bytes):  # its letters would be taken for numbers
            raise TypeError
        x, y, width, height = map(float, value)
    except (TypeError, ValueError, OverflowError):
        message = f"expected a face box (x, y, width, height), got {reprlib.repr(value)} in {what}"
        raise InputError(message) from None
    return Box(x, y, width, height)


def _common(a: Box, b: Box) -> float:
    """Area that both cover."""
    width = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    height = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    return width * height if width > 0 and height > 0 else 0.0


def overlap(a: Box, b: Box) -> float:
    """Intersection over union, 0…1."""
    common = _common(a, b)
    return common / (a.width * a.height + b.width * b.height - common)


NESTED = 0.7
"""Share of a box inside a larger one from which both are of one face.

Of 3,896 hand-drawn faces, most of them in crowds, four lie that deep in another. Of two such boxes of the Haar cascade the larger
one is nearly always the better.
"""


def one_per_face(boxes: Iterable[Box]) -> list[Box]:
    """``boxes``, largest first, without those of which ``NESTED`` or more lies in a larger one."""
    kept: list[Box] = []
    for box in sorted(boxes, key=lambda b: b.width * b.height, reverse=True):
        if all(_common(box, larger) < NESTED * box.width * box.height for larger in kept):
            kept.append(box)
    return kept


MAX_REACH = 2.0
"""A face box longer than this many frames is a mistake: it is in pixels of another frame."""

FaceFinder = Callable[[Pixels], list[Box]]
"""A function from a frame (uint8, H×W×3, BGR) to its face boxes, one for each face, largest first."""

Faces = str | Path | Callable[[Pixels], Iterable[BoxLike]]
"""``"haar"``, ``"frame"``, the path of a YuNet ``.onnx``, or any function from a frame to boxes."""

SEARCH_SIDE = 640
"""Faces are searched in a copy of the frame of at most this many pixels on its longer side: four times faster on 720p."""

HAAR_STEP, HAAR_NEIGHBOURS = 1.25, 2
"""How much larger each searched size is than the last, and how many overlapping hits make a face.

Against OpenCV's usual 1.1 and 3 to 5: half the time. With 5, 85.3 % of 1,200 training photos and 34 % of 215 faces in video were
found; with these 83.9 % and 39 %, and no more false ones.
"""

SYSTEM_CASCADES = Path("/usr/share/opencv4/haarcascades")
"""Where distributions keep the Haar cascades."""

HAAR_SCALE = 1.11
"""Longer side of a YuNet box over the side of a Haar box on the same face, median over 1,007 training photos (5–95 %: 0.98–1.29).

The centres agree within 0.4 %, so enlarging Haar's square gives every finder the framing that the models were trained on.
"""


def square_around(box: Box, margin: float, *, width: int, height: int) -> tuple[int, int, int]:
    """The square to crop from a frame of this size: ``(left, top, side)`` in whole pixels, always inside the frame.

    Its side is the longer side of the box times ``1 + margin``, at least one pixel and at most the frame's shorter side. It is
    centred on the box, or shifted by as much as it would leave the frame. No border is invented: repeated edges around faces in
    tight pictures (passports, avatars) look like forgery to every model tried.
    """
    side = max(1, round(min(box.size * (1.0 + margin), width, height)))
    left = round(box.x + box.width / 2.0 - side / 2.0)
    top = round(box.y + box.height / 2.0 - side / 2.0)
    return max(0, min(left, width - side)), max(0, min(top, height - side)), side


def crop_square(frame: Pixels, box: Box, margin: float) -> Pixels:
    """Cut the square around ``box`` out of the frame, see ``square_around``: a view of ``frame``, uint8, side×side×3.

    Raises ``InputError`` when the box does not touch the frame, or is more than ``MAX_REACH`` times as large.
    """
    height, width = frame.shape[:2]
    if box.size > MAX_REACH * max(height, width):
        raise InputError(
            f"the face {box} is more than {MAX_REACH:g} times as large as the {width}×{height} frame: "
            f"give boxes in pixels of this frame"
        )
    if box.x >= width or box.y >= height or box.x + box.width <= 0 or box.y + box.height <= 0:
        raise InputError(f"the face {box} lies outside the {width}×{height} frame: give boxes in pixels of this frame")
    left, top, side = square_around(box, margin, width=width, height=height)
    return frame[top : top + side, left : left + side]


def face_finder(faces: Faces) -> FaceFinder:
    """The finder that ``faces`` names: see ``Faces``. Raises ``InputError`` for anything else.

    What a function of the user returns may be any iterable of boxes, in any order; the finder raises ``InputError`` for else.
    """
    if callable(faces):
        return lambda frame: one_per_face(as_boxes(faces(frame), "what the faces= function returned"))
    if isinstance(faces, str | Path):
        if faces == "haar":
            return haar_faces()
        if faces == "frame":
            return whole_frame
        if str(faces).endswith(".onnx"):
            return yunet_faces(faces)
    raise InputError(
        f'faces must be "haar", "frame", the path of a YuNet .onnx file or a function from a frame to boxes, got {faces!r}'
    )


def whole_frame(frame: Pixels) -> list[Box]:
    """Take the whole frame as one face, for pictures that are face crops already; of an oblong one the middle is judged."""
    height, width = frame.shape[:2]
    return [Box(0.0, 0.0, float(width), float(height))]


def haar_faces(*, min_size: int = 30) -> FaceFinder:
    """Frontal faces by the Haar cascade that ships inside OpenCV 4 (Viola & Jones 2001); needs no model file.

    ``min_size`` is in pixels of the searched copy (see ``SEARCH_SIDE``). Safe to call from several threads.
    Raises ``InputError`` where this OpenCV has no Haar cascades (5.0 dropped them) or their file is missing.
    """
    path, cascade = _cascade()
    local = threading.local()  # a cascade keeps buffers of the picture it works on
    local.cascade = cascade

    def find(frame: Pixels) -> list[Box]:
        if not hasattr(local, "cascade"):
            local.cascade = cv2.CascadeClassifier(str(path))
        small, ratio = _reduced(frame)
        if min(small.shape[:2]) < min_size:
            return []
        grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
        found = local.cascade.detectMultiScale(grey, HAAR_STEP, HAAR_NEIGHBOURS, minSize=(min_size, min_size))
        grow = (HAAR_SCALE - 1.0) / 2.0
        squares: list[list[float]] = np.reshape(found, (-1, 4)).tolist()
        boxes = [Box(x - grow * w, y - grow * h, HAAR_SCALE * w, HAAR_SCALE * h) for x, y, w, h in squares]
        return one_per_face(_enlarged(boxes, ratio))

    return find


def _cascade() -> tuple[Path, cv2.CascadeClassifier]:
    """The cascade's file, read: inside OpenCV from PyPI, beside that of a distribution (Debian, JetPack: ``opencv-data``)."""
    others = 'give faces= the path of a YuNet .onnx file, "frame" for pictures that are face crops, or a function'
    if not hasattr(cv2, "CascadeClassifier"):
        raise InputError(f"OpenCV {cv2.__version__} has no Haar cascades, which 5.0 dropped: {others}")
    try:
        from cv2 import data
    except ImportError:
        folder = SYSTEM_CASCADES
    else:
        folder = Path(data.haarcascades)
    path = folder / "haarcascade_frontalface_default.xml"
    if not path.is_file():
        raise InputError(f"OpenCV's face cascade {path} is missing: put it there (Debian: apt install opencv-data), or {others}")
    cascade = None
    with suppress(cv2.error, SystemError):  # what a damaged file gives depends on where it is damaged
        cascade = cv2.CascadeClassifier(str(path))
    if cascade is None or cascade.empty():
        raise InputError(f"OpenCV cannot read its face cascade {path}, the file is damaged: install OpenCV again, or {others}")
    return path, cascade


def yunet_faces(model: str | Path, *, min_score: float = 0.7) -> FaceFinder:
    """Faces by YuNet (Wu et al. 2023) through ``cv2.FaceDetectorYN``; ``model`` is its ``.onnx`` file.

    Finds turned and partly hidden faces that the Haar cascade misses. Safe to call from several threads.
    Raises ``InputError`` when the file is missing or no YuNet model. A file that edgefake does not know is tried in a process of
    its own first, once (a second): a damaged one can crash OpenCV.
    """
    data = read_yunet(Path(model))
    local = threading.local()

    def find(frame: Pixels) -> list[Box]:
        small, ratio = _reduced(frame)
        height, width = small.shape[:2]
        if not hasattr(local, "detector"):
            local.detector = open_yunet(data, min_score)
        local.detector.setInputSize((width, height))
        found = local.detector.detect(small)[1]
        return one_per_face(_enlarged(_usable([] if found is None else found[:, :4], width, height), ratio))

    local.detector = open_yunet(data, min_score)
    return find


def _usable(found: Iterable[npt.NDArray[np.float32]], width: int, height: int) -> Iterator[Box]:
    """The boxes that a crop can be taken of: in pictures of a few pixels YuNet finds infinite ones too."""
    longest = MAX_REACH * max(width, height)
    for x, y, w, h in (map(float, row) for row in found):
        if 0 < w < longest and 0 < h < longest and -w < x < width and -h < y < height:
            yield Box(x, y, w, h)


def _reduced(frame: Pixels) -> tuple[Pixels, float]:
    """The frame at search size, and how many frame pixels one of its pixels stands for."""
    height, width = frame.shape[:2]
    ratio = max(height, width) / SEARCH_SIDE
    if ratio <= 1.0:
        return frame, 1.0
    size = (max(1, round(width / ratio)), max(1, round(height / ratio)))
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_LINEAR), np.uint8), ratio


def _enlarged(boxes: Iterable[Box], ratio: float) -> Iterator[Box]:
    return (Box(b.x * ratio, b.y * ratio, b.width * ratio, b.height * ratio) for b in boxes)
