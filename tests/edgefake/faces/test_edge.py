"""Our own finder, with a network that takes what is red for a face: where faces are looked for, and what comes out."""

from __future__ import annotations

import resource
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from edgefake import BackendError, Box, CardError, Detector, Face, InputError, ModelFileError, ModelNotFoundError
from edgefake.faces import open_finder
from edgefake.faces.edge import EdgeFinder
from edgefake.faces.search import plan
from edgefake.models.file import ModelFile
from edgefake.pixels import Pixels
from edgefake.runtimes import Outputs, open_runtime
from edgefake.testing import check_finder
from tests.edgefake.faces.finder_model import HEIGHT, ONE_CELL, SIDE, WIDTH, finder_card, with_faces, write_finder


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_finder(tmp_path_factory.mktemp("finder") / "red.onnx")


@pytest.fixture(scope="module")
def finder(file: Path) -> EdgeFinder:
    found = open_finder(f"edge:{file}", runtime="onnx", num_threads=1)
    assert isinstance(found, EdgeFinder)
    return found


def middles(faces: list[Face]) -> list[tuple[float, float]]:
    return [(face.box.x + face.box.width / 2, face.box.y + face.box.height / 2) for face in faces]


def assert_found(faces: list[Face], *expected: tuple[int, int], within: float) -> None:
    """One face at each place, and no other."""
    assert len(faces) == len(expected), middles(faces)
    for x, y in expected:
        assert min(max(abs(fx - x), abs(fy - y)) for fx, fy in middles(faces)) <= within


@pytest.mark.parametrize("runtime", ["onnx", "openvino"])
def test_a_face_comes_out_in_pixels_of_the_frame_with_score_and_landmarks(file: Path, runtime: str) -> None:
    finder = open_finder(f"edge:{file}", runtime=runtime, num_threads=1)
    assert isinstance(finder, EdgeFinder)
    (face,) = finder.find_fast(with_faces((WIDTH * 4, HEIGHT * 4), (598, 322, 4 * ONE_CELL)))
    assert_found([face], (598, 322), within=40)
    assert face.box.width == pytest.approx(4 * SIDE, rel=0.02) and type(face.box.x) is float
    assert face.score > 0.95
    assert face.landmarks is not None and len(face.landmarks) == 5
    assert face.landmarks[0] == pytest.approx(middles([face])[0], abs=1)  # the network puts all five there


def test_it_is_a_finder_as_the_contract_says(finder: EdgeFinder) -> None:
    check_finder(finder, with_faces((WIDTH, HEIGHT), (100, 90, ONE_CELL), (250, 120, ONE_CELL)))


