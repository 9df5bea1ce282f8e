"""The benchmark of the service: a short run with real processes, and what its figures are held to."""

from __future__ import annotations

import dataclasses
import json
import os

import pytest

from benchmarks.cli import main
from benchmarks.serving.measure import Overload, Served, Serving, Turn, measure_serving
from edgefake import InputError
from edgefake.benchmark.conditions import between, moment
from edgefake.benchmark.machine import this_machine
from edgefake.statistics import Summary

TWO_CORES = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two cores")


@TWO_CORES
def test_a_short_run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.serving.measure.CLIENTS", 4)
    cores = os.sched_getaffinity(0)
    main(["serve", "--model", "cnn_int8", "--rounds", "1", "--seconds", "0.1", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert [goal["met"] for goal in told["goals"] if goal["name"] == "requests lost"] == [True]
    for served in (told["edgefake"], told["plain"]):
        assert served["lost"] == 0 and served["latency_ms"]["runs"] >= 4
        assert all(turn["per_second"] > 0 and turn["cpu_ms"] > 0 for turn in (*served["turns"], *told["loop"]))
    assert told["overload"]["statuses"].keys() == {"200", "429"}
    assert sum(told["overload"]["statuses"].values()) == 100 and told["overload"]["statuses"]["200"] >= 32
    assert os.sched_getaffinity(0) == cores


def test_one_core_is_too_few() -> None:
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        with pytest.raises(InputError, match=r"two cores.* 1"):
            measure_serving("cnn_int8")
    finally:
        os.sched_setaffinity(0, cores)


def measured(**changes: object) -> Serving:
    latency = Summary(100, 150.0, 150.0, 160.0, 170.0, 200.0, 210.0)
    served = Served((Turn(95.0, 10.4), Turn(91.0, 10.6)), latency, 0)
    now = moment()
    conditions = between(now, now, cores=2, load=0.0, governor=None)
    overload = Overload({200: 64, 429: 136}, Summary(136, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0))
    whole = Serving("m", this_machine(), conditions, (Turn(100.0, 10.0),) * 2, served, served, overload)
    return dataclasses.replace(whole, **changes)  # type: ignore[arg-type]


def test_goals() -> None:
    good = measured()
    assert good.share == pytest.approx(0.93) and [goal.met for goal in good.goals] == [True] * 4
    assert "0.930" in str(good) and "136 × 429" in str(good)
    slow = dataclasses.replace(good.edgefake, turns=(Turn(89.0, 11.0),) * 2)
    assert [goal.met for goal in measured(edgefake=slow).goals] == [False, True, True, True]
    assert [goal.met for goal in measured(edgefake=dataclasses.replace(good.edgefake, lost=1)).goals] == [True, True, False, True]
    assert [goal.met for goal in measured(overload=Overload({200: 200}, None)).goals] == [True, True, True, False]
