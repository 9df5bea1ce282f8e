"""``python -m tests`` runs what it says."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests import __main__ as checks_of_all
from tests.__main__ import _pass_side_by_side

Tell = Callable[[str, Sequence[tuple[str, ...]]], dict[str, list[int]]]


@pytest.fixture
def tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Tell:
    """Run ``("tell", name, seconds, before)`` at once: what an expression gives in each, once it is no longer as before."""

    def told(expression: str, checks: Sequence[tuple[str, ...]]) -> dict[str, list[int]]:
        program = "import os, sys, time; end = time.monotonic() + float(sys.argv[2])"
        program += f"\nwhile str({expression}) == sys.argv[3] and time.monotonic() < end: time.sleep(0.01)"
        program += f"\nprint('told', sys.argv[1], *{expression})"
        (tmp_path / "tell.py").write_text(program)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        assert all(_pass_side_by_side(checks).values())
        lines = [line.split() for line in capfd.readouterr().out.splitlines() if line.startswith("told ")]
        return {name: [int(value) for value in values] for _, name, *values in lines}

    return told


def test_checks_that_run_at_once_are_told_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each waits for a file of the other's: one after the other they would never end."""
    program = "import sys, time; from pathlib import Path; mine, other, code = sys.argv[1:]; Path(mine).touch()"
    program += "\nwhile not Path(other).exists(): time.sleep(0.01)\nprint('saw', Path(other).name)\nsys.exit(int(code))"
    (tmp_path / "meet.py").write_text(program)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    a, b = str(tmp_path / "a"), str(tmp_path / "b")
    checks = [("meet", *names) for names in ((a, b, "0"), (b, a, "1"))]
    assert _pass_side_by_side(checks) == {checks[0]: True, checks[1]: False}
    told = capfd.readouterr().out
    assert told.index("saw b") < told.index("saw a")


@pytest.mark.skipif(sys.platform != "linux", reason="priorities are set on Linux")
def test_those_that_keep_no_time_give_way(tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = os.nice(0)
    checks = [("tell", "patient", "20", f"[{mine}]"), ("tell", "streams", "0.5", f"[{mine}]")]
    monkeypatch.setattr(checks_of_all, "PATIENT", checks[:1])
    told = tell("[os.nice(0)]", checks)
    assert told["patient"][0] > mine == told["streams"][0]


@pytest.mark.skipif(sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2, reason="needs Linux and two cores")
def test_those_of_tensorflow_have_cores_of_their_own(tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    every = sorted(os.sched_getaffinity(0))
    checks = tuple(("tell", name, "20", str(every)) for name in ("one", "two"))
    monkeypatch.setattr(checks_of_all, "OF_TENSORFLOW", checks)
    one, two = (set(cores) for cores in tell("sorted(os.sched_getaffinity(0))", checks).values())
    assert one and two and not one & two and one | two == {*every}
