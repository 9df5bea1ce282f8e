"""How many of the reference's faces are found, by class, with intervals that take a video's frames for what they are."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edgefake.errors import InputError
from edgefake.faces.decode import Found
from training.finder import agreement
from training.finder.agreement import classes_of, compared

PICTURE = np.zeros((400, 600, 3), np.uint8)


def found(*rows: tuple[float, float, float, float]) -> Found:
    """Faces (x, side, score, distance of the eyes in sides) at the top of the picture."""
    boxes = np.array([(x, 0, side, side) for x, side, _, _ in rows], np.float32).reshape(-1, 4)
    points = np.zeros((len(rows), 5, 2), np.float32)
    points[:, 1, 0] = [side * eyes for _, side, _, eyes in rows]
    return Found(boxes, np.array([score for _, _, score, _ in rows], np.float32), points)


WANTED = found((0, 40, 0.9, 0.34), (100, 80, 0.85, 0.2), (200, 150, 0.95, 0.34), (400, 50, 0.5, 0.34), (500, 20, 0.9, 0.34))
"""Three that count: the fourth is not sure, the last too small."""


def test_only_sure_and_large_faces_of_the_reference_count_and_others_are_told_apart() -> None:
    mine = found((2, 40, 0.9, 0.3), (200, 140, 0.9, 0.3), (400, 50, 0.9, 0.3), (300, 60, 0.9, 0.3), (360, 20, 0.9, 0.3))
    (got,) = compared({"mine": lambda picture: mine}, iter([PICTURE] * 4), lambda picture: WANTED).values()
    assert (got.pictures, got.faces) == (4, 12)
    assert got.recall["all"].value == pytest.approx(2 / 3)
    assert {name: estimate.value for name, estimate in got.recall.items() if name != "all"} == {
        "32–64 px": 1.0,
        "64–128 px": 0.0,
        "128 px on": 1.0,
        "frontal": 1.0,
        "turned": 0.0,
    }
    assert got.others_per_100.value == 100.0  # one each, of a size that counts and near none that the reference thinks possible
    assert got.framing is not None and got.framing.faces == 8


def test_every_face_is_in_one_class_of_size_and_one_of_turn() -> None:
    which = classes_of(WANTED)
    sizes = [which[name] for name in which if "px" in name]
    assert sum(sizes).tolist() == [1, 1, 1, 1, 0]  # type: ignore[union-attr]
    assert (which["frontal"] ^ which["turned"]).all()


def test_frames_of_one_scene_count_as_one_observation() -> None:
    """A finder that fails in one of two scenes: the interval knows that there were two, not 200 frames."""
    seen = iter([True] * 100 + [False] * 100)
    searches = {"mine": lambda picture: WANTED if next(seen) else found()}
    (alone,) = compared(searches, iter([PICTURE] * 200), lambda picture: WANTED).values()
    seen = iter([True] * 100 + [False] * 100)
    (blocks,) = compared(searches, iter([PICTURE] * 200), lambda picture: WANTED, block=100).values()
    assert alone.recall["all"].value == blocks.recall["all"].value == 0.5
    assert alone.recall["all"].high - alone.recall["all"].low < 0.2
    assert (blocks.recall["all"].low, blocks.recall["all"].high) == (0.0, 1.0)


def test_without_pictures_or_faces(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match="picture"):
        compared({"mine": lambda picture: WANTED}, iter([]), lambda picture: WANTED)
    (none,) = compared({"mine": lambda picture: found()}, iter([PICTURE]), lambda picture: found()).values()
    assert (none.faces, none.recall, none.framing) == (0, {}, None)
    (tmp_path / "a.mp4").write_bytes(b"no video")
    with pytest.raises(InputError, match=r"a\.mp4"):
        list(agreement._pictures(tmp_path / "a.mp4"))


def test_pictures_videos_and_folders_are_read(tmp_path) -> None:  # type: ignore[no-untyped-def]
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(tmp_path / name), PICTURE)
    assert [p.shape for p in agreement._pictures(tmp_path)] == [PICTURE.shape] * 2
    video = tmp_path / "c.avi"
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter.fourcc(*"MJPG"), 10, (600, 400))
    for _ in range(3):
        writer.write(PICTURE)
    writer.release()
    assert len(list(agreement._pictures(video))) == 3
    assert agreement._block(tmp_path / "d.M4V") == agreement.BLOCK  # what edgefake video takes for one
