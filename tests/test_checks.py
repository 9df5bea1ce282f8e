"""``python -m tests`` runs what it says."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests import __main__ as checks_of_all
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


@pytest.mark.skipif(sys.platform != "linux", reason="priorities are set on Linux")
def test_those_that_keep_no_time_give_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = "import os, sys, time; end = time.monotonic() + float(sys.argv[2])"
    program += (
        "\nwhile os.nice(0) == int(sys.argv[3]) and time.monotonic() < end: time.sleep(0.01)\nprint(sys.argv[1], os.nice(0))"
    )
    (tmp_path / "tell.py").write_text(program)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    mine = os.nice(0)
    checks = [("tell", "patient", "20", str(mine)), ("tell", "streams", "0.5", str(mine))]
    monkeypatch.setattr(checks_of_all, "PATIENT", checks[:1])
    assert all(_pass_side_by_side(checks).values())
    told = dict(line.split() for line in capsys.readouterr().out.splitlines() if line.startswith(("patient ", "streams ")))
    assert int(told["patient"]) > mine == int(told["streams"])


@pytest.mark.skipif(sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2, reason="needs Linux and two cores")
def test_those_of_tensorflow_have_cores_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = "import os, sys, time; cores = lambda: os.sched_getaffinity(0); end = time.monotonic() + 20"
    program += (
        "\nwhile len(cores()) == int(sys.argv[2]) and time.monotonic() < end: time.sleep(0.01)\nprint(sys.argv[1], *cores())"
    )
    (tmp_path / "tell.py").write_text(program)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    every = os.sched_getaffinity(0)
    checks = tuple(("tell", name, str(len(every))) for name in ("one", "two"))
    monkeypatch.setattr(checks_of_all, "OF_TENSORFLOW", checks)
    assert all(_pass_side_by_side(checks).values())
    told = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith(("one ", "two "))]
    one, two = (set(map(int, cores)) for _, *cores in told)
    assert one and two and not one & two and one | two == every
