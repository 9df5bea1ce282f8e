"""Opening runs again: after their data was moved, and from before splits followed from content."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from edgefake.errors import InputError
from edgefake.files import write_json
from tests.drawn import drawn_dataset
from tests.training.runs import small_run
from training.digests import read_seen
from training.runs import Run, open_run, remember, seen_by


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Begun in ``tmp_path / "run"`` on ``tmp_path / "data"``."""
    data = drawn_dataset(tmp_path / "data", splits={"train": 6, "val": 3, "test": 3})
    run = small_run(data, parts="hash")
    begin(run, tmp_path / "run")
    return run


def begin(run: Run, folder: Path) -> None:
    open_run(run, folder)
    remember(run, folder, [sample for part in run.training_samples() for sample in part])
    (folder / "best.h5").touch()


def test_moved_data_is_taken_up_and_other_data_is_not(run: Run, tmp_path: Path) -> None:
    (tmp_path / "data").rename(tmp_path / "moved")
    open_run(replace(run, data=str(tmp_path / "moved")), tmp_path / "run")
    other = drawn_dataset(tmp_path / "other", splits={"train": 6, "val": 3}, seed=9)
    with pytest.raises(InputError, match=r"other .*run.* none"):
        open_run(replace(run, data=str(other)), tmp_path / "run")
    with pytest.raises(InputError, match="another run"):
        open_run(replace(run, seed=2), tmp_path / "run")
    (tmp_path / "run" / "seen.txt").unlink()
    with pytest.raises(InputError, match="no digests"):
        open_run(run, tmp_path / "run")  # its data is in another place than run.json says by now


def test_an_older_run_goes_on_where_its_faces_can_be_told(run: Run, tmp_path: Path) -> None:
    for hold_out in (0.0, 0.2):
        folder = tmp_path / f"older {hold_out}"
        older = replace(run, parts="", hold_out=hold_out)
        begin(older, folder)
        if not hold_out:
            open_run(replace(older, parts="hash"), folder)
        else:
            with pytest.raises(InputError, match=r"another run .*--weights .*best\.h5"):
                open_run(replace(older, parts="hash"), folder)


def test_a_run_knows_what_those_before_it_have_seen(run: Run, tmp_path: Path) -> None:
    other = drawn_dataset(tmp_path / "other", splits={"train": 4, "val": 2}, seed=9)
    child = replace(run, data=str(other), weights=str(tmp_path / "run" / "best.h5"))
    begin(child, tmp_path / "child")
    seen = read_seen(tmp_path / "run")
    assert seen is not None and len(seen) == 18
    assert seen < seen_by(tmp_path / "child") and len(seen_by(tmp_path / "child")) == 30
    (tmp_path / "run" / "seen.txt").unlink()
    assert seen_by(tmp_path / "run") == seen  # of its data as it is now
    write_json(tmp_path / "run" / "run.json", asdict(replace(run, weights=str(tmp_path / "run" / "best.h5"))))
    assert seen_by(tmp_path / "run") == seen  # though it is said to come from itself