@pytest.mark.parametrize("size", [(1280, 720), (720, 1280), (640, 480), (300, 1000), (2000, 400), (320, 192), (200, 150)])
@pytest.mark.parametrize("find", ["find", "find_fast"])
def test_large_faces_are_found_in_frames_of_every_shape(finder: EdgeFinder, size: tuple[int, int], find: str) -> None:
    width, height = size
    side = round(0.4 * min(size))
    places = [(width // 4, height // 4), (3 * width // 4, 3 * height // 4)]
    frame = with_faces(size, *((x, y, side) for x, y in places))
    found = getattr(finder, find)(frame)
    for x, y in places:
        assert any(abs(fx - x) < side / 2 and abs(fy - y) < side / 2 for fx, fy in middles(found))
    assert all(abs(fx - px) < side and abs(fy - py) < side for fx, fy in middles(found) for px, py in [nearest((fx, fy), places)])


def nearest(place: tuple[float, float], places: list[tuple[int, int]]) -> tuple[int, int]:
    return min(places, key=lambda p: abs(p[0] - place[0]) + abs(p[1] - place[1]))


def test_small_faces_of_a_large_picture_are_found_by_full_alone_wherever_they_lie(finder: EdgeFinder) -> None:
    """Side by side over all tiles, so that some lie across every border."""
    size = (2400, 1600)
    level = plan(*size, input_width=WIDTH, input_height=HEIGHT, find="full")[0]
    assert len(level.tiles) > 10
    side = round(ONE_CELL * size[0] / level.width)  # in the smaller copies there is no whole cell in it
    places = [(x, y) for y in range(side, 1600 - side, 3 * side) for x in range(side, 2400 - side, 3 * side)]
    frame = with_faces(size, *((x, y, side) for x, y in places))
    assert finder.find_fast(frame) == []
    assert_found(finder.find(frame), *places, within=0.4 * side)


def test_frames_without_faces_and_of_odd_sizes(finder: EdgeFinder) -> None:
    rng = np.random.default_rng(0)
    for shape in [(1, 1), (1, 4000), (4000, 1), (7, 5), (191, 319), (721, 1281), (40, 9000)]:
        for frame in (np.zeros((*shape, 3), np.uint8), rng.integers(0, 256, (*shape, 3), dtype=np.uint8)):
            assert finder.find(frame) == finder.find_fast(frame) == []


def test_a_frame_that_is_all_face_gives_boxes_that_crops_can_be_taken_of(finder: EdgeFinder) -> None:
    frame = with_faces((500, 400), (250, 200, 1000))
    for face in finder.find(frame):
        assert face.box.x < 500 and face.box.y < 400 and face.box.x + face.box.width > 0 and face.box.y + face.box.height > 0


def test_the_frame_is_not_written_to_and_may_be_read_only(finder: EdgeFinder) -> None:
    frame = with_faces((WIDTH, HEIGHT), (150, 80, ONE_CELL))
    before = frame.copy()
    frame.flags.writeable = False
    assert len(finder.find(frame)) == 1
    assert np.array_equal(frame, before)


def test_memory_stays_bounded_in_a_huge_frame(finder: EdgeFinder) -> None:
    frame = np.zeros((9000, 9000, 3), np.uint8)
    finder.find(frame[:3000, :3000].copy())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert finder.find(frame) == []
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < frame.nbytes / 2


def test_the_least_score_is_the_cards_unless_another_is_given(file: Path) -> None:
    card = finder_card(min_score=0.9999)
    loaded = open_runtime(ModelFile(file), card.input_spec, num_threads=1)
    frame = with_faces((320, 192), (100, 100, ONE_CELL))
    assert EdgeFinder(card, loaded).find(frame) == []
    assert len(EdgeFinder(card, loaded, min_score=0.5).find(frame)) == 1


def test_a_network_that_takes_bgr_gets_bgr(file: Path, finder: EdgeFinder) -> None:
    """To this one, given pixels as they are, blue is what red is to the other."""
    card, frame = finder_card(colour_order="BGR"), with_faces((WIDTH * 2, HEIGHT * 2), (300, 160, 2 * ONE_CELL))
    turned = EdgeFinder(card, open_runtime(ModelFile(file), card.input_spec, num_threads=1))
    blue = np.ascontiguousarray(frame[..., ::-1])
    for find, find_turned in ((finder.find, turned.find), (finder.find_fast, turned.find_fast)):
        assert find_turned(frame) == find(blue) == []
        assert find_turned(blue) == find(frame) != []


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("output", range(9))
def test_numbers_that_are_not_finite_are_told(number: float, output: int) -> None:
    runtime = _Counting()
    finder = EdgeFinder(finder_card(), runtime)
    runtime.odd = output, number
    with pytest.raises(ModelFileError, match=f"red, .*NaN .*{finder_card().outputs[output]}:"):
        finder.find_fast(np.zeros((HEIGHT, WIDTH, 3), np.uint8))


def test_what_is_no_finder_is_refused(file: Path, model: Path) -> None:
    with pytest.raises(CardError, match="face finder"):
        open_finder(f"edge:{model}")
    with pytest.raises(CardError, match="detector"):
        Detector(file)
    loaded = open_runtime(ModelFile(file), finder_card().input_spec, num_threads=1)
    with pytest.raises(CardError, match="score_64"):
        EdgeFinder(finder_card(outputs=("score_64",)), loaded)
    with pytest.raises(ModelFileError, match="320×192"):
        EdgeFinder(finder_card(outputs=finder_card().outputs[::-1]), loaded)
    with pytest.raises(ModelNotFoundError):
        open_finder("edge:missing.tflite")
    with pytest.raises(InputError, match="num_threads"):
        open_finder(f"edge:{file}", num_threads=0)
    with pytest.raises(BackendError):
        open_finder(f"edge:{file}", runtime="tflite")
    with pytest.raises(InputError, match="haar"):
        open_finder("haar", runtime="onnx")


def test_a_detector_finds_with_it_and_closes_it(model: Path, file: Path) -> None:
    largest = plan(2400, 1600, input_width=WIDTH, input_height=HEIGHT, find="full")[0]
    frame = with_faces((2400, 1600), (700, 600, round(ONE_CELL * 2400 / largest.width)))
    with Detector(model, faces=f"edge:{file}", num_threads=1) as detector:
        assert detector.find_every == 1
        assert len(detector.find_faces(frame)) == len(detector.predict(frame).faces) == 1
        assert detector.find_faces(frame, find="fast") == []
        with pytest.raises(InputError, match="slow"):
            detector.find_faces(frame, find="slow")  # type: ignore[arg-type]
    with pytest.raises(BackendError):
        detector.find_faces(frame)
    with Detector(model, faces=f"edge:{file}", find="fast", num_threads=1) as detector:
        assert detector.predict(frame).faces == ()
        assert len(detector.find_faces(frame, find="full")) == 1
    with pytest.raises(InputError, match="slow"):
        Detector(model, find="slow")  # type: ignore[arg-type]


def test_a_finder_of_the_user_is_asked_as_thoroughly_and_is_not_closed(model: Path) -> None:
    class Mine:
        every = 3
        closed = False

        def find(self, frame: Pixels) -> list[Face]:
            return []

        def find_fast(self, frame: Pixels) -> list[tuple[int, int, int, int]]:
            return [(0, 0, 40, 40)]

        def close(self) -> None:
            self.closed = True

    mine = Mine()
    with Detector(model, faces=mine, num_threads=1) as detector:
        frame = with_faces((100, 100))
        assert (detector.find_every, len(detector.find_faces(frame)), len(detector.find_faces(frame, find="fast"))) == (3, 0, 1)
        assert detector.find_faces(frame, find="fast", near=[(1, 2, 30, 30)]) == [Face(Box(0, 0, 40, 40))]
    assert not mine.closed


def test_a_finder_of_the_user_is_told_where_a_stream_expects_faces(model: Path) -> None:
    class Mine:
        def find(self, frame: Pixels) -> list[Face]:
            return []

        def find_near(self, frame: Pixels, near: Sequence[Box]) -> list[Box]:
            return list(near)

    with Detector(model, faces=Mine(), num_threads=1) as detector:
        frame, near = with_faces((100, 100)), np.array([[0, 0, 40, 40], [50, 50, 40, 40]])
        assert detector.find_faces(frame, find="fast", near=near) == [Face(Box(0, 0, 40, 40)), Face(Box(50, 50, 40, 40))]
        assert detector.find_faces(frame, find="full", near=near) == []
        for wrong in ([None], 5, [(0, 0, -1, 4)]):
            with pytest.raises(InputError, match="near="):
                detector.find_faces(frame, find="fast", near=wrong)  # type: ignore[arg-type]


def test_a_finder_that_was_opened_elsewhere_is_the_same_and_stays_open(model: Path, file: Path) -> None:
    finder = open_finder(f"edge:{file}", num_threads=1)
    frame = with_faces((320, 192), (100, 100, ONE_CELL))
    with Detector(model, faces=finder, num_threads=1) as detector:
        assert detector.finder is finder
        assert len(detector.predict(frame).faces) == 1
    assert len(finder.find(frame)) == 1


@pytest.mark.parametrize("faces", ["edge:", "haar:", "yunet:", Path("frame:")])
def test_a_name_with_a_colon_and_no_file_is_not_taken_for_the_name(model: Path, faces: str | Path) -> None:
    with pytest.raises((ModelNotFoundError, InputError)):
        Detector(model, faces=faces)


class _Counting:
    """A runtime that counts what it is asked."""

    name = "counting"

    def __init__(self) -> None:
        self.runs = 0
        self.odd: tuple[int, float] | None = None

    def run(self, pixels: Pixels) -> Outputs:
        assert pixels.shape == (1, HEIGHT, WIDTH, 3) and pixels.flags.c_contiguous
        self.runs += 1
        numbers = {"score": 2, "box": 4, "points": 10}
        outputs = [
            np.full((1, HEIGHT // stride, WIDTH // stride, count), -9, np.float32)
            for stride in (8, 16, 32)
            for count in numbers.values()
        ]
        if self.odd:
            outputs[self.odd[0]][0, 1, 2, 1] = self.odd[1]
        return tuple(outputs)

    def close(self) -> None:
        """Nothing to free."""


def test_a_usual_stream_takes_one_run_of_the_network_per_search() -> None:
    runtime = _Counting()
    finder = EdgeFinder(finder_card(), runtime)
    runtime.runs = 0
    finder.find_fast(np.zeros((720, 1280, 3), np.uint8))
    assert runtime.runs == 1
    finder.find(np.zeros((720, 1280, 3), np.uint8))
    assert runtime.runs == 1 + sum(len(level.tiles) for level in plan(1280, 720, input_width=320, input_height=192, find="full"))
