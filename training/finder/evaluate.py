"""How well a face finder finds: average precision, recall, false boxes and framing, with bootstrap intervals over pictures.

Every finder meets the same pictures: enlarged or reduced to ``SIDE`` pixels on the longer side, in which sizes are counted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edgefake.faces import decode
from edgefake.faces.decode import Floats, Found
from edgefake.faces.search import reduced
from edgefake.images import read_image
from edgefake.pixels import Pixels
from edgefake.statistics import Interval
from training.finder.data import Photo
from training.finder.searches import Search, named_search, yunet_search

SIDE = 640
MATCH = 0.5
"""Intersection over union from which a found box is the given one."""
LARGE = 32.0
"""Pixels; smaller faces, and boxes found of them, are left out of the figures for large ones."""
RESAMPLES = 300
FALSE_PER_100 = 1.0
"""False boxes per 100 pictures without a face at which recall is told."""
REFERENCE_SCORE = 0.8
"""Score from which YuNet's boxes are the measure of framing."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What was found in one picture, held against what was given."""

    scores: Floats
    """(N,), of the boxes that count, best first."""
    hits: npt.NDArray[np.bool_]
    """(N,): the box is a given one, found for the first time."""
    given: int
    """Faces that count."""
    faceless: bool
    """There is none, not even one that is ignored."""


def judged(photo: Photo, side: int = SIDE) -> tuple[Pixels, Floats]:
    """(the picture at ``side`` pixels on its longer side, its given boxes there)."""
    picture = read_image(photo.path)
    scale = side / max(picture.shape[:2])
    return scaled(picture, scale), photo.boxes * np.float32(scale)


def scaled(picture: Pixels, scale: float) -> Pixels:
    """``picture`` at this scale, reduced as devices reduce frames."""
    width, height = (max(1, round(length * scale)) for length in picture.shape[1::-1])
    if scale <= 1:
        return reduced(picture, width, height)
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def compare(found: Found, boxes: Floats, sure: npt.NDArray[np.bool_], *, least: float = 0.0) -> Picture:
    """Match found boxes, best first, with given ones; a face below ``least`` pixels, like one that is not sure, is ignored.

    A box found of an ignored face counts neither way, nor does one below ``least`` that is of none.
    """
    counts = sure & (boxes[:, 2:].max(1, initial=0) >= least)
    iou, common = decode.overlaps(found.boxes, boxes), decode.intersections(found.boxes, boxes)
    within = common / np.maximum(found.boxes[:, 2:].prod(1), 1e-9)[:, None]
    free = counts.copy()
    kept: list[tuple[float, bool]] = []
    for index, score in enumerate(found.scores):
        fits = np.where(free & (iou[index] >= MATCH), iou[index], 0)
        if fits.any():
            free[fits.argmax()] = False
            kept.append((float(score), True))
        elif not ((iou[index] >= MATCH) | (within[index] >= MATCH))[~counts].any() and found.boxes[index, 2:].max() >= least:
            kept.append((float(score), False))
    scores, hits = np.array([s for s, _ in kept], np.float32), np.array([h for _, h in kept], np.bool_)
    return Picture(scores, hits, int(counts.sum()), not len(boxes))


def average_precision(pictures: Sequence[Picture]) -> float:
    """Area under the curve of precision, made to fall, over recall (all points); NaN without faces."""
    given = sum(p.given for p in pictures)
    if not given:
        return math.nan
    hits = _ranked(pictures)[1].cumsum()
    precision = hits / np.arange(1, len(hits) + 1)
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(hits / given, prepend=0.0) * falling))


def recall(pictures: Sequence[Picture], score: float) -> float:
    """Share of given faces found at ``score`` or above; NaN without faces."""
    given = sum(p.given for p in pictures)
    return sum(int(p.hits[p.scores >= score].sum()) for p in pictures) / given if given else math.nan


def false_per_100(pictures: Sequence[Picture], score: float) -> float:
    """Boxes at ``score`` or above that are of no given face, per 100 pictures."""
    false = sum(int((~p.hits[p.scores >= score]).sum()) for p in pictures)
    return 100.0 * false / len(pictures) if pictures else math.nan


def score_at(faceless: Sequence[Picture], per_100: float = FALSE_PER_100) -> float:
    """The lowest score that gives at most so many false boxes per 100 of these pictures; NaN without pictures."""
    scores = -np.sort(-np.concatenate([p.scores for p in faceless])) if faceless else np.zeros(0)
    allowed = int(per_100 * len(faceless) / 100)
    if not faceless:
        return math.nan
    return float(np.nextafter(scores[allowed], np.float32(2))) if len(scores) > allowed else 0.0


def _ranked(pictures: Sequence[Picture]) -> tuple[Floats, npt.NDArray[np.bool_]]:
    scores, hits = (np.concatenate([getattr(p, name) for p in pictures]) for name in ("scores", "hits"))
    order = np.argsort(-scores, kind="stable")
    return scores[order], hits[order]


