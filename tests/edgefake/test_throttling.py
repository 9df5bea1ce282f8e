"""On trees like the /sys of a Raspberry Pi, a Jetson and a PC: none of them was throttled here."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgefake.throttling import Throttling


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}\n")
    return path


def test_a_machine_that_does_not_tell(tmp_path: Path) -> None:
    assert Throttling(tmp_path).now() is None
    put(tmp_path / "class/thermal/cooling_device0/type", "pwm-fan")
    put(tmp_path / "class/thermal/cooling_device0/cur_state", "3")
    assert Throttling(tmp_path).now() is None


@pytest.mark.parametrize(
    ("told", "throttled"),
    [("0", False), ("1", False), ("2", True), ("4", True), ("8", True), ("50005", True), ("e0000", False), ("nonsense", None)],
)
@pytest.mark.parametrize("folder", ["soc/soc:firmware", "soc@107c000000/soc@107c000000:firmware", "firmware"])
def test_a_raspberry_pi(told: str, throttled: bool | None, folder: str, tmp_path: Path) -> None:
    """Too little power alone (1) slows nothing, and what was since the start (e0000) is past."""
    put(tmp_path / "devices/platform" / folder / "get_throttled", told)
    assert Throttling(tmp_path).now() is throttled


@pytest.mark.parametrize("kind", ["cpufreq-cpu0", "thermal-cpufreq-0", "Processor"])
def test_a_processor_that_the_kernel_cools(kind: str, tmp_path: Path) -> None:
    put(tmp_path / "class/thermal/cooling_device0/type", kind)
    state = put(tmp_path / "class/thermal/cooling_device0/cur_state", "0")
    machine = Throttling(tmp_path)
    assert machine.now() is False
    put(state, "2")
    assert machine.now() is True


def test_a_processor_that_counts(tmp_path: Path) -> None:
    count = put(tmp_path / "devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", "17")
    machine = Throttling(tmp_path)
    assert machine.now() is False
    put(count, "18")
    assert machine.now() is True
    assert machine.now() is False
