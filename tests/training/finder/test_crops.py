from __future__ import annotations

from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefake.faces.decode import intersections
from tests.training.finder.drawn import drawn_photos
from training.finder.crops import ENLARGED, Collection, Crop, _beside, _ground, crop, moved, varied
from training.finder.data import Photo, read_photos
from training.finder.targets import FACE, IGNORED

SIZE = 96


@pytest.fixture(scope="module")
def crops(tmp_path_factory: pytest.TempPathFactory) -> list[Crop]:
    photos = Collection([read_photos(drawn_photos(tmp_path_factory.mktemp("photos") / "data", {"train": 12}))])
    return [crop(photos, SIZE, np.random.default_rng(seed)) for seed in range(80)]


def test_crops_are_of_one_size_and_faces_of_all(crops: list[Crop]) -> None:
    assert {made.image.shape for made in crops} == {(SIZE, SIZE, 3)}
    sizes = np.concatenate([made.boxes[made.kinds == FACE, 2:].max(1, initial=0) for made in crops if (made.kinds == FACE).any()])
    assert sizes.min() >= 6
    assert sizes.max() > 0.8 * SIZE
    assert np.median(sizes) < 0.4 * SIZE
    counts = [int((made.kinds == FACE).sum()) for made in crops]
    assert 0 in counts
    assert max(counts) >= 4