def figures(all_sizes: Sequence[Picture], large: Sequence[Picture], score: float) -> dict[str, Interval]:
    """Every figure by name with its 95 % interval; pictures are drawn anew, those with and those without a face apart.

    AP is of the pictures with a face alone; what is found in the others is told as a rate of its own. ``all_sizes`` and
    ``large`` are of the same pictures.
    """
    empty = np.array([p.faceless for p in all_sizes])

    def of(index: npt.NDArray[np.intp]) -> dict[str, float]:
        faceless = [all_sizes[i] for i in index if empty[i]]
        some, some_large = ([pictures[i] for i in index if not empty[i]] for pictures in (all_sizes, large))
        at = score_at(faceless)
        found = {
            "ap": average_precision(some),
            "ap_large": average_precision(some_large),
            f"recall@{score:g}": recall(some, score),
            f"recall_large@{score:g}": recall(some_large, score),
            "recall_large@1_false_per_100": recall(some_large, at) if faceless else math.nan,
            "score@1_false_per_100": at,
            f"false_per_100_faceless@{score:g}": false_per_100(faceless, score),
            f"false_per_100_with_faces@{score:g}": false_per_100(some, score),
        }
        return {name: value for name, value in found.items() if not math.isnan(value)}

    values = of(np.arange(len(all_sizes)))
    rng = np.random.default_rng(0)
    groups = [group for group in (np.flatnonzero(empty), np.flatnonzero(~empty)) if len(group)]
    drawn = [of(np.concatenate([rng.choice(group, len(group)) for group in groups])) for _ in range(RESAMPLES)]
    return {name: Interval.of(value, [d[name] for d in drawn if name in d] or [value]) for name, value in values.items()}


@dataclass(frozen=True, slots=True)
class Framing:
    """How boxes lie against the reference's: (5 %, median, 95 %) over pairs of one face."""

    faces: int
    x: tuple[float, float, float]
    """Offset of the centre, in sizes (longer sides) of the reference's box."""
    y: tuple[float, float, float]
    size: tuple[float, float, float]
    """Ratio of the longer sides."""


def framing(pairs: Floats) -> Framing | None:
    """``pairs`` (N, 8): boxes and the reference's boxes of the same faces; None without any."""
    if not len(pairs):
        return None
    own, reference = pairs[:, :4], pairs[:, 4:]
    longer = reference[:, 2:].max(1)
    apart = ((own[:, :2] + own[:, 2:] / 2) - (reference[:, :2] + reference[:, 2:] / 2)) / longer[:, None]
    ratio = own[:, 2:].max(1) / longer
    x, y, size = (tuple(map(float, np.percentile(v, (5, 50, 95)))) for v in (*apart.T, ratio))
    return Framing(len(pairs), x, y, size)  # type: ignore[arg-type]


def pairs_of(own: Found, reference: Found, *, score: float) -> Floats:
    """Boxes of the same faces, (N, 8): own ones from ``score`` on, with the reference's from ``REFERENCE_SCORE`` on."""
    a, b = own.boxes[own.scores >= score], reference.boxes[reference.scores >= REFERENCE_SCORE]
    iou = decode.overlaps(a, b)
    if not iou.size:
        return np.zeros((0, 8), np.float32)
    best = iou.argmax(0)  # of every reference box
    taken = iou[best, np.arange(len(b))] >= MATCH
    return np.concatenate([a[best[taken]], b[taken]], axis=1)


@dataclass(frozen=True, slots=True)
class Report:
    """What ``evaluate`` measured of one finder."""

    pictures: int
    faces: int
    figures: dict[str, Interval]
    framing: Framing | None


def evaluate_finders(names: Sequence[str], photos: Sequence[Photo], *, score: float, yunet: Path | None) -> dict[str, Report]:
    """``evaluate`` for finders of ``named_search``, against the YuNet in that file. For ``on_device``."""
    searches = {name: (named_search(name), 1.0 if name == "haar" else score) for name in names}
    return evaluate(searches, photos, reference=yunet_search(yunet) if yunet else None)


def evaluate(
    searches: Mapping[str, tuple[Search, float]], photos: Sequence[Photo], *, reference: Search | None, side: int = SIDE
) -> dict[str, Report]:
    """Every finder by name, each with the score that its figures at one score are told at, on the same pictures.

    ``reference`` gives the boxes that framing is told against (YuNet's).
    """
    kept: dict[str, list[tuple[Picture, Picture, Floats]]] = {name: [] for name in searches}
    for photo in photos:
        picture, boxes = judged(photo, side)
        wanted = reference(picture) if reference else None
        for name, (search, score) in searches.items():
            found = search(picture)
            pairs = pairs_of(found, wanted, score=score) if wanted else np.zeros((0, 8), np.float32)
            sizes = (compare(found, boxes, photo.sure), compare(found, boxes, photo.sure, least=LARGE))
            kept[name].append((*sizes, pairs))
    reports = {}
    for name, (_, score) in searches.items():
        all_sizes, large, pairs = zip(*kept[name], strict=True)
        given = sum(p.given for p in all_sizes)
        reports[name] = Report(len(photos), given, figures(all_sizes, large, score), framing(np.concatenate(pairs)))
    return reports
