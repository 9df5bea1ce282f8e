from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from benchmarks.allocations import Allocations
from benchmarks.layers import CHECK, CROP, ENCODE, LAYERS, OBJECTS, PIXELS, PREDICT, SCORE, SHARPNESS, WHOLE
from benchmarks.overhead import Cost, Overhead, _layers, measure_overhead
from edgefake import ModelNotFoundError
from edgefake.statistics import Summary


@pytest.fixture(scope="module")
def measured() -> Overhead:
    return measure_overhead("cnn_int8", runs=5)


def test_measures_both_calls_and_the_bare_interpreter(measured: Overhead) -> None:
    assert measured.model == "cnn_int8"
    for call in (measured.predict, measured.predict_faces, measured.bare):
        assert call.runs == 5
        assert 0 < call.median <= call.p90 <= call.p99


def test_layers_and_their_rest_add_up_to_predict_without_invoke(measured: Overhead) -> None:
    assert [layer.name for layer in measured.layers] == [*LAYERS, "none of these"]
    assert sum(layer.microseconds for layer in measured.layers) == pytest.approx(measured.beside_invoke[0].microseconds)


def test_a_layer_whose_call_makes_that_of_another_is_told_apart_from_it() -> None:
    microseconds = {CHECK: 1, CROP: 2, PIXELS: 30, SHARPNESS: 4, ENCODE: 5, SCORE: 60, OBJECTS: 7, PREDICT: 200}
    beside = {name: np.array([1e-6 * took]) for name, took in microseconds.items()}
    layers = _layers(beside, dict.fromkeys(LAYERS, Allocations(0, 0)))
    assert [layer.microseconds for layer in layers] == pytest.approx([1, 2, 28, 4, 5, 55, 7, 98])


def test_invoke_and_the_rest_are_parts_of_each_call(measured: Overhead) -> None:
    calls = (measured.predict, measured.predict_faces, measured.bare)
    for name, call, rest, invoke in zip(WHOLE, calls, measured.beside_invoke, measured.invoke, strict=True):
        assert rest.name == invoke.name == name
        assert 0 < rest.microseconds < call.median * 1e3
        assert 0 < invoke.microseconds < call.median * 1e3


def test_layers_that_make_something_allocate_and_invoke_does_not(measured: Overhead) -> None:
    memory = {cost.name: cost.allocations for cost in measured.layers}
    assert memory[PIXELS].peak_bytes >= 128 * 128 * 3
    assert memory[OBJECTS].blocks > 0
    assert memory["none of these"] is None
    for invoke in measured.invoke:
        assert invoke.allocations.blocks == 0
        assert invoke.allocations.peak_bytes < 1000


def test_json_has_all_of_it(measured: Overhead) -> None:
    read = json.loads(json.dumps(dataclasses.asdict(measured)))
    for part in ("predict", "predict_faces", "bare"):
        assert Summary(**read[part]) == getattr(measured, part)
    for part in ("layers", "beside_invoke", "invoke"):
        costs = [{**cost, "allocations": cost["allocations"] and Allocations(**cost["allocations"])} for cost in read[part]]
        assert tuple(Cost(**cost) for cost in costs) == getattr(measured, part)


def test_table_has_every_layer_and_fits_a_terminal(measured: Overhead) -> None:
    lines = str(measured).splitlines()
    assert max(map(len, lines)) <= 100
    for name in (*LAYERS, "none of these"):
        assert sum(line.startswith(name) for line in lines) == 1
    for name in WHOLE:
        assert sum(line.startswith(f"{name} ") for line in lines) == 3


@pytest.mark.parametrize(
    ("predict", "faces", "met"),
    [(1.05, 1.02, (True, True)), (1.2, 1.02, (False, True)), (1.05, 1.04, (True, False))],
)
def test_goals_are_ratios_of_medians(predict: float, faces: float, met: tuple[bool, bool]) -> None:
    timings = [Summary(10, median, median, 9.0, 9.0, 9.0, 9.0) for median in (2 * predict, 2 * faces, 2.0)]
    goals = Overhead("m", "tflite", *timings, layers=(), beside_invoke=(), invoke=()).goals
    assert [goal.value for goal in goals] == pytest.approx([predict, faces])
    assert tuple(goal.met for goal in goals) == met


def test_unknown_model_is_refused() -> None:
    with pytest.raises(ModelNotFoundError):
        measure_overhead("no_such_model", runs=1)
