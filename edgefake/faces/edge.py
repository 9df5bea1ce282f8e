"""Our own face finder: a small INT8 network on the runtimes that detectors run on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgefake.arguments import whole_number
from edgefake.defaults import FINDER_MODEL
from edgefake.errors import CardError, ModelFileError
from edgefake.faces import decode
from edgefake.faces.decode import Floats, Found
from edgefake.faces.finders import Find
from edgefake.faces.geometry import MAX_REACH, Box, Face, overlap
from edgefake.faces.search import LARGEST_IN_TILE, Level, plan, reduced
from edgefake.models.card import ModelCard
from edgefake.models.file import require_card
from edgefake.models.golden import replay_once
from edgefake.models.store import open_model
from edgefake.pixels import Pixels
from edgefake.preprocessing import coloured
from edgefake.runtimes import Runtime, open_runtime, suffix_of
from edgefake.system import check_threads
from edgefake.text import printable

GREY = 128
"""What the network sees beside a picture that does not fill its input: 0."""
LIKELY = 0.4
"""Score that is enough for a face where a stream expects one: the second association of ByteTrack (Zhang et al. 2022)."""
EXPECTED = 0.3
"""Intersection over union with the box where it is expected."""
IN_TILES = 0.875
"""What a score counts that was given in one of several tiles: each of them is another chance to be wrong.

