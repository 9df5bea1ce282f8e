"""Coverage is told, and falling below its floor fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import coverage


def test_a_package_below_its_floor_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = {"edgefake": ([1, 2, 3], [4]), "benchmarks": ([], [1])}
    files = {f"{name}/a.py": {"executed_lines": ran, "missing_lines": missed} for name, (ran, missed) in lines.items()}
    path = tmp_path / "coverage.json"
    assert len(coverage.shortfalls(path)) == 1
    path.write_text(json.dumps({"files": files}))
    monkeypatch.setattr(coverage, "FLOORS", {"edgefake": 75.0, "benchmarks": 1.0})
    assert coverage.shortfalls(path) == ["coverage of benchmarks fell to 0.0 %, below 1.0 %"]
    told = capsys.readouterr().out
    assert "edgefake: 75.0 % of 4 lines" in told and "benchmarks/a.py: 1 lines" in told
