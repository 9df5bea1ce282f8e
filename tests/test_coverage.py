from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import coverage


def _measured(path: Path, **files: tuple[list[int], list[int]]) -> Path:
    counts = {f"{name}/a.py": {"executed_lines": ran, "missing_lines": missed} for name, (ran, missed) in files.items()}
    path.write_text(json.dumps({"files": counts}))
    return path


def test_a_line_counts_in_whatever_part_it_ran(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = [
        _measured(tmp_path / "0.json", edgefake=([1, 2], [3, 4]), training=([], [1])),
        _measured(tmp_path / "1.json", edgefake=([2, 3], [1, 4])),
    ]
    monkeypatch.setattr(coverage, "FLOORS", {"edgefake": 75.0, "training": 1.0})
    assert coverage.shortfalls(parts) == ["coverage of training fell to 0.0 %, below 1.0 %"]
    told = capsys.readouterr().out
    assert "edgefake: 75.0 % of 4 lines" in told and "training/a.py: 1 lines" in told
    assert len(coverage.shortfalls([*parts, tmp_path / "none.json"])) == 1
