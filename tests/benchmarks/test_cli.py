from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.cli import main


def test_json_has_figures_and_goals_and_the_exit_code_follows_from_them(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["overhead", "--model", "cnn_int8", "--json"])
    result = json.loads(capsys.readouterr().out)
    assert (result["schema"], result["model"]) == (1, "cnn_int8")
    assert result["predict"].keys() == result["bare"].keys() == {"runs", "mean", "median", "p90", "p95", "p99", "max"}
    assert result["goals"][0].keys() == {"name", "value", "limit", "unit", "met"}
    assert code == (0 if all(goal["met"] for goal in result["goals"]) else 1)


def test_table_names_every_goal(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["overhead", "--model", "cnn_int8"]) in (0, 1)
    assert "at most 1.1" in capsys.readouterr().out


def test_what_cannot_be_measured_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["overhead", "--model", "no_such_model"]) == 2
    assert "no_such_model" in capsys.readouterr().err


def test_a_finder_of_ones_own_is_looked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["finding", "--finder", str(tmp_path / "mine.tflite")]) == 2
    assert "mine.tflite" in capsys.readouterr().err


def test_an_unknown_benchmark_is_a_wrong_command_line() -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["speed"])
    assert stopped.value.code == 2
