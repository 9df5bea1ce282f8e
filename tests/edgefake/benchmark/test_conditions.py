"""What else went on: from folders laid out like the kernel's, and from this machine."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from edgefake.benchmark.conditions import Moment, between, governor, moment

HERTZ = os.sysconf("SC_CLK_TCK")


def write(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


BEFORE = Moment(100.0, 200.0, 10.0, 50.0, 1.0, 3, (), 40.0)


def after(**changes: object) -> Moment:
    """Ten seconds later; this process used all of one core, and nothing else happened."""
    calm = dataclasses.replace(BEFORE, awake_s=110.0, passed_s=210.0, own_s=20.0, busy_s=60.0)
    return dataclasses.replace(calm, **changes)  # type: ignore[arg-type]


def test_a_calm_machine() -> None:
    found = between(BEFORE, after(), cores=2, load=0.25, governor="performance")
    assert (found.others_cores, found.stolen_cores, found.throttling, found.slept_s) == (0.0, 0.0, (), 0.0)
    assert (found.cores, found.load, found.governor, found.start_c, found.end_c) == (2, 0.25, "performance", 40.0, 40.0)


def test_other_programs_and_the_hypervisor() -> None:
    found = between(BEFORE, after(busy_s=75.0, stolen_s=6.0), cores=2, load=2.0, governor=None)
    assert (found.others_cores, found.stolen_cores) == (1.5, 0.5)


def test_a_device_that_slept() -> None:
    assert between(BEFORE, after(passed_s=242.5), cores=2, load=0.0, governor=None).slept_s == 32.5


def test_throttling_at_any_time() -> None:
    before = dataclasses.replace(BEFORE, throttling=("under-voltage",))
    found = between(before, after(throttling=("thermal-cpufreq-0",), throttle_count=4), cores=2, load=0.0, governor=None)
    assert found.throttling == ("under-voltage", "thermal-cpufreq-0", "throttled cores")


def test_systems_that_do_not_tell() -> None:
    before = dataclasses.replace(BEFORE, busy_s=None, stolen_s=None)
    found = between(before, after(busy_s=None, stolen_s=None), cores=2, load=0.0, governor=None)
    assert (found.others_cores, found.stolen_cores) == (None, None)


def test_the_kernel_is_read(tmp_path: Path) -> None:
    write(
        tmp_path,
        **{
            "proc/stat": f"cpu  {HERTZ} {HERTZ} {HERTZ} 999 999 {HERTZ} {HERTZ} {3 * HERTZ} 0 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n",
            "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count": "2\n",
            "sys/devices/system/cpu/cpu1/thermal_throttle/core_throttle_count": "5\n",
            "sys/class/thermal/thermal_zone0/type": "CPU-therm\n",
            "sys/class/thermal/thermal_zone0/temp": "51500\n",
            "sys/class/thermal/cooling_device0/type": "pwm-fan\n",
            "sys/class/thermal/cooling_device0/cur_state": "3\n",
            "sys/class/thermal/cooling_device1/type": "thermal-cpufreq-0\n",
            "sys/class/thermal/cooling_device1/cur_state": "1\n",
            "sys/class/thermal/cooling_device2/type": "Processor\n",
            "sys/class/thermal/cooling_device2/cur_state": "0\n",
            "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "schedutil\n",
            "sys/devices/system/cpu/cpu1/cpufreq/scaling_governor": "schedutil\n",
        },
    )
    found = moment(tmp_path)
    assert (found.busy_s, found.stolen_s) == (5.0, 3.0)
    assert (found.throttle_count, found.throttling, found.temperature_c) == (7, ("thermal-cpufreq-0",), 51.5)
    assert governor(tmp_path) == "schedutil"


def test_what_the_kernel_does_not_tell(tmp_path: Path) -> None:
    found = moment(tmp_path)
    assert (found.busy_s, found.stolen_s, found.throttle_count, found.throttling, found.temperature_c) == (
        None,
        None,
        0,
        (),
        None,
    )
    assert governor(tmp_path) is None


def test_a_raspberry_pi_tells_what_limits_it_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "vcgencmd"
    program.write_text("#!/bin/sh\n[ $1 = get_throttled ] && echo throttled=0x50005\n")  # and earlier: 0x50000
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert moment(tmp_path).throttling == ("under-voltage", "throttling")


def test_time_passes_on_this_machine() -> None:
    first = moment()
    sum(range(300_000))
    second = moment()
    assert second.awake_s > first.awake_s and second.own_s >= first.own_s
    assert between(first, second, cores=2, load=0.0, governor=None).slept_s == 0.0