With 0.7 as the lowest score it took a third of the false boxes in pictures without a face away, and one face in fifteen of crowds
(training pictures; held-out ones are in ``training/RESULTS.md``).
"""
EDGE = 2.0
"""A box that comes so near to the inner border of a tile, in pixels, is of a face that is cut there."""


class EdgeFinder:
    """A network of ``training/finder`` on a runtime. See ``edgefake.faces.FaceFinder``.

    Faces of 32 pixels of the frame on are found by ``find``, within the limits of ``edgefake.faces.search``; ``find_fast`` looks
    at the reduced frame alone, as streams do.

    Args:
        card: of kind ``face_finder``.
        runtime: has loaded the network; ``close`` closes it.
        min_score: faces of lower scores are left out; None: as the card says.

    Raises ``CardError`` for a card with other outputs, ``ModelFileError`` where the network gives others than its card says,
    or, when it searches too, numbers that are not finite.
    """

    every = 1
    """It is quick enough for every frame of a stream."""

    def __init__(self, card: ModelCard, runtime: Runtime, *, min_score: float | None = None) -> None:
        if set(card.outputs) != set(decode.OUTPUTS):
            raise CardError(
                f"expected a face finder with outputs {', '.join(decode.OUTPUTS)}, got {printable(card.name)} with "
                f"{printable(', '.join(card.outputs))}: convert it with this version"
            )
        self.card, self.runtime = card, runtime
        self._min_score = card.min_score if min_score is None else min_score
        self._height, self._width = card.height, card.width
        self._check_shapes(runtime.run(np.full((1, self._height, self._width, 3), GREY, np.uint8)))

    def find(self, frame: Pixels) -> list[Face]:
        """All faces, best first, in as many runs of the network as the frame needs."""
        return self._search(frame, "full", self._min_score)

    def find_fast(self, frame: Pixels) -> list[Face]:
        """The faces that are large enough to be seen in the reduced frame, best first."""
        return self._search(frame, "fast", self._min_score)

    def find_near(self, frame: Pixels, near: Sequence[Box]) -> list[Face]:
        """Like ``find_fast``; where a face is expected, in ``near``, a score of ``LIKELY`` is enough for one."""
        faces = self._search(frame, "fast", min(LIKELY, self._min_score))
        found = [face for face in faces if face.score >= self._min_score]
        unsure = faces[len(found) :]
        for box in near:
            if not any(overlap(box, face.box) >= EXPECTED for face in found):
                found += [face for face in unsure if overlap(box, face.box) >= EXPECTED][:1]
        return sorted(found, key=lambda face: -face.score)

    def close(self) -> None:
        self.runtime.close()

    def _search(self, frame: Pixels, find: Find, min_score: float) -> list[Face]:
        height, width = frame.shape[:2]
        levels = plan(width, height, input_width=self._width, input_height=self._height, find=find)
        parts: list[Found] = []
        seen: list[Floats] = []
        copy: Pixels | None = None
        for level in levels:
            if copy is None:  # colours are turned once, in the largest copy
                copy = coloured(reduced(frame, level.width, level.height), self.card.colour_order, given="BGR")
            else:
                copy = reduced(copy, level.width, level.height)
            scale = np.array([width / level.width, height / level.height], np.float32)
            found = [self._tile(copy, level, tile, min_score) for tile in level.tiles]
            seen += [part.boxes[:, 2:].max(axis=1) for part in found]
            parts += [_scaled(part, scale) for part in found]
        return _usable(decode.joined(parts, seen, sure=self._min_score), width, height)

    def _tile(self, copy: Pixels, level: Level, tile: tuple[int, int], min_score: float) -> Found:
        """The faces in a tile of a copy, in its pixels."""
        left, top = tile
        part = copy[top : top + self._height, left : left + self._width]
        height, width = part.shape[:2]
        pixels = np.full((1, self._height, self._width, 3), GREY, np.uint8)
        pixels[0, :height, :width] = part
        outputs: dict[str, Floats] = dict(zip(self.card.outputs, self.runtime.run(pixels), strict=True))
        self._check_finite(outputs)
        found = decode.faces(outputs, self._height, self._width, min_score=min_score)
        if len(level.tiles) == 1 or not len(found.scores):
            return found
        x, y, w, h = found.boxes.T
        cut = (x < EDGE) & (left > 0) | (y < EDGE) & (top > 0)
        cut |= (x + w > width - EDGE) & (left + width < level.width) | (y + h > height - EDGE) & (top + height < level.height)
        found = found.only(~cut & (found.scores * IN_TILES >= min_score) & (np.maximum(w, h) <= LARGEST_IN_TILE))
        corner = np.array(tile, np.float32)
        moved = found.boxes + np.append(corner, (0, 0)).astype(np.float32)
        return Found(moved, found.scores * np.float32(IN_TILES), found.points + corner)

    def _check_finite(self, outputs: dict[str, Floats]) -> None:
        """A score of NaN is above no threshold, so that every frame would pass for one without faces."""
        if odd := [name for name, output in outputs.items() if not np.isfinite(output).all()]:
            raise ModelFileError(
                f"expected finite outputs of {printable(self.card.name)}, got NaN or infinity in {', '.join(odd)}: the model is "
                f"broken, or its scaling is not {self.card.scaling}"
            )

    def _check_shapes(self, outputs: tuple[Floats, ...]) -> None:
        expected = [
            (1, self._height // stride, self._width // stride, numbers)
            for stride in decode.STRIDES
            for numbers in (decode.SCORE, decode.BOX, decode.POINTS)
        ]
        by_name = dict(zip(decode.OUTPUTS, expected, strict=True))
        if [output.shape for output in outputs] != [by_name[name] for name in self.card.outputs]:
            raise ModelFileError(
                f"expected the outputs of a face finder of {self._width}×{self._height} pixels from {printable(self.card.name)}, "
                f"got {', '.join(str(list(output.shape)) for output in outputs)}: convert it again"
            )


def _scaled(found: Found, scale: Floats) -> Found:
    return Found(found.boxes * np.tile(scale, 2), found.scores, found.points * scale)


def _usable(found: Found, width: int, height: int) -> list[Face]:
    """The faces that a crop can be taken of."""
    longest = MAX_REACH * max(width, height)
    faces = []
    for (x, y, w, h), score, points in zip(found.boxes.tolist(), found.scores.tolist(), found.points.tolist(), strict=True):
        if 0 < w < longest and 0 < h < longest and -w < x < width and -h < y < height:
            faces.append(Face(Box(x, y, w, h), score, tuple((px, py) for px, py in points)))
    return faces


def open_finder(
    file: str | None, *, runtime: str = "auto", device: str | int | None = None, num_threads: int | None = None
) -> EdgeFinder:
    """The bundled finder, or that of a ``file`` or of a registered name, found, checked and loaded as detectors are.

    Raises what ``Detector`` does for its model.
    """
    if num_threads is not None:
        check_threads(num_threads := whole_number("num_threads", num_threads))
    opened = open_model(FINDER_MODEL if file is None else file, suffix=suffix_of(runtime))
    card = require_card(opened, "face_finder")
    loaded = open_runtime(opened, card.input_spec, name=runtime, device=device, num_threads=num_threads)
    try:
        finder = EdgeFinder(card, loaded)
        replay_once(loaded, card, opened)
    except BaseException:
        loaded.close()
        raise
    return finder
