"""Evidence: what in a face moves p_fake, by the model's own map or by occlusion, and the picture of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from edgefake import Box, Detector, InputError, ModelCard, Score, read_image
from edgefake.explanation import GRID
from edgefake.faces.geometry import crop_square
from edgefake.heatmap import MOST, SIDE, colour_bar, draw_evidence, tinted
from edgefake.models.card import Calibration
from edgefake.models.file import write_card
from edgefake.odds import log_odds, p_fake_of
from edgefake.pixels import Pixels
from edgefake.report.cutouts import face_square
from tests.edgefake.test_scorer import BOXES, with_map

MakeCard = Callable[..., ModelCard]


class Stripes:
    """Answers by how much detail there is in the left and the right half of a crop: the left speaks for fake."""

    name, threshold, crop_margin = "stripes", 0.5, 0.25

    def __init__(self) -> None:
        self.batches: list[int] = []

    def crop(self, frame: Pixels, box: Box | None) -> Pixels:
        return crop_square(frame, box, self.crop_margin)

    def score(self, crops: Sequence[Pixels]) -> list[Score]:
        self.batches.append(len(crops))
        return [Score(float(p_fake_of(np.float64(_detail(c, 0) - _detail(c, 1))))) for c in crops]

    def close(self) -> None:
        pass


def _detail(crop: Pixels, half: int) -> float:
    grey = crop.astype(float).mean(axis=2)
    return float(np.abs(np.diff(np.array_split(grey, 2, axis=1)[half], axis=1)).mean()) / 10


def test_occlusion_tells_what_raises_and_what_lowers_the_score(photo: Pixels) -> None:
    scorer = Stripes()
    with Detector(scorer) as detector:
        (face,) = detector.predict(photo, boxes=BOXES[:1], explain=True).faces
        evidence = face.evidence
        assert evidence is not None and evidence.shape == (GRID, GRID) and evidence.dtype == np.float32
        assert face.evidence_from == "occlusion" and sum(scorer.batches) == 1 + GRID**2
        assert evidence[:, :3].mean() > 0.05 and evidence[:, -3:].mean() < -0.05
        # What a number says: the fall of the log-odds when that place is blurred away.
        assert np.abs(evidence).max() < 4 and face.p_fake is not None
        assert detector.predict(photo, boxes=BOXES[:1]).faces[0].evidence is None


def test_the_square_of_a_crop_with_a_border_lies_around_the_face(
    models: Path, tmp_path: Path, make_card: MakeCard, photo: Pixels
) -> None:
    model = Path(shutil.copy(models / "int8.tflite", tmp_path / "tiny.tflite"))
    write_card(model, make_card(crop_mode="reflect"))
    edge = Box(-20, -30, 100, 100)
    with Detector(model) as detector:
        prediction = detector.predict(photo, boxes=[edge], explain=True)
        (face,) = prediction.faces
        assert face.square == Box(-35, -45, 130, 130)
        drawn = draw_evidence(photo, prediction)
        assert (drawn[90:100, 30:60] == 128).all() and np.ptp(drawn[400:410, 300:330]) > 0  # grey beyond the picture
        mirrored = face_square(detector, photo, edge)
        np.testing.assert_array_equal(mirrored[45:, 35:], photo[:85, :95])
        np.testing.assert_array_equal(mirrored[44, 35:], photo[1, :95])


def test_flat_faces_have_nothing_to_say() -> None:
    from edgefake.explanation import occlusion

    flat = np.full((40, 40, 3), 90, np.uint8)
    assert not occlusion(Stripes(), flat, 0.5).any()


@pytest.mark.parametrize("explain", [False, True])
def test_the_map_of_a_model_comes_with_its_score_and_adds_up_to_it(
    tmp_path: Path, make_card: MakeCard, photo: Pixels, explain: bool
) -> None:
    card = make_card(outputs=("score", "map"), calibration=Calibration(temperature=0.5, bias=-0.75))
    with Detector(with_map(tmp_path / "mapped.onnx"), card=card, num_threads=1, prior=0.1) as detector:
        for face in detector.predict(photo, boxes=BOXES, explain=explain).faces:
            assert face.evidence is not None and face.p_fake is not None
            assert (face.evidence_from, face.evidence.shape) == ("map", (4, 4))
            assert face.evidence.mean() == pytest.approx(log_odds(face.p_fake) - log_odds(0.1), abs=1e-3)


def test_a_model_with_a_map_is_occluded_where_that_is_asked_for(tmp_path: Path, make_card: MakeCard, photo: Pixels) -> None:
    with Detector(with_map(tmp_path / "mapped.onnx"), card=make_card(outputs=("score", "map")), num_threads=1) as detector:
        for face in detector.predict(photo, boxes=BOXES, explain="occlusion").faces:
            assert face.evidence is not None and (face.evidence_from, face.evidence.shape) == ("occlusion", (GRID, GRID))
        with pytest.raises(InputError, match="'occlusion', got 'map'"):
            detector.predict(photo, boxes=BOXES, explain="map")  # type: ignore[arg-type]


def test_batches_and_cut_out_faces_are_explained_alike(photo: Pixels) -> None:
    with Detector(Stripes()) as detector:
        (face,) = detector.predict(photo, boxes=BOXES[:1], explain=True).faces
        _, [second] = (p.faces for p in detector.predict_batch([photo] * 2, boxes=[[], BOXES[:1]], explain=True))
        assert np.array_equal(second.evidence, face.evidence)
        assert face.square is not None
        left, top, side = (int(n) for n in (face.square.x, face.square.y, face.square.width))
        crop = photo[top : top + side, left : left + side]
        assert np.array_equal(crop, crop_square(photo, BOXES[0], Stripes.crop_margin))
        (cut,) = detector.predict_faces([crop], explain=True)
        assert np.array_equal(cut.evidence, face.evidence) and cut.square == Box(0, 0, side, side)
        (wide,) = detector.predict_faces([photo], explain=True)
        assert wide.square == Box(40, 0, 240, 240)


def test_faces_that_are_not_scored_are_not_explained(photo: Pixels) -> None:
    with Detector(Stripes()) as detector:
        prediction = detector.predict(photo, boxes=[Box(5, 5, 10, 10)], explain=True)
    assert prediction.faces[0].evidence is None and prediction.faces[0].square is None
    with pytest.raises(InputError, match="explain=True"):
        prediction.draw_evidence(photo)


def test_a_bundled_model_explains_a_portrait(portrait: Path) -> None:
    frame = read_image(portrait)
    with Detector("cnn_int8", num_threads=1) as detector:
        prediction = detector.predict(frame, explain=True)
    (face,) = prediction.faces
    assert face.evidence is not None and np.ptp(face.evidence) > 0.1
    assert "evidence" not in prediction.to_json()
    picture = prediction.draw_evidence(frame)
    assert picture.shape[0] > SIDE and picture.shape[1] > 2 * SIDE and picture.dtype == np.uint8


def test_red_speaks_for_fake_on_one_scale_for_all() -> None:
    grey = np.full((64, 64, 3), 128, np.uint8)

    def shown(*values: float) -> Pixels:
        return tinted(grey, np.array([values], np.float32), side=64)[32]

    blue, _, red = shown(3, 3)[0].astype(int)
    assert red > blue + 50
    blue, _, red = shown(-3, -3)[0].astype(int)
    assert blue > red + 50
    assert np.array_equal(shown(0, 0), grey[0])
    assert np.array_equal(shown(1, 1)[0], shown(1, 9)[0])  # whatever else is in the map
    bar = colour_bar(SIDE)
    assert bar[40, 5].argmax() == 2 and bar[-40, 5].argmax() == 0


def test_of_a_crowd_the_likeliest_fakes_are_shown(photo: Pixels) -> None:
    boxes = [Box(8 * i, 100, 40, 40) for i in range(MOST + 2)]
    with Detector(Stripes()) as detector:
        all_faces = detector.predict(photo, boxes=boxes, explain=True).draw_evidence(photo)
        few = detector.predict(photo, boxes=boxes[:2], explain=True).draw_evidence(photo)
    rows = (all_faces.shape[0] - few.shape[0]) / SIDE
    assert MOST - 2 <= rows < MOST - 1
