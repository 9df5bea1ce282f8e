import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import tf_keras as keras

from edgefake.odds import log_odds
from edgefake.preprocessing import to_float
from tests.conftest import Converted
from training.cli import main
from training.explain import evidence_of, grad_cam


def _brightness_detector(sign: float, outputs: int = 1):  # type: ignore[no-untyped-def]
    """Scores a face by ``sign`` times its mean brightness."""
    inputs = keras.Input((32, 32, 3))
    maps = keras.layers.Conv2D(1, 4, 4, kernel_initializer="ones", name="maps")(inputs)
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(maps))
    model = keras.Model(inputs, keras.layers.Dense(outputs)(pooled))
    model.layers[-1].set_weights([np.array([[0.0, sign, sign][-outputs:]]), np.zeros(outputs)])
    return model


def _spot() -> np.ndarray:
    face = np.zeros((32, 32, 3), np.uint8)
    face[4:12, 20:28] = 255
    return face


@pytest.mark.parametrize("outputs", [1, 3])
def test_the_map_shows_what_raises_the_score(outputs: int) -> None:
    p_fake, heat = grad_cam(_brightness_detector(1.0, outputs), _spot())
    assert p_fake > 0.5
    assert heat.shape == (8, 8) and heat.dtype == np.float32
    assert heat[1:3, 5:7].min() > 1 and heat.sum() == pytest.approx(heat[1:3, 5:7].sum())


def test_the_map_adds_up_to_the_score_and_shows_what_lowers_it() -> None:
    for sign in (1.0, -1.0):
        p_fake, heat = grad_cam(_brightness_detector(sign), _spot())
        assert heat.mean() == pytest.approx(log_odds(p_fake), rel=1e-3)
        assert np.sign(heat.mean()) == sign and (sign * heat >= 0).all()


def test_another_branch_says_nothing_of_the_score() -> None:
    """A map of places behind the features that the score is made of: it is deeper, and leads to no score."""
    plain = _brightness_detector(1.0)
    branch = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="deeper")(plain.get_layer("maps").output)
    both = keras.Model(plain.input, [plain.output, keras.layers.Conv2D(1, 1, name="map")(branch)])
    expected, heat = grad_cam(plain, _spot())
    p_fake, with_branch = grad_cam(both, _spot())
    assert p_fake == expected
    np.testing.assert_array_equal(with_branch, heat)


def test_a_model_with_a_map_of_its_own_is_explained_by_that() -> None:
    inputs = keras.Input((32, 32, 3))
    features = keras.layers.Conv2D(2, 4, 4, kernel_initializer=keras.initializers.Constant(0.02), name="features")(inputs)
    places = keras.layers.Conv2D(1, 1, kernel_initializer="ones", bias_initializer="ones", name="map")(features)
    model = keras.Model(inputs, [keras.layers.GlobalAveragePooling2D(name="score")(places), places])
    p_fake, own = evidence_of(model, _spot())
    assert own.shape == (8, 8) and own.mean() == pytest.approx(log_odds(p_fake), rel=1e-3)
    np.testing.assert_allclose(own, model(to_float(_spot()[None]))[1][0, :, :, 0], rtol=1e-5)
    _, heat = grad_cam(model, _spot())  # of what the map is made of, not of the map itself
    np.testing.assert_allclose(heat, own - 1, rtol=1e-4)


def test_overlays_of_float_and_qat_runs(converted: Converted, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for run in (converted.float_run, converted.qat_run):
        out = tmp_path / run.name
        pictures = str(converted.data / "val" / "fake")
        assert main(["explain", str(run), pictures, "--out", str(out), "--find-faces", "frame", "--json"]) == 0
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert len(lines) == 24
        assert {line["schema"] for line in lines} == {1}
        assert len({line["p_fake"] for line in lines}) > 12
        height, width, _ = cv2.imread(lines[0]["overlay"]).shape
        assert height > 512 and width > 2 * 512


def test_pictures_that_cannot_be_read_or_hold_no_face_are_listed(
    converted: Converted, portrait: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cv2.imwrite(str(tmp_path / "empty.png"), np.full((200, 200, 3), 90, np.uint8))
    (tmp_path / "cut.png").write_bytes((tmp_path / "empty.png").read_bytes()[:100])
    (tmp_path / "face.jpg").write_bytes(portrait.read_bytes())
    assert main(["explain", str(converted.float_run), str(tmp_path), "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 1
    assert "1 picture(s) cannot be read: left out:" in printed.err and "cut.png is damaged or cut short" in printed.err
    assert f"1 picture(s) without a face: {tmp_path / 'empty.png'}" in printed.err


def test_no_face_anywhere_is_an_error(converted: Converted, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cv2.imwrite(str(tmp_path / "empty.png"), np.full((200, 200, 3), 90, np.uint8))
    assert main(["explain", str(converted.float_run), str(tmp_path / "empty.png"), "--out", str(tmp_path / "out")]) == 2
    assert "no face found in 1 pictures" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made(converted: Converted, portrait: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(converted.float_run), str(portrait), "--out", str(portrait)]) == 2
    assert capsys.readouterr().err == f"training: error: {portrait} cannot be used (File exists): make room, or write elsewhere\n"
