"""How many processor cores there are to use."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from edgefake.errors import InputError


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
