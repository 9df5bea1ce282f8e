"""What this device has and how it is doing: cores, memory, temperature."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from edgefake.errors import InputError

THERMAL = Path("/sys/class/thermal")
PLAUSIBLE_C = (-40.0, 150.0)
STATUS = Path("/proc/self/status")
CPUINFO = Path("/proc/cpuinfo")


def available_cores(proc: Path = Path("/proc/self")) -> int:
    """What this process may use: its affinity (``taskset``, cpusets) or its quota of time (containers), whichever is less.

    A quota is rounded up to whole cores. ``proc`` tells which cgroups the process is in.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([cores, *map(math.ceil, _quotas(proc))]))


def check_threads(threads: int) -> None:
    """Raise ``InputError`` for more threads than this machine has cores: they only wait for each other, or fail to start."""
    cores = os.cpu_count() or 1
    if threads > cores:
        raise InputError(f"expected at most {cores} threads, one for each core of this machine, got {threads}")


def default_threads() -> int:
    """How many threads a runtime gets where nobody says: one for each core that this process may use, but at most four."""
    return min(4, available_cores())


def adds_in_16_bits(cpuinfo: Path = CPUINFO, machine: str | None = None) -> bool:
    """Whether this processor adds products of unsigned and signed bytes in 16 bits first, pair by pair, cutting large sums off.

    That is so on x86-64 without the instructions that add in 32 bits (VNNI, in Intel's words), or where nothing tells of them.
    """
    if (machine or platform.machine()).lower() not in ("x86_64", "amd64"):
        return False
    try:
        text = cpuinfo.read_text()
    except OSError:
        return True
    flags = next((line.partition(":")[2].split() for line in text.splitlines() if line.startswith("flags")), [])
    return {"avx512_vnni", "avx_vnni"}.isdisjoint(flags)


def memory_mb() -> int:
    """What the machine has, in 10⁶ bytes."""
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e6)


def resident_mb(status: Path = STATUS) -> float | None:
    """The memory that this process has in RAM now, in 10⁶ bytes, or None where the system does not tell."""
    return _status_mb(status, "VmRSS")


def peak_memory_mb(status: Path = STATUS) -> float | None:
    """The most that it ever had there. ``getrusage`` would count what the parent process had when it started this one."""
    return _status_mb(status, "VmHWM")


def temperature_c(thermal: Path = THERMAL) -> float | None:
    """The hottest of the kernel's thermal zones in °C, or None where there are none (virtual machines, other systems)."""
    readings = (_reading(zone) for zone in thermal.glob("thermal_zone*"))
    return max((value for value in readings if value is not None and PLAUSIBLE_C[0] <= value <= PLAUSIBLE_C[1]), default=None)


def _status_mb(status: Path, field: str) -> float | None:
    try:
        lines = status.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith(f"{field}:")), None)


def _reading(zone: Path) -> float | None:
    try:
        if (zone / "type").read_text().startswith("PMIC"):
            return None  # Jetson's power chip reports one fixed value
        return int((zone / "temp").read_text()) / 1000
    except (OSError, ValueError):
        return None  # a sensor that is switched off fails to be read


def _quotas(proc: Path) -> Iterator[float]:
    """Cores' worth of time that each cgroup above this process grants: it has at most the least of them."""
    for mount, folder, version in _cgroups(proc):
        while True:
            with suppress(OSError, ValueError, ZeroDivisionError):  # without a quota there is no file, or no number in it
                if version == 2:
                    quota, period = map(int, (folder / "cpu.max").read_text().split())
                else:
                    quota, period = (int((folder / f"cpu.cfs_{name}_us").read_text()) for name in ("quota", "period"))
                if quota > 0:
                    yield quota / period
            if folder == mount:
                break
            folder = folder.parent


def _cgroups(proc: Path) -> Iterator[tuple[Path, Path, int]]:
    """Where cgroups with a quota of time are mounted, and this process's folder there; see cgroups(7), proc(5)."""
    try:
        groups = [line.split(":", 2) for line in (proc / "cgroup").read_text().splitlines()]
        mounts = [line.split(" - ", 1) for line in (proc / "mountinfo").read_text().splitlines()]
    except OSError:
        return
    paths = {2 if number == "0" else 1: path for number, kinds, path in groups if number == "0" or "cpu" in kinds.split(",")}
    for place, kind in mounts:
        _, _, _, root, mount, *_ = place.split()
        type_, _, options = kind.split()[:3]
        version = {"cgroup2": 2, "cgroup": 1}.get(type_, 0)
        if version in paths and (version == 2 or "cpu" in options.split(",")):
            path = os.path.relpath(paths[version], root)  # a container may see a part of the tree alone, and itself as its root
            yield Path(mount), Path(mount) if path.startswith("..") else Path(mount, path), version
