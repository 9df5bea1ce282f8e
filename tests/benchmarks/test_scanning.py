"""``python -m benchmarks scan``, on few pictures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.cli import main
from benchmarks.scanning.measure import measure_scanning
from benchmarks.scanning.pictures import make_archive
from edgefake import InputError, read_image


def test_no_two_pictures_have_the_same_bytes(tmp_path: Path) -> None:
    paths = make_archive(tmp_path, 5, width=160)
    assert len({path.read_bytes() for path in paths}) == 5
    assert {read_image(path).tobytes() for path in paths} == {read_image(paths[0]).tobytes()}


def test_everything_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = ["--pictures", "96", "--rounds", "1", "--kill-files", "60", "--kills", "2", "--memory-files", "60"]
    code = main(["scan", "--model", "cnn_int8", *small, "--scratch", str(tmp_path), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert code == (0 if all(goal["met"] for goal in found["goals"]) else 1)
    assert found["killed"]["differing"] == 0
    assert found["memory"]["samples"][-1][0] == 60
    assert all(turn["per_second"] > 0 for name in ("loop", "loops", "local") for turn in found[name])
    assert found["stages"]["find"] > 0
    assert len(found["goals"]) == 4 and found["many"] == []
    assert not list(tmp_path.iterdir())


def test_memory_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["scan", "--model", "cnn_int8", "--rounds", "0", "--memory-files", "40", "--scratch", str(tmp_path)])
    told = capsys.readouterr().out
    assert "memory over 40 files" in told and "one loop" not in told


def test_wrong_arguments() -> None:
    with pytest.raises(InputError, match="--rounds"):
        measure_scanning("cnn_int8", pictures=1, rounds=0)
