"""Ray, started on this machine: two workers on the loopback address."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgefake.scan import Judge
from tests.edgefake.scan.archive import SETTINGS, archive, film, rows, scanned, table

os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}  # on the loopback address alone
ray = pytest.importorskip("ray")
pytestmark = [
    pytest.mark.slow,  # on a busy machine Ray needs minutes to start its processes
    pytest.mark.filterwarnings("ignore"),  # what Ray says of itself
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    quiet = {"include_dashboard": False, "log_to_driver": False, "logging_level": "ERROR"}
    ray.init("local", num_cpus=2, **quiet)
    yield
    ray.shutdown()


def judging() -> list[int]:
    """The processes in which files are judged now, below this one."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and b"edgefake.scan.child" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:  # it has ended
            continue
    return found


def test_ray_gives_the_rows_of_the_local_engine(tmp_path: Path, cluster: None) -> None:
    pictures = archive(tmp_path / "in", 70)
    film(tmp_path / "in" / "film.avi", seconds=70)
    (tmp_path / "in" / "bad.jpg").write_bytes(b"no picture")
    shutil.copyfile(pictures[0], tmp_path / "in" / "copy.png")
    local = scanned(tmp_path / "local", tmp_path / "in")
    done = scanned(tmp_path / "ray", tmp_path / "in", engine="ray")
    assert (done.judged, done.shared, done.failed) == (local.judged, local.shared, local.failed) == (73, 1, 1)
    assert table(tmp_path / "ray").equals(table(tmp_path / "local"))
    shutil.copyfile(pictures[1], tmp_path / "in" / "later.png")
    later = scanned(tmp_path / "ray", tmp_path / "in", engine="ray")
    assert (later.judged, later.shared, later.there) == (1, 1, 73)
    shutil.copyfile(tmp_path / "in" / "bad.jpg", tmp_path / "worse.jpg")
    scanned(tmp_path / "ray", tmp_path / "worse.jpg", engine="ray")
    again = scanned(tmp_path / "ray", tmp_path / "worse.jpg", engine="ray", retry_failed=True)  # the other one is not asked for
    assert (again.judged, again.failed, again.waiting) == (1, 1, 0)


def test_a_worker_that_is_killed_in_the_middle_costs_nothing(tmp_path: Path, cluster: None) -> None:
    archive(tmp_path / "in", 150)
    killed: list[int] = []
    ended = threading.Event()

    def kill() -> None:
        while not killed and not ended.wait(0.01):
            for pid in judging():
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        done = scanned(tmp_path / "ray", tmp_path / "in", engine="ray")
    finally:
        ended.set()
        killer.join()
    assert killed
    assert (done.judged, done.failed, len(rows(tmp_path / "ray"))) == (150, 0, 150)


def test_a_pipeline_of_ones_own(tmp_path: Path, cluster: None) -> None:
    """As in docs/archives.md."""
    archive(tmp_path / "in", 6)
    judged = ray.data.read_binary_files(str(tmp_path / "in"), include_paths=True).map_batches(
        Judge,
        fn_constructor_kwargs={"settings": SETTINGS},
        batch_format="pyarrow",
        batch_size=4,
        compute=ray.data.ActorPoolStrategy(size=1),
        num_cpus=1,
    )
    found = {Path(row["path"]).name: row["p_fake"] for row in judged.take_all()}
    scanned(tmp_path / "out", tmp_path / "in")
    assert found == {name: row["p_fake"] for name, row in rows(tmp_path / "out").items()}
