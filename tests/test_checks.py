"""``python -m tests`` runs what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.__main__ import _pass_side_by_side


def test_checks_that_run_at_once_are_told_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each waits for a file of the other's: one after the other they would never end."""
    program = "import sys, time; from pathlib import Path; mine, other, code = sys.argv[1:]; Path(mine).touch()"
    program += "\nwhile not Path(other).exists(): time.sleep(0.01)\nprint('saw', Path(other).name)\nsys.exit(int(code))"
    (tmp_path / "meet.py").write_text(program)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    a, b = str(tmp_path / "a"), str(tmp_path / "b")
    checks = [("meet", *names) for names in ((a, b, "0"), (b, a, "1"))]
    assert _pass_side_by_side(checks) == {checks[0]: True, checks[1]: False}
    told = capsys.readouterr().out
    assert told.index("saw b") < told.index("saw a")
