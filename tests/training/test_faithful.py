"""Faithfulness of maps: what moves the score beats what does not, and a command measures it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgefake.faces.geometry import Box
from tests.conftest import Converted
from tests.edgefake.test_explanation import Stripes
from training.cli import main
from training.faithful import OTHERS, ExplainedFace, area_under, centred_map, faithfulness
from training.samples import Sample

SAMPLE = Sample(Path("a.png"), 1, "val", Box(0, 0, 9, 9))


def face(own: float, *, seed: int = 0) -> ExplainedFace:
    """One whose own map is ``own`` better than the others in both curves, give or take."""
    noise = np.random.default_rng(seed).normal(scale=0.1, size=4)
    deletion = {"own": 1.0, **{name: 1 + own + n for name, n in zip(OTHERS, noise, strict=False)}}
    insertion = {"own": 2.0, **{name: 2 - own + n for name, n in zip(OTHERS, noise[2:], strict=True)}}
    evidence = np.random.default_rng(seed).random((7, 7), np.float32)
    return ExplainedFace(SAMPLE, evidence, "occlusion", deletion, insertion)


def test_a_map_of_what_moves_the_score_has_the_better_curves() -> None:
    """``Stripes`` calls detail on the left fake: deleting that first lowers its log-odds earliest."""
    crop, flat = np.random.default_rng(3).integers(0, 256, (200, 200, 3), np.uint8), np.full((200, 200, 3), 128, np.uint8)
    left = -np.tile(np.arange(7.0), (7, 1))
    for order, better in ((left, True), (-left, False)):
        deleted, centred = (area_under(Stripes(), crop, flat, each) for each in (order, centred_map((7, 7))))
        assert (deleted < centred) == better
        inserted, centred = (area_under(Stripes(), flat, crop, each) for each in (order, centred_map((7, 7))))
        assert (inserted > centred) == better


def test_intervals_are_of_differences_face_by_face() -> None:
    found = faithfulness([face(1.0, seed=seed) for seed in range(40)])
    assert found.holds and (found.faces, found.evidence_from) == (40, "occlusion")
    for gain in (*found.deletion_gain.values(), *found.insertion_gain.values()):
        assert 0.9 < gain.low < gain.value < gain.high < 1.1
    assert not faithfulness([face(0.0, seed=seed) for seed in range(40)]).holds


def test_agreement_is_of_ranks_whatever_the_size_and_scale() -> None:
    faces = [face(1.0, seed=seed) for seed in range(10)]
    heats = [np.kron(np.exp(one.evidence) * 9, np.ones((4, 4))).astype(np.float32) for one in faces]
    alike = faithfulness(faces, heats=heats).agreement
    assert alike is not None and alike.value == pytest.approx(1)
    flat = faithfulness(faces, heats=[np.zeros((3, 3), np.float32)] * 10).agreement
    assert flat is not None and flat.value == 0
    opposed = faithfulness([replace(one, evidence=-one.evidence) for one in faces], heats=heats).agreement
    assert opposed is not None and opposed.value == pytest.approx(-1)


def test_the_command(converted: Converted, capsys: pytest.CaptureFixture[str]) -> None:
    model, data, run = map(str, (converted.int8, converted.data, converted.float_run))
    arguments = ["faithful", model, "--data", data, "--limit", "8"]
    assert main([*arguments, "--run", run, "--json"]) in (0, 1)
    found = json.loads(capsys.readouterr().out)
    assert (found["schema"], found["model"], found["evidence_from"]) == (1, "tiny_int8", "occlusion")
    assert {*found["deletion_gain"]} == {*found["insertion_gain"]} == {*OTHERS} and -1 <= found["agreement"]["value"] <= 1
    assert main(arguments) in (0, 1)
    assert "deletion" in capsys.readouterr().out


@pytest.mark.parametrize("wrong", [["--run", "absent"], ["--data", "absent"]])
def test_wrong_arguments(wrong: list[str], converted: Converted, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["faithful", str(converted.int8), "--data", str(converted.data), *wrong]) == 2
    assert wrong[1] in capsys.readouterr().err
