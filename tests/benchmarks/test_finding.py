from __future__ import annotations

import dataclasses
import json

from benchmarks.finding import FAST, FASTER, FULL, HAAR, YUNET_SMALL, Finding, measure_finding
from edgefake.statistics import Summary


def finding(**milliseconds: float) -> Finding:
    times = {name: Summary.of([ms]) for name, ms in milliseconds.items()}
    return Finding((1280, 720), (1, 5), {FAST: 1, FULL: 1, HAAR: 1}, times)


def test_goals_compare_within_one_run() -> None:
    searches = {FAST: 1.0, FULL: 6.0, HAAR: 8.0}
    jobs = {f"{model}: {name}": 2.0 + ms for model in FASTER for name, ms in searches.items()}
    by_name = {goal.name: goal for goal in finding(**searches, **jobs, **{YUNET_SMALL: 1.1}).goals}
    assert by_name["fast / haar"].met and by_name["fast / yunet at the same size"].met
    assert by_name["resnet18_int8, whole job: fast / haar"].met  # 3 of 10
    assert not by_name["cnn_int8, whole job: fast / haar"].met
    assert all(by_name[f"{model}, whole job: full / haar"].met for model in FASTER)
    assert not finding(**jobs, **{**searches, FAST: 1.1}).goals[0].met


def test_everything_is_measured_on_the_drawn_frame() -> None:
    found = measure_finding(None, rounds=3)
    assert found.size == (1280, 720) and found.passes[0] == 1 < found.passes[1]
    assert found.faces == {FAST: 1, FULL: 1, HAAR: 1}
    assert all(taken.runs == 3 and taken.median > 0 for taken in found.times.values())
    assert len(found.times) == 3 + 3 * len(FASTER)
    assert "1280×720" in str(found)
    json.dumps(dataclasses.asdict(found))
