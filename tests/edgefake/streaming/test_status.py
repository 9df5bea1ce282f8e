"""The live line and the summary."""

from __future__ import annotations

import pytest

from edgefake import Status
from edgefake.streaming.health import HealthReport, StageTimes
from edgefake.streaming.result import FrameResult
from edgefake.streaming.status import status_line, summary
from tests.edgefake.streaming.results import result, track

CALM = HealthReport(12.34, 30.0, 29.94, 371, 370, 0, 0, {}, {}, None)
TIMES = {"infer": StageTimes(300, 1.5, 4.9, 6.12), "latency": StageTimes(370, 5.0, 13.4, 20.0)}
TROUBLED = HealthReport(7384.0, 30.0, 12.0, 9000, 8000, 1000, 2, {"webhook": 7, "mqtt": 4}, TIMES, 61.4)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("latest", "start"),
    [
        (None, "waiting · "),
        (result(0), "no face · "),
        (result(0, track(1, 0.05)), "real 0.05, 1 face · "),
        (result(0, track(1, None, status=Status.FACE_TOO_SMALL), track(2, 0.7, decided=False)), "undecided, 2 faces · "),
        (result(0, track(1, 0.93), track(2, 0.1), track(5, 0.8)), "FAKE 0.93 #1 #5, 3 faces · "),
    ],
)
def test_the_line_begins_with_the_verdict(latest: FrameResult | None, start: str) -> None:
    assert status_line(CALM, latest) == f"{start}30.0 fps in, 29.9 out"


def test_what_is_wrong_is_in_the_line() -> None:
    assert status_line(TROUBLED) == (
        "waiting · 30.0 fps in, 12.0 out · latency 13 ms · "
        "dropped 1000 · reconnects 2 · lost by mqtt 4 · lost by webhook 7 · 61 °C"
    )


def test_the_summary() -> None:
    assert summary(CALM) == "370 of 371 frames judged in 12.3 s: nothing lost"
    first, head, *stages = summary(TROUBLED).splitlines()
    assert first == "8000 of 9000 frames judged in 2 h 03 min: dropped 1000, reconnects 2, lost by mqtt 4, lost by webhook 7"
    assert head.split() == ["stage", "runs", "median", "ms", "p95", "ms"]
    assert [line.split() for line in stages] == [["infer", "300", "4.90", "6.12"], ["latency", "370", "13.40", "20.00"]]
    assert len({len(line) for line in [head, *stages]}) == 1


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, "0.0 s"), (59.6, "1 min 00 s"), (3599.0, "59 min 59 s"), (3600.0, "1 h 00 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert f"judged in {text}: " in summary(HealthReport(seconds, 0, 0, 0, 0, 0, 0, {}, {}, None))
