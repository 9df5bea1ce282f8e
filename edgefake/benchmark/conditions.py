"""What else went on while something was measured: other programs, throttling, clock governor, sleep."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from edgefake.system import THERMAL, temperature_c

ROOT = Path("/")
PI_THROTTLING = {0: "under-voltage", 1: "capped clock", 2: "throttling", 3: "soft temperature limit"}
"""Bits of ``vcgencmd get_throttled``."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Counters and states at one time; None where the system does not tell."""

    awake_s: float
    """Since the start of the system, without sleep."""
    passed_s: float
    """The same with sleep."""
    own_s: float
    """Processor time of this process."""
    busy_s: float | None
    """Processor time of all processes on all cores."""
    stolen_s: float | None
    """Processor time that a hypervisor gave to others."""
    throttle_count: int
    """How often x86 cores were throttled."""
    throttling: tuple[str, ...]
    """What limits the clock now."""
    temperature_c: float | None


@dataclass(frozen=True, slots=True)
class Conditions:
    """What happened between two moments."""

    cores: int
    """That the process may use."""
    governor: str | None
    """``performance``, ``schedutil``, …; several are joined by a comma."""
    load: float
    """One-minute load average at the beginning."""
    others_cores: float | None
    """How many cores other programs kept busy."""
    stolen_cores: float | None
    """How many cores the hypervisor gave to others."""
    throttling: tuple[str, ...]
    """What limited the clock, at the beginning, at the end or between."""
    slept_s: float
    """How long the device was asleep."""
    start_c: float | None
    end_c: float | None


def moment(root: Path = ROOT) -> Moment:
    """The present one."""
    busy, stolen = _processor_times(root)
    return Moment(
        awake_s=time.monotonic(),
        passed_s=time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic(),
        own_s=sum(os.times()[:4]),
        busy_s=busy,
        stolen_s=stolen,
        throttle_count=sum(
            int(_text(path) or 0) for path in root.glob("sys/devices/system/cpu/cpu*/thermal_throttle/*_throttle_count")
        ),
        throttling=_throttling(root),
        temperature_c=temperature_c(root / THERMAL.relative_to("/")),
    )


def between(before: Moment, after: Moment, *, cores: int, load: float, governor: str | None) -> Conditions:
    """The conditions of the time from ``before`` to ``after``."""
    seconds = max(after.awake_s - before.awake_s, 1e-9)
    others = stolen = None
    if before.busy_s is not None and after.busy_s is not None:
        own = after.own_s - before.own_s
        others = round(max(0.0, after.busy_s - before.busy_s - own) / seconds, 2)
    if before.stolen_s is not None and after.stolen_s is not None:
        stolen = round((after.stolen_s - before.stolen_s) / seconds, 2)
    counted = ("throttled cores",) if after.throttle_count > before.throttle_count else ()
    slept = (after.passed_s - before.passed_s) - (after.awake_s - before.awake_s)
    return Conditions(
        cores=cores,
        governor=governor,
        load=round(load, 2),
        others_cores=others,
        stolen_cores=stolen,
        throttling=tuple(dict.fromkeys((*before.throttling, *after.throttling, *counted))),
        slept_s=round(max(0.0, slept), 1),
        start_c=before.temperature_c,
        end_c=after.temperature_c,
    )


def governor(root: Path = ROOT) -> str | None:
    """How the system sets the processor's clock, or None where it does not tell (virtual machines)."""
    found = {_text(path) for path in root.glob("sys/devices/system/cpu/cpu*/cpufreq/scaling_governor")}
    return ", ".join(sorted(filter(None, found))) or None


def _processor_times(root: Path) -> tuple[float | None, float | None]:
    """Busy and stolen seconds of all cores (``proc_stat(5)``)."""
    fields = (_text(root / "proc/stat") or "").splitlines()[:1]
    if not fields or not fields[0].startswith("cpu "):
        return None, None
    ticks = [int(value) / os.sysconf("SC_CLK_TCK") for value in fields[0].split()[1:9]]
    user, nice, system, _idle, _waiting, interrupts, soft_interrupts, stolen = ticks
    return user + nice + system + interrupts + soft_interrupts, stolen


def _throttling(root: Path) -> tuple[str, ...]:
    found = []
    for device in sorted(root.glob("sys/class/thermal/cooling_device*")):
        kind = _text(device / "type") or ""
        if re.match(r"(thermal-)?(cpufreq|devfreq|Processor)", kind) and (_text(device / "cur_state") or "0") != "0":
            found.append(kind)
    if tool := shutil.which("vcgencmd"):
        text = subprocess.run([tool, "get_throttled"], capture_output=True, text=True).stdout
        if match := re.search(r"throttled=0x([0-9a-fA-F]+)", text):
            found += [name for bit, name in PI_THROTTLING.items() if int(match[1], 16) >> bit & 1]
    return tuple(found)


def _text(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None
