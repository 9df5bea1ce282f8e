from __future__ import annotations

import pytest

from benchmarks.overhead import Overhead, measure_overhead
from benchmarks.timing import Timing
from edgefake import ModelNotFoundError


def test_measures_predict_and_the_bare_interpreter() -> None:
    result = measure_overhead("cnn_int8", runs=5)
    assert result.model == "cnn_int8"
    assert result.predict.runs == result.bare.runs == 5
    for part in (result.predict, result.bare):
        assert 0 < part.median <= part.p90 <= part.p99
    (goal,) = result.goals
    assert goal.value == pytest.approx(result.predict.median / result.bare.median)


@pytest.mark.parametrize(("predict", "met"), [(1.05, True), (1.2, False)])
def test_goal_is_the_ratio_of_medians(predict: float, met: bool) -> None:
    result = Overhead("m", "tflite", Timing(10, predict, 9.0, 9.0), Timing(10, 1.0, 1.0, 1.0))
    assert result.goals[0].met is met


def test_unknown_model_is_refused() -> None:
    with pytest.raises(ModelNotFoundError):
        measure_overhead("no_such_model", runs=1)
