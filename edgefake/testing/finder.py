"""The contract of face finders."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgefake.arguments import whole_number
from edgefake.faces.finders import EVERY, FaceFinder
from edgefake.faces.geometry import Box, Face, crop_square, one_per_face, overlap
from edgefake.pixels import Pixels
from edgefake.testing.clauses import THREADS, at_once, clause, drawn, expect, frozen, is_number, kind

FRAMING = 0.5
"""Overlap with the box that YuNet gives, from which the framing is the same."""


def check_finder(finder: FaceFinder, frame: Pixels, *, box: Box | None = None) -> None:
    """Check the contract of ``edgefake.FaceFinder``.

    - ``faces``: a list of ``Face``, here at least one, with boxes that touch the frame, scores in 0…1, and
      five landmarks or none, all of plain numbers.
    - ``every``: a whole number of at least 1, where the finder has it.
    - ``best first``: scores do not rise.
    - ``one for each person``: no box lies in another.
    - ``framing``: the face is framed as YuNet frames it.
    - ``other frames``: those of any size, down to a single pixel, get such faces or none.
    - ``find_fast``: likewise in any frame, where the finder has it.
    - ``find_near``: likewise, wherever faces are expected.
    - ``same again``: the same frame gets the same faces, whatever was in between.
    - ``read-only frames``: a frame may be, and is not changed.
    - ``threads``: several may call ``find`` at once.

    Args:
        finder: what ``Detector(faces=…)`` takes as an object.
        frame: uint8, H×W×3, BGR, contiguous, with a face that it finds.
        box: where YuNet finds a face in ``frame``; None leaves out ``framing``.
    """
    with clause("faces"):
        expected = _find(finder.find, frame)
        expect(len(expected) > 0, "none in the given frame, which must show a face that it finds")
    with clause("every"):
        whole_number("every", getattr(finder, "every", EVERY))
    with clause("best first"):
        scores = [face.score for face in expected]
        expect(scores == sorted(scores, reverse=True), f"the scores are {scores}")
    with clause("one for each person"):
        kept = len(one_per_face(expected))
        expect(kept == len(expected), f"{len(expected) - kept} of {len(expected)} boxes lie in another")
    if box is not None:
        with clause("framing"):
            best = max(overlap(face.box, box) for face in expected)
            expect(best >= FRAMING, f"the overlap with the box of YuNet is {best:.2f}, at least {FRAMING} is the same framing")
    with clause("other frames"):
        for other in _others(frame):
            _find(finder.find, other)
    if (fast := getattr(finder, "find_fast", None)) is not None:
        with clause("find_fast"):
            for other in (frame, *_others(frame)):
                _find(fast, other)
    if (near := getattr(finder, "find_near", None)) is not None:
        with clause("find_near"):
            for boxes in ([], [face.box for face in expected]):
                for other in (frame, *_others(frame)):
                    _find(lambda frame, boxes=boxes: near(frame, boxes), other)  # type: ignore[misc]
    with clause("same again"):
        again = _find(finder.find, frame)
        expect(again == expected, f"{again} instead of {expected}")
    with clause("read-only frames"):
        unwritable = frozen(frame)
        expect(_find(finder.find, unwritable) == expected, "other faces than in the same frame, writable")
        expect(np.array_equal(unwritable, frame), "find changed the frame")
    with clause("threads"):
        mirrored = np.ascontiguousarray(frame[:, ::-1])
        answers = {True: expected, False: _find(finder.find, mirrored)}
        turns = [i % 2 == 0 for i in range(2 * THREADS)]
        for turn, got in zip(turns, at_once(lambda turn: _find(finder.find, frame if turn else mirrored), turns), strict=True):
            expect(got == answers[turn], "other faces while other threads search")


def _others(frame: Pixels) -> list[Pixels]:
    """Small and narrow frames, and ``frame`` mirrored and enlarged."""
    small = [drawn(1, height, width)[0] for height, width in ((1, 1), (3, 200), (200, 3), (97, 131))]
    return [*small, np.ascontiguousarray(frame[:, ::-1]), frame.repeat(2, axis=0).repeat(2, axis=1)]


def _find(find: Callable[[Pixels], list[Face]], frame: Pixels) -> list[Face]:
    """The faces in ``frame``, if they are such as are promised."""
    faces = find(frame)
    expect(isinstance(faces, list), f"{kind(faces)}, expected a list")
    for face in faces:
        expect(isinstance(face, Face) and isinstance(face.box, Box), f"{face!r}, expected a Face with a Box")
        crop_square(frame, face.box, 0.0)  # raises where it does not touch the frame
        sides = (face.box.x, face.box.y, face.box.width, face.box.height)
        expect(all(map(is_number, sides)), f"a box of {sides}, expected plain numbers")
        expect(is_number(face.score) and 0 <= face.score <= 1, f"a score of {face.score!r}, expected a plain number in 0…1")
        if face.landmarks is not None:
            points = [value for point in face.landmarks for value in point]
            good = len(face.landmarks) == 5 and len(points) == 10 and all(map(is_number, points))
            expect(good, f"the landmarks {face.landmarks!r}, expected five (x, y) of plain numbers")
    return faces
