"""Cores, memory and temperature: affinity and quotas of control groups, of both versions, on written files and on a real one; a
folder laid out like the kernel's thermal zones."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgefake import Detector, InputError
from edgefake.system import (
    adds_in_16_bits,
    available_cores,
    default_threads,
    memory_mb,
    peak_memory_mb,
    resident_mb,
    temperature_c,
)

Written = Callable[..., Path]


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """What ``/proc/self`` says of a process in ``group``, and the files of its control groups."""

    def write(version: int, quotas: dict[str, str], group: str, root: str = "/") -> Path:
        mount = tmp_path / "cgroup"
        kinds, type_, options = ("", "cgroup2", "rw,nsdelegate") if version == 2 else ("cpu,cpuacct", "cgroup", "rw,cpu,cpuacct")
        (tmp_path / "cgroup_file").mkdir()
        (tmp_path / "cgroup_file" / "cgroup").write_text(f"12:pids:/other\n{0 if version == 2 else 4}:{kinds}:{group}\n")
        (tmp_path / "cgroup_file" / "mountinfo").write_text(
            "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
            f"25 22 0:23 / {tmp_path / 'absent'} rw - cgroup cgroup rw,memory\n"
            f"26 22 0:24 {root} {mount} rw,nosuid shared:4 - {type_} cgroup {options}\n"
        )
        for name, text in quotas.items():
            file = mount / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return tmp_path / "cgroup_file"

    return write


@pytest.mark.parametrize(
    ("quotas", "cores"),
    [
        ({"a/b/cpu.max": "100000 100000\n"}, 1),
        ({"a/b/cpu.max": "150000 100000\n"}, 2),  # rounded up
        ({"a/b/cpu.max": "1000 100000\n"}, 1),
        ({"a/b/cpu.max": "1600000 100000\n"}, 8),  # more than there are
        ({"a/b/cpu.max": "max 100000\n"}, 8),
        ({"a/b/cpu.max": "max 100000\n", "a/cpu.max": "300000 100000\n"}, 3),  # of the group above
        ({"a/b/cpu.max": "500000 100000\n", "a/cpu.max": "max 100000\n", "cpu.max": "200000 100000\n"}, 2),
        ({"a/b/cpu.max": "no number\n"}, 8),
        ({}, 8),
    ],
)
def test_quotas_of_version_2(quotas: dict[str, str], cores: int, written: Written) -> None:
    assert available_cores(written(2, quotas, "/a/b")) == cores


@pytest.mark.parametrize(("quota", "cores"), [("-1", 8), ("250000", 3), ("50000", 1), ("0", 8)])
def test_quotas_of_version_1(quota: str, cores: int, written: Written) -> None:
    files = {"a/cpu.cfs_quota_us": quota, "a/cpu.cfs_period_us": "100000", "a/b/cpu.cfs_quota_us": "-1"}
    assert available_cores(written(1, files, "/a/b")) == cores


def test_a_container_that_sees_its_own_part_of_the_tree(written: Written) -> None:
    assert available_cores(written(1, {"cpu.cfs_quota_us": "200000", "cpu.cfs_period_us": "100000"}, "/box/1", "/box/1")) == 2


def test_a_process_outside_the_part_that_is_seen(written: Written) -> None:
    assert available_cores(written(2, {"cpu.max": "200000 100000"}, "/../other")) == 2


def test_affinity_may_be_less(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3}, raising=False)
    assert available_cores(written(2, {"cpu.max": "400000 100000"}, "/")) == 1


def test_a_system_without_control_groups(tmp_path: Path) -> None:
    assert available_cores(tmp_path) == 8


@pytest.fixture
def group() -> Iterator[Path]:
    """A control group of this machine that grants half a core."""
    for parent, file, text in (("", "cpu.max", "50000 100000"), ("cpu", "cpu.cfs_quota_us", "50000")):
        folder = Path("/sys/fs/cgroup", parent, f"edgefake_test_{os.getpid()}")
        if not (folder.parent / "cgroup.procs").exists() or not os.access(folder.parent, os.W_OK):
            continue
        folder.mkdir()
        try:
            if (folder / file).exists():
                (folder / file).write_text(text)
                yield folder
                return
        finally:
            folder.rmdir()
    pytest.skip("no control group with a quota of time can be made here")


def test_a_real_quota(group: Path) -> None:
    script = (
        "import os, sys; from edgefake.system import available_cores; before = available_cores()\n"
        "with open(sys.argv[1] + '/cgroup.procs', 'w') as stream: stream.write(str(os.getpid()))\n"
        "print(before, available_cores())"
    )
    child = subprocess.run([sys.executable, "-c", script, str(group)], capture_output=True, text=True)
    assert child.stdout.split()[1:] == ["1"], child.stderr
    assert int(child.stdout.split()[0]) <= (os.cpu_count() or 1)


def test_more_threads_than_cores_are_refused() -> None:
    cores = os.cpu_count() or 1
    Detector("cnn_int8", num_threads=cores).close()
    for threads in (cores + 1, 100000, 3000000000):
        with pytest.raises(InputError, match=f"{cores} .*got {threads}"):
            Detector("cnn_int8", num_threads=threads)


def test_threads_where_nobody_says(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    for cores, threads in ((1, 1), (3, 3), (8, 4)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid, cores=cores: set(range(cores)), raising=False)
        assert default_threads() == min(threads, available_cores())


def test_memory(tmp_path: Path) -> None:
    now, peak = resident_mb(), peak_memory_mb()
    assert now is not None and peak is not None and 10 < now <= peak < memory_mb()
    (tmp_path / "status").write_text("Name:\tpython\nVmHWM:\t  20000 kB\nVmRSS:\t  10000 kB\n")
    assert (resident_mb(tmp_path / "status"), peak_memory_mb(tmp_path / "status")) == (10.24, 20.48)
    assert resident_mb(tmp_path / "absent") is None


def zone(root: Path, number: int, kind: str, temperature: str | None) -> None:
    folder = root / f"thermal_zone{number}"
    folder.mkdir()
    (folder / "type").write_text(f"{kind}\n")
    if temperature is not None:
        (folder / "temp").write_text(f"{temperature}\n")


def test_the_hottest_zone(tmp_path: Path) -> None:
    zone(tmp_path, 0, "CPU-therm", "48500")
    zone(tmp_path, 1, "GPU-therm", "51250")
    assert temperature_c(tmp_path) == 51.25


def test_readings_that_are_none_are_passed_over(tmp_path: Path) -> None:
    zone(tmp_path, 0, "cpu-thermal", "40000")
    zone(tmp_path, 1, "iwlwifi_1", None)  # switched off
    zone(tmp_path, 2, "x86_pkg_temp", "no number")
    zone(tmp_path, 3, "acpitz", "-273200")
    zone(tmp_path, 4, "PMIC-Die", "100000")
    assert temperature_c(tmp_path) == 40.0


def test_no_zones(tmp_path: Path) -> None:
    assert temperature_c(tmp_path) is None
    assert temperature_c(tmp_path / "absent") is None


@pytest.mark.parametrize(
    ("flags", "adds"), [("fpu avx2 avx512_vnni", False), ("avx_vnni", False), ("fpu avx2", True), ("", True)]
)
def test_which_processors_cut_off_sums_of_bytes(flags: str, adds: bool, tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(f"model name\t: one\nflags\t\t: {flags}\n\nflags\t\t: {flags}\n")
    assert adds_in_16_bits(tmp_path / "cpuinfo", "x86_64") == adds
    assert adds_in_16_bits(tmp_path / "missing", "AMD64")
    assert not adds_in_16_bits(tmp_path / "cpuinfo", "aarch64")
