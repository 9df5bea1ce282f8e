"""Thresholds of one's own: how they are chosen, and that a profile holds for its network alone."""

from __future__ import annotations

import json
import math
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefake import Detector, InputError, ModelCard, Thresholds
from edgefake.calibration import Profile, calibrate, read_profile
from edgefake.statistics import Interval
from tests.edgefake.conftest import MakeCard
from tests.edgefake.ensemble import Ensemble

SCORES = st.lists(st.integers(0, 20).map(lambda n: n / 21), min_size=1, max_size=80)


@given(SCORES, st.sampled_from([0.01, 0.05, 0.2, 0.9, 1 - 1e-13]))
def test_no_more_than_asked_are_called_fake_and_one_step_lower_more(p_fake: list[float], rate: float) -> None:
    card = ModelCard("x", "x", "int8", 8, 0.3, "logit", {"fpr_5%": 0.5})
    profile = calibrate(card, p_fake, rate=rate, finder="haar")
    called = np.array(p_fake) >= profile.thresholds.fake
    assert called.mean() <= rate and profile.false_alarms.value == called.mean()
    next_lower = max(p for p, hit in zip(p_fake, called, strict=True) if not hit)
    assert np.mean(np.array(p_fake) >= next_lower) > rate
    assert next_lower < profile.thresholds.fake


def test_scores_that_no_threshold_is_above_are_told(make_card: MakeCard) -> None:
    assert calibrate(make_card(), [1.0] * 5, rate=0.01, finder="haar").false_alarms.value == 1.0


def test_how_many_faces_a_rate_needs(make_card: MakeCard) -> None:
    for rate, needed in ((0.01, 300), (0.05, 60), (0.001, 3000)):
        assert calibrate(make_card(), [0.5], rate=rate, finder="haar").needed == needed
    none = calibrate(make_card(), [0.1] * 300, rate=0.01, finder="haar")
    assert none.false_alarms.value == 0.0 and none.false_alarms.high == pytest.approx(1 - 0.025 ** (1 / 300))


def test_the_card_tells_from_where_on_below_a_face_is_real(make_card: MakeCard) -> None:
    scores = np.linspace(0.01, 0.6, 500).tolist()
    own = calibrate(make_card(), scores, rate=0.01, finder="haar").thresholds
    assert own.real == own.fake == pytest.approx(0.594, abs=0.01)
    for real, expected in ((0.2, 0.2), (0.9, None)):
        card = make_card(thresholds={"fpr_5%": 0.5, "fake": 0.95, "real": real})
        found = calibrate(card, scores, rate=0.01, finder="haar").thresholds
        assert found.real == (expected or found.fake)


@pytest.mark.parametrize(("p_fake", "rate", "fact"), [([], 0.01, "none"), ([0.5], 0.0, "got 0"), ([0.5], math.nan, "nan")])
def test_what_no_thresholds_follow_from(p_fake: list[float], rate: float, fact: str, make_card: MakeCard) -> None:
    with pytest.raises(InputError, match=fact):
        calibrate(make_card(), p_fake, rate=rate, finder="haar")


@pytest.fixture
def profile(detector: Detector, tmp_path: Path) -> Path:
    card, alarms = detector.card, Interval(0.01, 0.002, 0.03)
    Profile(card.name, card.payload_sha256, 0.01, Thresholds(0.9, 0.2), alarms, 500, "edge").write(tmp_path / "own.json")
    return tmp_path / "own.json"


def test_a_profile_is_taken_by_its_model(profile: Path, model: Path, detector: Detector) -> None:
    for path in (profile, str(profile)):
        assert Detector(model, num_threads=1, threshold=path).thresholds == Thresholds(0.9, 0.2)
    assert read_profile(profile, detector.card) == Thresholds(0.9, 0.2)


def test_a_profile_may_come_from_a_pipe_which_is_read_once(profile: Path, model: Path) -> None:
    read, write = os.pipe()
    os.write(write, profile.read_bytes())
    os.close(write)
    with Detector(model, num_threads=1, threshold=Path(f"/dev/fd/{read}")) as detector:
        assert detector.thresholds == Thresholds(0.9, 0.2)
    os.close(read)


def test_a_profile_of_another_network_is_refused(profile: Path, detector: Detector) -> None:
    named, same = replace(detector.card, name="other"), replace(detector.card, payload_sha256="0" * 64)
    for other, fact in ((named, "tiny_int8"), (same, "another")):
        with pytest.raises(InputError, match=fact):
            read_profile(profile, other)
    for path in (profile, str(profile)):
        with pytest.raises(InputError, match="profile"):
            Detector(Ensemble("cnn_int8"), threshold=path)


@pytest.mark.parametrize(
    ("changed", "fact"),
    [
        ({"schema": 9}, "9"),
        ({"thresholds": {"fake": 0.9}}, "own.json.*real"),
        ({"thresholds": {"fake": 0.2, "real": 0.9}}, "own.json.*0.2"),
        ({"thresholds": {"fake": "high", "real": 0.9}}, "own.json.*high"),
        ({"thresholds": {"fake": math.nan, "real": 0.9}}, "own.json.*nan"),
        ({"model": None}, "None"),
    ],
)
def test_a_damaged_profile(changed: dict[str, object], fact: str, profile: Path, detector: Detector) -> None:
    profile.write_text(json.dumps({**json.loads(profile.read_text()), **changed}))
    with pytest.raises(InputError, match=fact):
        read_profile(profile, detector.card)


def test_what_is_no_profile(tmp_path: Path, detector: Detector) -> None:
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "text.json").write_text("fake from 0.5")
    for path in (tmp_path / "list.json", tmp_path / "text.json", tmp_path / "absent.json", tmp_path):
        with pytest.raises(InputError, match="profile"):
            read_profile(path, detector.card)
    with pytest.raises(InputError, match="profile"):
        calibrate(detector.card, [0.5], rate=0.1, finder="haar").write(tmp_path / "absent" / "own.json")
