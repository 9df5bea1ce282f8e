"""The contract of scorers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgefake.faces.geometry import Box
from edgefake.pixels import Pixels
from edgefake.scorer import Score, Scorer
from edgefake.testing.clauses import THREADS, at_once, clause, drawn, expect, expect_name, frozen, is_number, kind
from edgefake.thresholds import Thresholds


def check_scorer(
    scorer: Scorer, *, frame: Pixels | None = None, boxes: Sequence[Box] | None = None, tolerance: float = 1e-4
) -> None:
    """Check the contract of ``edgefake.Scorer``; the scorer is closed in the end.

    - ``name``, ``threshold``, ``crop_margin``: a text, a number in 0…1, a number of at least 0; ``thresholds``, where there are,
      ``Thresholds``.
    - ``crop``: uint8, S×S×3, S ≥ 8, of a face in the frame, at its border, and of a frame that is the face (None).
    - ``scores``: a list with a ``Score`` for each crop, p_fake a plain float in 0…1, evidence float32 (h, w), finite, or None;
      and faces that differ are scored differently.
    - ``another frame``: the same boxes in it are other faces, with other scores.
    - ``batch = singles``: crops of several faces get the scores that each gets alone, in their order.
    - ``views and read-only input``: frames and crops may be, and are not changed.
    - ``threads``: several may call ``crop`` and ``score`` at once.
    - ``close``: twice is fine.

    Args:
        scorer: open; what ``Detector(scorer)`` takes.
        frame: uint8, H×W×3, BGR; default: blocks of colour, 320×240.
        boxes: of faces in ``frame`` that it scores differently; default: four.
        tolerance: how far two p_fakes of the same crop may be apart.
    """
    frame = drawn(1, 240, 320, blocks=12)[0] if frame is None else frame
    height, width = frame.shape[:2]
    four = [Box(x * width, y * height, width / 4, height / 3) for x, y in ((0.1, 0.1), (0.5, 0.2), (0.3, 0.6), (-0.1, 0.5))]
    faces: list[Box | None] = [*(four if boxes is None else boxes), None]
    _check_facts(scorer)
    with clause("crop"):
        crops = [_crop(scorer, frame, face) for face in faces]
    with clause("scores"):
        expected = [_score(scorer, [crop])[0] for crop in crops]
        told_apart = len({score.p_fake for score in expected}) > 1
        expect(told_apart, f"{len(faces)} different faces all got {expected[0].p_fake}: give a frame= and boxes= of others")
    with clause("another frame"):
        others = [_score(scorer, [_crop(scorer, 255 - frame, face)])[0] for face in faces]
        changed = any(one.p_fake != other.p_fake for one, other in zip(expected, others, strict=True))
        expect(changed, "the faces in the frame and in its negative got the same scores")
    with clause("batch = singles"):
        for order in (range(len(crops)), [1, 0], list(range(len(crops))) * 3, [0]):
            got = _score(scorer, [crops[i] for i in order])
            _expect_scores(got, [expected[i] for i in order], tolerance, f"of {len(order)} crops")
    with clause("views and read-only input"):
        unwritable = frozen(frame)
        again = [frozen(_crop(scorer, unwritable, face)) for face in faces]
        copies = [crop.copy() for crop in again]
        _expect_scores(_score(scorer, again), expected, tolerance, "of read-only frames and crops")
        expect(np.array_equal(unwritable, frame), "crop changed the frame")
        expect(all(map(np.array_equal, again, copies)), "score changed a crop")
        views = [crop[::-1, ::-1] for crop in copies]
        straight = _score(scorer, [np.ascontiguousarray(view) for view in views])
        _expect_scores(_score(scorer, views), straight, tolerance, "of crops that are views")
    with clause("threads"):
        turns = [i % len(faces) for i in range(4 * THREADS)]
        for i, got in zip(turns, at_once(lambda i: _score(scorer, [_crop(scorer, frame, faces[i])]), turns), strict=True):
            _expect_scores(got, [expected[i]], tolerance, "while other threads score")
    with clause("close"):
        scorer.close()
        scorer.close()


def _check_facts(scorer: Scorer) -> None:
    with clause("name"):
        expect_name(scorer.name)
    with clause("threshold"):
        own = getattr(scorer, "thresholds", None)
        expect(own is None or isinstance(own, Thresholds), f"thresholds are {own!r}, expected Thresholds, or none")
        good = is_number(scorer.threshold) and 0 <= scorer.threshold <= 1
        expect(good, f"{scorer.threshold!r}, expected a plain number in 0…1")
    with clause("crop_margin"):
        good = is_number(scorer.crop_margin) and scorer.crop_margin >= 0
        expect(good, f"{scorer.crop_margin!r}, expected a plain number ≥ 0")


def _crop(scorer: Scorer, frame: Pixels, face: Box | None) -> Pixels:
    crop = scorer.crop(frame, face)
    good = isinstance(crop, np.ndarray) and crop.dtype == np.uint8 and crop.ndim == 3
    good = good and crop.shape[0] == crop.shape[1] >= 8 and crop.shape[2] == 3
    expect(good, f"{kind(crop)} of {'a whole frame' if face is None else face}, expected uint8, S×S×3, S ≥ 8")
    return crop


def _score(scorer: Scorer, crops: list[Pixels]) -> list[Score]:
    scores = scorer.score(crops)
    good = isinstance(scores, list) and all(isinstance(score, Score) for score in scores)
    expect(good, f"{kind(scores)}, expected a list of Score")
    expect(len(scores) == len(crops), f"{len(scores)} for {len(crops)} crops")
    for score in scores:
        good = is_number(score.p_fake) and 0 <= score.p_fake <= 1
        expect(good, f"a p_fake of {score.p_fake!r}, expected a plain number in 0…1")
        if (evidence := score.evidence) is not None:
            good = isinstance(evidence, np.ndarray) and evidence.dtype == np.float32 and evidence.ndim == 2
            expect(good, f"{kind(evidence)} as evidence, expected float32 (h, w)")
            expect(bool(np.isfinite(evidence).all()), "NaN or infinity in the evidence, expected finite numbers")
    return scores


def _expect_scores(got: list[Score], expected: list[Score], tolerance: float, what: str) -> None:
    off = max(abs(one.p_fake - other.p_fake) for one, other in zip(got, expected, strict=True))
    expect(off <= tolerance, f"a p_fake {what} is {off:.3g} off, {tolerance:.3g} is allowed")
