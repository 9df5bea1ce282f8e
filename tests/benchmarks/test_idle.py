from __future__ import annotations

import json

import pytest

from benchmarks.cli import main
from benchmarks.idle import Idle, measure_idle


def test_measures_cameras_that_show_an_empty_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.idle.WARM_UP_S", 0.5)
    result = measure_idle("cnn_int8", cameras=2, fps=10.0, size=(320, 180), seconds=2.0)
    assert (result.cameras, result.size, result.model) == (2, (320, 180), "cnn_int8")
    assert 0 < result.fps < 15
    assert result.reading > 0 and result.whole > 0
    assert 0 < result.searches < 2 * 10  # not in every frame
    assert result.search_ms > 0


@pytest.mark.parametrize(("whole", "code"), [(0.14, 0), (0.16, 1)])
def test_the_goal_is_a_share_of_one_core(
    whole: float, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    result = Idle(4, 5.0, (1280, 720), "resnet18_int8", 0.1, whole, 5.0, 2.0)
    monkeypatch.setattr("benchmarks.cli.measure_idle", lambda model, **options: result)
    assert main(["idle", "--json"]) == code
    assert json.loads(capsys.readouterr().out)["goals"][0]["met"] is (code == 0)
    assert main(["idle"]) == code
    assert "4 MJPEG cameras of 1280×720" in capsys.readouterr().out
