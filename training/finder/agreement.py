"""Whether finders find the faces that another one (YuNet) is sure of, in pictures and in every frame of videos, as devices do.

The reference's boxes are no truth: what it misses nobody is asked for, and what others find beside it is counted, not judged.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edgefake.errors import InputError
from edgefake.faces import decode
from edgefake.faces.decode import Floats, Found
from edgefake.faces.yunet import YuNetFinder
from edgefake.images import VIDEO_SUFFIXES, find_images, read_image
from edgefake.pixels import Pixels
from edgefake.statistics import Interval
from edgefake.text import printable
from training.finder.evaluate import LARGE, MATCH, RESAMPLES, Framing, framing
from training.finder.searches import Search, device_search, named_search

SURE = 0.8
"""Score from which the reference's face counts."""
MAYBE = 0.3
"""Score from which a box is one of the reference's too, when others are counted."""
SIZES = (LARGE, 64.0, 128.0, math.inf)
"""Borders of the size classes: longer sides in pixels of the picture."""
TURNED = 0.26
"""A face is turned when its eyes are nearer to each other than this share of its box: the usual is 0.34."""
BLOCK = 30
"""Frames of a video that are drawn anew together: neighbours show the same."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """One finder against the reference on one source."""

    pictures: int
    faces: int
    """Of the reference, from ``SURE`` and ``SIZES`` on."""
    recall: dict[str, Interval]
    """Of them, by class: ``all``, sizes, ``frontal`` and ``turned``."""
    others_per_100: Interval
    """Boxes that are none of the reference's, per 100 pictures."""
    framing: Framing | None


@dataclass(slots=True)
class _Tally:
    """What a finder found of the reference's faces, picture by picture."""

    found: list[npt.NDArray[np.bool_]]
    others: list[int]
    pairs: list[Floats]


def agree(names: Sequence[str], sources: Sequence[Path], *, yunet: Path) -> dict[str, dict[str, Agreement]]:
    """Every finder of ``searches.named_search`` by source and name, on pictures, folders of them and videos.

    Raises ``InputError`` for a source that is none of these. Loads LiteRT: for ``on_device``.
    """
    reference = device_search(YuNetFinder(yunet, min_score=MAYBE))
    searches = {name: named_search(name, min_score=None) for name in names}
    return {str(source): compared(searches, _pictures(source), reference, _block(source)) for source in sources}


def compared(
    searches: Mapping[str, Search], pictures: Iterator[Pixels], reference: Search, block: int = 1
) -> dict[str, Agreement]:
    """Every finder by name against the ``reference``; so many pictures on end (``block``) are drawn anew together."""
    tallies = {name: _Tally([], [], []) for name in searches}
    classes: list[dict[str, npt.NDArray[np.bool_]]] = []
    for picture in pictures:
        wanted = reference(picture)
        sure = wanted.only((wanted.scores >= SURE) & (wanted.boxes[:, 2:].max(1, initial=0) >= LARGE))
        classes.append(classes_of(sure))
        for name, search in searches.items():
            _count(tallies[name], search(picture), sure, wanted)
    return {name: _agreement(tally, classes, block) for name, tally in tallies.items()}


def classes_of(faces: Found) -> dict[str, npt.NDArray[np.bool_]]:
    """Which faces (N,) are of which class."""
    longer = faces.boxes[:, 2:].max(1, initial=0)
    which = {"all": np.ones(len(longer), np.bool_)}
    for low, high in itertools.pairwise(SIZES):
        which[f"{low:g} px on" if math.isinf(high) else f"{low:g}–{high:g} px"] = (longer >= low) & (longer < high)
    turned = np.linalg.norm(faces.points[:, 0] - faces.points[:, 1], axis=1) < TURNED * longer
    return which | {"frontal": ~turned, "turned": turned}


def _count(tally: _Tally, found: Found, sure: Found, wanted: Found) -> None:
    iou = decode.overlaps(found.boxes, sure.boxes)
    hit = iou.max(0, initial=0) >= MATCH
    tally.found.append(hit)
    if hit.any():
        tally.pairs.append(np.concatenate([found.boxes[iou.argmax(0)[hit]], sure.boxes[hit]], axis=1))
    near = decode.overlaps(found.boxes, wanted.boxes).max(1, initial=0) >= MATCH
    tally.others.append(int((~near & (found.boxes[:, 2:].max(1, initial=0) >= LARGE)).sum()))


def _agreement(tally: _Tally, classes: Sequence[dict[str, npt.NDArray[np.bool_]]], block: int) -> Agreement:
    count = len(tally.found)
    if not count:
        raise InputError("there is no picture to compare finders on: give pictures or videos")
    starts = np.arange(0, count, block)

    def summed(values: Sequence[float]) -> npt.NDArray[np.float64]:
        return np.add.reduceat(np.asarray(values, np.float64), starts)

    recall = {}
    for name in classes[0]:
        hits = summed([float((hit & each[name]).sum()) for hit, each in zip(tally.found, classes, strict=True)])
        given = summed([float(each[name].sum()) for each in classes])
        if given.sum():
            recall[name] = _ratio(hits, given)
    pictures = summed([1.0] * count)
    pairs = np.concatenate(tally.pairs) if tally.pairs else np.zeros((0, 8), np.float32)
    faces = sum(len(hit) for hit in tally.found)
    return Agreement(count, faces, recall, _ratio(100 * summed(tally.others), pictures), framing(pairs))


def _ratio(above: npt.NDArray[np.float64], below: npt.NDArray[np.float64]) -> Interval:
    """The ratio of the sums with its bootstrap 95 % interval over blocks of pictures."""
    drawn = np.random.default_rng(0).integers(0, len(above), (RESAMPLES, len(above)))
    sums = below[drawn].sum(1)
    ratios = above[drawn].sum(1)[sums > 0] / sums[sums > 0]
    return Interval.of(float(above.sum() / below.sum()), ratios)


def _is_video(source: Path) -> bool:
    return source.suffix.lower() in VIDEO_SUFFIXES


def _block(source: Path) -> int:
    return BLOCK if _is_video(source) else 1


def _pictures(source: Path) -> Iterator[Pixels]:
    if not _is_video(source):
        for path in find_images(str(source)):
            yield read_image(path)
        return
    capture = cv2.VideoCapture(str(source))
    read, frame = capture.read()
    if not read:
        raise InputError(f"{printable(source)} is no video that OpenCV can read: give pictures, folders of them or videos")
    while read:
        yield np.asarray(frame, np.uint8)
        read, frame = capture.read()
