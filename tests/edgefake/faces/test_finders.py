"""Which finder a name, a path, a function or an object of the user stands for, and what comes out of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgefake import Box, Face, FaceFinder, InputError
from edgefake.faces import FINDERS, open_finder
from edgefake.faces.frame import WholeFrame
from edgefake.faces.haar import HaarFinder
from edgefake.pixels import Pixels

FRAME = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)
ROW = [1, 2, 3, 4]
BOX, LARGE, INSIDE = Box(*ROW), Box(2, -5, 198, 199), Box(110, 33, 76, 76)


def test_names() -> None:
    assert isinstance(open_finder("haar"), HaarFinder)
    assert isinstance(open_finder("frame"), WholeFrame)
    assert open_finder("frame").find(FRAME) == [Face(Box(0.0, 0.0, 90.0, 60.0))]


@pytest.mark.parametrize("name", [name for name in FINDERS if name != "yunet"])
def test_a_name_is_that_of_a_finder(name: str) -> None:
    finder = open_finder(name)
    assert isinstance(finder, FaceFinder)
    assert all(isinstance(face, Face) for face in finder.find(FRAME))


@pytest.mark.parametrize("faces", ["retina", "retina:x", "", 7, None, Path("retina")])
def test_an_unknown_finder_is_refused_with_the_names_of_those_there_are(faces: object) -> None:
    with pytest.raises(InputError) as told:
        open_finder(faces)  # type: ignore[arg-type]
    assert all(name in str(told.value) for name in [*FINDERS, ".onnx"])


@pytest.mark.parametrize("name", ["haar:x.xml", "frame:x"])
def test_a_file_for_a_finder_that_reads_none_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=name):
        open_finder(name)


@pytest.mark.parametrize("found", [[BOX], [Face(BOX)], (tuple(ROW),), np.array([ROW]), (box for box in [ROW])])
def test_own_function_finds_faces(found: object) -> None:
    assert open_finder(lambda frame: found).find(FRAME) == [Face(BOX)]  # type: ignore[arg-type,return-value]


def test_own_function_that_returns_no_boxes() -> None:
    for found, message in [
        (None, "faces= .*got None"),
        (7, "faces= .*got 7"),
        ([(1, 2, 3)], r"\(x, y, width, height\), got \(1, 2, 3\) .*faces= "),
        ((1, 2, 3, 4), "face box .*, got 1 .*faces= "),
        ([None], "got None .*faces= "),
        ([(0, 0, 10**400, 5)], "face box"),
        ("face", "face box .*got 'f'"),
        ([(0, 0, float("nan"), 5)], r"finite numbers .*nan.*faces= "),
        ([(0, 0, 0, 5)], r"\(0\.0, 0\.0, 0\.0, 5\.0\) .*faces= "),
        ([Face((1, 2, 3, 4))], r"Box .*got Face\(box=\(1, 2, 3, 4\).*faces= "),  # type: ignore[arg-type]
        ([Face(BOX, float("nan"))], r"0…1, got Face\(.*faces= "),
        ([Face(BOX, 7)], r"0…1, got Face\(.*faces= "),
        ([Face(BOX, None)], r"0…1, got Face\(.*faces= "),  # type: ignore[arg-type]
    ]:
        with pytest.raises(InputError, match=message):
            open_finder(lambda frame, found=found: found).find(FRAME)  # type: ignore[misc]


class Own:
    """A finder of a user."""

    def find(self, frame: Pixels) -> list[Face]:
        return [Face(BOX)]


def test_a_class_is_no_finder_and_neither_are_bytes() -> None:
    with pytest.raises(InputError, match=r"class Own: .*Own\(…\)"):
        open_finder(Own)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"edge, haar, yunet, frame.*got b'haar'"):
        open_finder(b"haar")  # type: ignore[arg-type]


@pytest.mark.parametrize("every", [0, 2.5, True, "3", None])
def test_how_often_a_finder_wants_to_be_called_is_a_whole_number(every: object) -> None:
    finder = Own()
    finder.every = every  # type: ignore[attr-defined]
    with pytest.raises(InputError, match=rf"every .*Own .* 1, got {every!r}"):
        open_finder(finder)


def test_what_the_user_finds_is_one_face_each_best_first() -> None:
    found = [Face(INSIDE, 0.9), Face(LARGE, 0.5), Face(Box(300, 0, 9, 9), 0.8)]

    class Mine:
        def find(self, frame: Pixels) -> list[Face]:
            return found

    for finder in (Mine(), lambda frame: found):
        assert open_finder(finder).find(FRAME) == [found[2], found[1]]


def test_an_own_finder_that_returns_no_faces_is_named() -> None:
    class Mine:
        def find(self, frame: Pixels) -> list[Face]:
            return None  # type: ignore[return-value]

    with pytest.raises(InputError, match=r"Mine\.find .*None"):
        open_finder(Mine()).find(FRAME)
