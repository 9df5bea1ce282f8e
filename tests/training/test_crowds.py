"""How many real pictures of several faces are called fake: counted on scores whose tail is known, and on a model."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from convert.bundle import ZOO
from edgefake import ModelCard
from edgefake.odds import p_fake, p_fake_of
from edgefake.thresholds import TAIL
from tests.drawn import drawn_dataset
from training.cli import main
from training.crowds import COUNTS, crowds

DECAY = 0.8
CARD = ModelCard(
    name="x",
    architecture="x",
    precision="float32",
    input_size=8,
    crop_margin=0.3,
    output="logit",
    thresholds={name: p_fake(math.log(1 / share) / DECAY) for name, share in (("fpr_5%", 0.05), ("fpr_1%", 0.01), (TAIL, 0.001))},
)


def test_pictures_are_called_fake_as_often_as_one_face() -> None:
    scores = p_fake_of(np.random.default_rng(2).exponential(1 / DECAY, 4000))
    found = [crowd for crowd in crowds("x", CARD, scores) if crowd.threshold in ("verdict", "fpr_5%", "fpr_1%")]
    assert [crowd.faces for crowd in found] == [*COUNTS] * 3
    for crowd in found:
        assert crowd.holds and crowd.one_face.holds(crowd.called_fake), crowd
        assert crowd.by_face == pytest.approx(1 - (1 - crowd.one_face.value) ** crowd.faces, rel=0.05)


def test_a_tail_that_is_heavier_than_the_card_says_is_told() -> None:
    scores = p_fake_of(np.random.default_rng(2).exponential(2 / DECAY, 4000))
    light = replace(CARD, thresholds={**CARD.thresholds, TAIL: p_fake(math.log(50) / 5 + math.log(20) / DECAY)})
    assert not all(crowd.holds for crowd in crowds("x", light, scores))


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drawn_dataset(tmp_path / "data", splits={"val": 20})
    arguments = ["crowds", str(ZOO / "cnn_int8.tflite"), "--data", str(tmp_path / "data"), "--limit", "16"]
    code = main([*arguments, "--json"])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert code == (0 if all(row["holds"] for row in rows) else 1)
    assert {row["faces"] for row in rows} == {*COUNTS} and {row["scored"] for row in rows} == {16}
    assert main(arguments) == code and "picture is fake" in capsys.readouterr().out
    assert main([*arguments, "--split", "test"]) == 2 and "got 0" in capsys.readouterr().err
