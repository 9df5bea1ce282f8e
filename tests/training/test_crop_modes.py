"""The crop mode of a model, from the comparison to the card."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from edgefake import Box, Detector, InputError
from edgefake.faces.geometry import CropMode
from edgefake.models.card import ModelCard
from edgefake.models.file import ModelFile, payload_sha256
from edgefake.odds import log_odds_of
from tests.conftest import Converted
from training.cli import main
from training.crop_modes import Modes, compared, write_mode
from training.evaluate import DataSet, Subject
from training.samples import Sample

COUNTS = {("attic", False): 80, ("cellar", False): 80, ("gan", True): 90, ("swap", True): 30}
SAMPLES = [
    Sample(Path(f"{family}/{i}.png"), int(fake), "val", Box(0, 0, 60, 60), family=family)
    for (family, fake), count in COUNTS.items()
    for i in range(count)
]


def scores(attic: float, cellar: float, fakes: float) -> np.ndarray:
    """p_fake of ``SAMPLES``: log-odds around one number for each source, and for all fakes."""
    middles = {"attic": attic, "cellar": cellar}
    rng = np.random.default_rng(3)
    drawn = np.array([middles.get(sample.family, fakes) for sample in SAMPLES]) + rng.normal(0, 1, len(SAMPLES))
    return 1 / (1 + np.exp(-drawn))


def modes_of(**p_fake: np.ndarray) -> tuple[np.ndarray, dict[CropMode, np.ndarray]]:
    given: dict[CropMode, np.ndarray] = {"inside": scores(-3, 0.5, 1), **p_fake}  # type: ignore[typeddict-item]
    return given["inside"] >= 0.5, given


def test_the_mode_is_better_that_is_so_on_the_worst_source() -> None:
    called, p_fake = modes_of(reflect=scores(-1, -1, 1), constant=scores(-6, 0.5, 1))
    subject = Subject(Path("m.tflite"), "m", "int8", None, "")  # type: ignore[arg-type]
    inside, reflect, constant = figures = tuple(compared(SAMPLES, p_fake, called))
    cellar = np.array([sample.family == "cellar" for sample in SAMPLES])
    assert (inside.worst_source, inside.worst_fpr.value) == ("cellar", pytest.approx(called[cellar].mean(), abs=0.02))
    assert inside.change.value == inside.change.low == inside.change.high == 0
    assert reflect.change.high < 0 and reflect.change.value == reflect.worst_fpr.value - inside.worst_fpr.value
    assert constant.auc.value > inside.auc.value and constant.change.low <= 0 <= constant.change.high
    assert reflect.worst_auc.value > inside.worst_auc.value
    assert Modes(subject, figures, p_fake).best == "reflect"


def test_scores_that_are_lower_as_a_whole_are_no_better() -> None:
    """At the stored threshold they would call fewer real faces fake, and fewer fakes."""
    called, p_fake = modes_of()
    p_fake["reflect"] = p_fake["inside"] ** 4
    inside, reflect = compared(SAMPLES, p_fake, called)
    assert reflect.threshold < inside.threshold and inside.tpr == reflect.tpr
    assert (reflect.worst_fpr, reflect.auc) == (inside.worst_fpr, inside.auc)


def test_every_family_of_fakes_weighs_alike() -> None:
    called, p_fake = modes_of()
    called[:] = [sample.family == "swap" for sample in SAMPLES]  # 30 of 120 fakes, and half of the families
    (inside,) = compared(SAMPLES, p_fake, called)
    assert inside.tpr == pytest.approx(0.5, abs=0.02)


def test_without_a_known_fake_nothing_is_compared() -> None:
    called, p_fake = modes_of()
    with pytest.raises(InputError, match="none of 120"):
        next(compared(SAMPLES, p_fake, np.zeros_like(called)))


def test_the_better_mode_goes_into_the_card_with_thresholds_of_its_own(converted: Converted, tmp_path: Path) -> None:
    model = Path(shutil.copy(converted.int8, tmp_path / "tiny.tflite"))
    network, card = payload_sha256(model), card_of(model)
    called, p_fake = modes_of(reflect=scores(-1, -1, 1))
    data = DataSet("drawn val", converted.data, SAMPLES)
    figures = tuple(compared(SAMPLES, p_fake, called))
    write_mode(Modes(Subject(model, "tiny", "int8", card, ""), figures, p_fake), data, "python -m training crop-mode")
    new = card_of(model)
    assert new.crop_mode == "reflect" and payload_sha256(model) == network and new.golden == card.golden
    assert card.metrics and [one.counts for one in new.metrics] == [
        {"real": 80, "fake": 120}
    ]  # of the other mode no figure is left
    assert new.training is not None and new.training.commands[-1] == "python -m training crop-mode"
    before = log_odds_of(p_fake["reflect"])
    outputs = (before - card.calibration.bias) * card.calibration.temperature
    now = np.array(new.p_fake(outputs))
    real = np.array([not sample.fake for sample in SAMPLES])
    assert np.mean(now[real] >= new.thresholds["fpr_5%"]) == pytest.approx(0.05, abs=0.01)
    assert abs(np.mean(now[real]) + np.mean(now[~real]) - 1) < 0.1  # calibrated for as many fakes as real faces
    with Detector(model, faces="frame") as detector:
        assert (detector.scorer.crop(np.full((40, 40, 3), 7, np.uint8), Box(-9, 0, 20, 20)) == 7).all()


def card_of(path: Path) -> ModelCard:
    card = ModelFile(path).card
    assert card is not None
    return card


def test_the_command(converted: Converted, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = Path(shutil.copy(converted.int8, tmp_path / "tiny.tflite"))
    before = model.read_bytes()
    command = ["crop-mode", str(model), str(converted.float_run), "--data", str(converted.data), "--split", "test"]
    assert main([*command, "--json"]) == 0
    report, of_run = map(json.loads, capsys.readouterr().out.splitlines())
    assert (report["schema"], report["model"], report["best"]) == (1, "tiny", "inside")
    assert [one["mode"] for one in of_run["modes"]] == ["inside", "reflect", "constant"]
    # No crop of these faces leaves its picture.
    assert len({json.dumps(one | {"mode": ""}) for one in report["modes"]}) == 1
    assert main([*command, "--write"]) == 2 and "float" in capsys.readouterr().err  # a run has no card
    assert main([*command[:2], *command[3:], "--write"]) == 0
    assert "Best: inside." in capsys.readouterr().out and model.read_bytes() == before
    assert main([*command[:2], "--data", str(converted.data / "test" / "real")]) == 2


def test_a_mode_is_trained_and_converted(converted: Converted, tmp_path: Path) -> None:
    """A run of a mode gives a card of it; an older run, which says nothing, one of crops from inside the picture."""
    from training.evaluate import trained
    from training.runs import read_run

    run = tmp_path / "float"
    shutil.copytree(converted.float_run, run)
    settings = json.loads((run / "run.json").read_text())
    assert settings.pop("crop_mode") == "inside"
    (run / "run.json").write_text(json.dumps(settings))
    assert read_run(run).crop_mode == trained(run, read_run(run), "old").card.crop_mode == "inside"
    (run / "run.json").write_text(json.dumps(settings | {"crop_mode": "constant"}))
    assert trained(run, read_run(run), "grey").card.crop_mode == "constant"