def test_faces_are_where_the_boxes_say(crops: list[Crop]) -> None:
    """The drawn heads are the only light skin: its middle is the middle of the box."""
    checked = 0
    for made in crops:
        for box, kind in zip(made.boxes, made.kinds, strict=True):
            x, y, w, h = box
            inside = x >= 0 and y >= 0 and x + w <= SIZE and y + h <= SIZE
            if kind != FACE or not inside or max(w, h) < 20:
                continue
            part = made.image[round(y) : round(y + h), round(x) : round(x + w)].astype(int)
            middle = part[part.shape[0] // 4 : -part.shape[0] // 4, part.shape[1] // 4 : -part.shape[1] // 4]
            corners = part[[0, 0, -1, -1], [0, -1, 0, -1]]
            checked += 1
            assert np.median(middle, (0, 1)).sum() > 1.15 * np.median(corners, 0).sum()
    assert checked > 20


def test_points_stay_inside_their_face_and_left_stays_left_of_right(crops: list[Crop]) -> None:
    for made in crops:
        for box, points in zip(made.boxes, made.points, strict=True):
            assert (points >= box[:2] - 1).all()
            assert (points <= box[:2] + box[2:] + 1).all()
            assert points[0, 0] < points[1, 0]  # mirrored or not: turned by 30° at most
            assert points[3, 0] < points[4, 0]


def test_half_of_every_face_is_in_sight_and_what_is_cut_further_is_ignored(crops: list[Crop]) -> None:
    seen = [intersections(made.boxes, np.float32([[0, 0, SIZE, SIZE]]))[:, 0] / made.boxes[:, 2:].prod(1) for made in crops]
    shares = {
        kind: np.concatenate([s[made.kinds == kind] for s, made in zip(seen, crops, strict=True)]) for kind in (FACE, IGNORED)
    }
    assert 0.5 <= shares[FACE].min() < 0.9
    assert 0.1 <= shares[IGNORED].min() < 0.5


def test_the_same_generator_gives_the_same_crop(tmp_path: Path) -> None:
    photos = Collection([read_photos(drawn_photos(tmp_path / "data", {"train": 6}))])
    first, second = (crop(photos, SIZE, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first.image, second.image)
    np.testing.assert_array_equal(first.boxes, second.boxes)


def test_without_faceless_pictures_there_are_crops_too(tmp_path: Path) -> None:
    photos = [photo for photo in read_photos(drawn_photos(tmp_path / "data", {"train": 6})) if len(photo.boxes)]
    assert crop(Collection([photos]), SIZE, np.random.default_rng(0)).image.shape == (SIZE, SIZE, 3)


def _plain(path: Path, grey: int, *boxes: tuple[float, float, float, float]) -> Photo:
    """A photo of one grey, 300×200, with white faces."""
    picture = np.full((200, 300, 3), grey, np.uint8)
    for x, y, w, h in boxes:
        picture[round(y) : round(y + h), round(x) : round(x + w)] = 255
    cv2.imwrite(str(path), picture)
    given = np.array(boxes, np.float32).reshape(-1, 4)
    return Photo(path, "train", given, np.full((len(given), 5, 2), np.nan, np.float32), np.ones(len(given), np.bool_))


def test_a_folder_that_is_given_twice_is_drawn_twice_as_often(tmp_path: Path) -> None:
    large, small = (
        [_plain(tmp_path / f"{name}{i}.png", 9, (9, 9, 40, 40)) for i in range(n)] for name, n in (("a", 16), ("b", 4))
    )
    rng = np.random.default_rng(0)
    for folders, share in (([large, small], 1 / 3), ([large, small, small], 1 / 2)):  # by the square roots 4 and 2
        photos = Collection(folders)
        names = [photos.face_photo(rng).path.name[0] for _ in range(2000)]
        assert names.count("b") / 2000 == pytest.approx(share, abs=0.04)


def test_harder_pictures_without_a_face_are_drawn_more_often(tmp_path: Path) -> None:
    photos = Collection([[_plain(tmp_path / "face.png", 9, (9, 9, 40, 40)), *(_plain(tmp_path / f"{n}.png", 9) for n in "xyz")]])
    assert [photo.path.stem for photo in photos.empty] == ["x", "y", "z"]
    photos.hardness = np.array([1.0, 1.0, 4.0])
    rng = np.random.default_rng(0)
    names = [photo.path.stem for photo in (photos.faceless(rng) for _ in range(1800)) if photo]
    assert Counter(names) == {"x": pytest.approx(300, abs=60), "y": pytest.approx(300, abs=60), "z": pytest.approx(1200, abs=80)}


def test_a_part_beside_faces_shows_none_of_them(tmp_path: Path) -> None:
    photo = _plain(tmp_path / "two.png", 50, (40, 60, 40, 50), (200, 90, 50, 60))
    picture, rng = cv2.imread(str(photo.path)), np.random.default_rng(0)
    parts = [part for part in (_beside(photo, picture, SIZE, rng) for _ in range(60)) if part]
    assert len(parts) > 30
    for left, top, side in parts:
        shown = picture[int(top) : int(top + side) + 1, int(left) : int(left + side) + 1]
        assert 0 <= left <= 300 - side and 0 <= top <= 200 - side and side >= SIZE / ENLARGED
        assert (shown == 50).all()
    assert len({round(side) for _, _, side in parts}) > 10


def test_a_picture_full_of_face_or_too_small_to_enlarge_has_no_part(tmp_path: Path) -> None:
    full = _plain(tmp_path / "full.png", 50, (10, 10, 280, 180))
    rng = np.random.default_rng(0)
    assert _beside(full, cv2.imread(str(full.path)), SIZE, rng) is None
    free = _plain(tmp_path / "free.png", 50, (0, 0, 9, 9))
    assert _beside(free, cv2.imread(str(free.path)), 600, rng) is None  # a part of 140 pixels at most


def test_half_of_the_backgrounds_are_parts_beside_faces(tmp_path: Path) -> None:
    photos = Collection([[_plain(tmp_path / "face.png", 50, (40, 60, 40, 50)), _plain(tmp_path / "none.png", 200)]])
    grounds = [_ground(photos, SIZE, np.random.default_rng(seed)) for seed in range(200)]
    greys = Counter(int(np.median(ground)) for ground in grounds if ground.std() < 1)
    assert greys[50] == pytest.approx(100, abs=30) and greys[200] == pytest.approx(100, abs=30)
    assert all((ground < 255).all() for ground in grounds)


def test_boxes_follow_scale_turn_and_mirror() -> None:
    box = np.array([[10, 20, 30, 40]], np.float32)
    points = np.array([[[15, 30], [35, 30], [25, 40], [18, 50], [32, 50]]], np.float32)
    boxes, moved_points = moved(box, points, np.array([[-2.0, 0, 100], [0, 2.0, 0]]))
    np.testing.assert_allclose(boxes, [[20, 40, 60, 80]])
    np.testing.assert_allclose(moved_points[0], [[30, 60], [70, 60], [50, 80], [36, 100], [64, 100]])
    boxes, _ = moved(box, points, np.array([[0, -1.0, 0], [1.0, 0, 0]]))  # by 90°: sides change places
    np.testing.assert_allclose(boxes, [[-60, 10, 40, 30]], atol=1e-5)


def test_variations_keep_the_shape_and_differ() -> None:
    image = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8), (0, 0), 2)
    results = [varied(np.asarray(image, np.uint8), np.random.default_rng(seed)) for seed in range(12)]
    assert {result.shape for result in results} == {(32, 32, 3)}
    assert len({result.tobytes() for result in results}) == 12
