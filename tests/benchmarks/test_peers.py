"""Turns of processes, and what their times come to."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.peers.forms import Forms, faces
from benchmarks.peers.measure import FLOAT, FLOOR, OFFERED, OURS, SCRIPT, Peers, _compared, frame
from benchmarks.peers.turns import BLOCK, take_turns
from edgefake.faces.haar import HaarFinder
from edgefake.statistics import Interval


def _quick(forms: Forms, threads: int) -> Callable[[np.ndarray], object]:
    return lambda pixels: pixels.sum()


def _slow(forms: Forms, threads: int) -> Callable[[np.ndarray], object]:
    return lambda pixels: time.sleep(0.002)


def _not_installed(forms: Forms, threads: int) -> Callable[[np.ndarray], object]:
    raise ModuleNotFoundError("No module named 'runtime'")


def _dies(forms: Forms, threads: int) -> Callable[[np.ndarray], object]:
    os._exit(3)


def test_every_peer_has_its_turns_and_the_missing_are_told(tmp_path: Path) -> None:
    peers = {"quick": _quick, "absent": _not_installed, "slow": _slow, "dead": _dies}
    turns = take_turns(peers, Forms(tmp_path, 8), list(faces(8)), rounds=3, warm_up=1, threads=1)
    assert {name: block.shape for name, block in turns.seconds.items()} == {"quick": (3, BLOCK), "slow": (3, BLOCK)}
    assert turns.seconds["slow"].min() >= 0.002
    assert turns.skipped == {
        "absent": "ModuleNotFoundError: No module named 'runtime'",
        "dead": "its process died while it was loading or running",
    }


def test_ratios_are_to_edgefake_with_an_interval_over_the_rounds() -> None:
    noise = np.random.default_rng(0).uniform(0.9, 1.1, (40, BLOCK))
    ours, peer = _compared({OURS: 0.001 * noise, "peer": 0.003 * noise[::-1]})
    assert ours.ratio == Interval(1.0, 1.0, 1.0)
    assert peer.ratio.value == pytest.approx(3.0)
    assert peer.ratio.low < 3.0 < peer.ratio.high < 3.3
    assert peer.timing.median == pytest.approx(3.0, rel=0.05)


def test_goals_are_met_or_missed_by_these_ratios() -> None:
    def goals(**medians: float) -> list[bool]:
        names = {"ours": OURS, "floor": FLOOR, "fp32": FLOAT, "peer": "peer", "openvino": OFFERED[1]}
        blocks = {names[key]: np.full((2, BLOCK), value) for key, value in medians.items()}
        frames = {OURS: np.full((2, BLOCK), 1.0), SCRIPT: np.full((2, BLOCK), 9.0)}
        return [goal.met for goal in Peers("r", 8, 1, _compared(blocks), _compared(frames), {}).goals]

    assert goals(ours=1.02, floor=1.0, fp32=3.1, peer=0.99) == [True, True, True, True]
    assert goals(ours=1.1, floor=1.0, fp32=2.9, peer=0.9) == [False, False, False, True]
    assert goals(ours=1.1, floor=1.0, fp32=2.9, peer=0.9, openvino=0.92) == [
        False,
        True,
        False,
        True,
    ]  # which it offers


def test_the_frame_has_one_face() -> None:
    assert frame().shape == (720, 1280, 3)
    assert len(HaarFinder().find(frame())) == 1
