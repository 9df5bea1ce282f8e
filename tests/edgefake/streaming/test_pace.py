from __future__ import annotations

from pathlib import Path

import pytest

from edgefake import Detector
from edgefake.faces import Box
from edgefake.streaming.judge import Judge
from edgefake.streaming.pace import CALM_S, INTERVALS_S, LOOK_S, Pace
from tests.edgefake.streaming.videos import captured
from tests.edgefake.streaming.watching import textured


class Machine:
    """A processor whose temperature the test decides on."""

    def __init__(self) -> None:
        self.now = 0.0
        self.throttled: bool | None = False
        self.pace = Pace(lambda: self.throttled, lambda: self.now)

    def after(self, seconds: float) -> float:
        self.now += seconds
        return self.pace.interval_s


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_a_throttled_processor_is_spared_step_by_step_and_told_of(machine: Machine, caplog: pytest.LogCaptureFixture) -> None:
    assert machine.after(LOOK_S) == 0.0 and machine.pace.throttled is False
    machine.throttled = True
    assert [machine.after(LOOK_S) for _ in range(4)] == [*INTERVALS_S[1:], INTERVALS_S[-1]]
    assert "is throttled" in caplog.text and "2.5 times a second" in caplog.text
    assert len(caplog.records) == 3
    machine.throttled = False
    assert machine.after(CALM_S / 2) == INTERVALS_S[-1]
    assert [machine.after(CALM_S) for _ in range(4)] == [0.2, 0.1, 0.0, 0.0]
    assert "no longer throttled" in caplog.text and "every frame" in caplog.text


def test_the_machine_is_not_asked_all_the_time(machine: Machine) -> None:
    machine.throttled = True
    assert machine.after(LOOK_S / 2) == 0.0 and machine.pace.throttled is None
    assert machine.after(LOOK_S / 2) > 0


def test_one_that_does_not_tell_is_not_spared(machine: Machine) -> None:
    machine.throttled = None
    assert machine.after(LOOK_S) == 0.0 and machine.pace.throttled is None


@pytest.mark.parametrize(("live", "throttled"), [(True, True), (True, False), (False, True)])
def test_a_live_stream_searches_and_scores_less_often(live: bool, throttled: bool, machine: Machine, model: Path) -> None:
    """4 s at 25 fps: 100 looks, or two and a half a second, the face being followed all the time."""
    machine.throttled = throttled
    for _ in range(3):
        machine.after(LOOK_S)
    searches = []

    def find(frame: object) -> list[Box]:
        searches.append(frame)
        return [Box(80, 60, 120, 120)]

    with Detector(model, faces=find, num_threads=1) as detector:
        judge = Judge(detector, source="x", live=live, detect_every=1, faces_per_frame=4, pace=machine.pace)
        results = []
        for index in range(100):
            results.append(judge.judge(captured(textured(), index, fps=25), dropped=0, reconnects=0))
            if judge._pending:
                judge._pending.result()
        judge.close()
    scored = sum(result.tracks[0].frame_p_fake is not None for result in results if result.tracks)
    if live and throttled:
        assert 9 <= len(searches) <= 11 and 7 <= scored <= 10
    else:
        assert len(searches) >= 98 and scored >= 95
    assert all(result.tracks for result in results[30:])
    assert results[-1].tracks[0].id == 1 and results[-1].tracks[0].verdict is not None
