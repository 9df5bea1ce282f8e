"""Two runs in one folder."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from edgefake.errors import InputError
from tests.processes import started
from training.lock import alone_in

PROGRAM = """
import sys, time
from pathlib import Path
from training.lock import alone_in
with alone_in(Path(sys.argv[1])):
    print("in", flush=True)
    time.sleep(600)
"""


def test_the_second_is_told_of_the_first_which_leaves_nothing_behind_when_killed(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with started([sys.executable, "-c", PROGRAM, str(folder)], stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        told = rf"{folder} .*process {other.pid} on \S+ since \d{{4}}-\d\d-\d\d \d\d:\d\d: "
        with pytest.raises(InputError, match=told), alone_in(folder):
            pass
        with pytest.raises(InputError, match=re.escape(str(other.pid))), alone_in(folder):
            pass
        other.kill()
        other.wait()
        with alone_in(folder):
            pass
    assert not list(folder.iterdir())


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "in_use").symlink_to(tmp_path / "mine")
    with pytest.raises(InputError, match="written"), alone_in(tmp_path / "run"):
        pass
    assert (tmp_path / "mine").read_text() == "precious"


def test_an_error_inside_lets_go(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), alone_in(tmp_path):
        raise ZeroDivisionError
    with alone_in(tmp_path):
        assert len(list(tmp_path.iterdir())) == 1
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="written"), alone_in(tmp_path / "file" / "run"):
        pass
