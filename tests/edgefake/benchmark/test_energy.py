"""Power from folders laid out like those of the kernel, and from a program that answers like a Raspberry Pi's."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgefake.benchmark.energy import Meter, PowerLog, find_meter

CHIP = "sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon3"
PACKAGE = "sys/class/powercap/intel-rapl:0"


def write(root: Path, folder: str, **files: object) -> None:
    (root / folder).mkdir(parents=True, exist_ok=True)
    for name, value in files.items():
        (root / folder / name).write_text(f"{value}\n")


def rail(root: Path, number: int, name: str, millivolts: int, milliamperes: int, *, folder: str = CHIP) -> None:
    write(root, folder, **{f"in{number}_label": name, f"in{number}_input": millivolts, f"curr{number}_input": milliamperes})


@pytest.fixture
def fake_vcgencmd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program of that name, alone on the PATH with what it needs; the answer is in the file beside it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "vcgencmd"
    program.write_text(f'#!/bin/sh\n[ "$1" = pmic_read_adc ] && /bin/cat {folder}/answer\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return folder / "answer"


@pytest.fixture(autouse=True)
def no_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


def test_the_rail_that_feeds_a_jetson_is_all_that_counts(tmp_path: Path) -> None:
    rail(tmp_path, 1, "VDD_IN", 5000, 2000)
    rail(tmp_path, 2, "VDD_CPU_GPU_CV", 5000, 800)
    meter = find_meter(tmp_path)
    assert meter is not None
    assert (meter.source, meter.read(), meter.is_counter) == ("INA3221: VDD_IN", 10.0, False)


def test_without_it_the_rails_of_all_chips_are_added(tmp_path: Path) -> None:
    rail(tmp_path, 1, "VDD_GPU_SOC", 12000, 250)
    rail(tmp_path, 2, "VDD_CPU_CV", 12000, 500, folder=CHIP.replace("0040", "0041"))
    write(tmp_path, CHIP, in7_label="sum of shunt voltages", in7_input=5)
    meter = find_meter(tmp_path)
    assert meter is not None
    assert (meter.source, meter.read()) == ("INA3221: VDD_GPU_SOC + VDD_CPU_CV", 9.0)


def test_packages_of_an_x86_processor_are_counters(tmp_path: Path) -> None:
    write(tmp_path, PACKAGE, energy_uj=3_000_000)
    write(tmp_path, PACKAGE.replace(":0", ":1"), energy_uj=500_000)
    write(tmp_path, PACKAGE.replace(":0", ":0:0"), energy_uj=9_000_000)  # a part of the package
    meter = find_meter(tmp_path)
    assert meter is not None
    assert (meter.read(), meter.is_counter) == (3.5, True)


def test_a_sensor_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    write(tmp_path, PACKAGE, energy_uj="no number")  # as root reads all files, this stands for one it may not
    assert find_meter(tmp_path) is None
    assert find_meter(tmp_path / "absent") is None


@pytest.mark.parametrize(
    "answer",
    [
        " VDD_CORE_A current(7)=2.00000000A\n  3V3_SYS_A current(1)=0.5A\n VDD_CORE_V volt(15)=0.9V\n 3V3_SYS_V volt(9)=3.2V\n"
        " EXT5V_V volt(24)=5.1V\n"
    ],
)
def test_rails_of_a_raspberry_pi_5(answer: str, fake_vcgencmd: Path, tmp_path: Path) -> None:
    fake_vcgencmd.write_text(answer)
    meter = find_meter(tmp_path)
    assert meter is not None
    assert meter.read() == pytest.approx(2.0 * 0.9 + 0.5 * 3.2)


def test_a_raspberry_pi_4_has_no_such_sensors(fake_vcgencmd: Path, tmp_path: Path) -> None:
    fake_vcgencmd.write_text('error=1 error_msg="Command not registered"\n')
    assert find_meter(tmp_path) is None


class FakeMeter:
    """Gives the values in turn, one every tenth of a second of its own clock."""

    def __init__(self, *values: float, is_counter: bool) -> None:
        self._values = values
        self._reads = 0
        self.now = 0.0
        self.meter = Meter("fake", self._read, is_counter)

    def clock(self) -> float:
        return self.now

    def _read(self) -> float:
        self._reads += 1
        return self._values[self._reads - 1]

    def log(self) -> PowerLog:
        log = PowerLog(self.meter, clock=self.clock)
        while self._reads < len(self._values):
            log.sample()
            self.now += 0.0625  # sooner than it may be read again
        return log


def test_watts_are_averaged() -> None:
    assert FakeMeter(3.0, 5.0, 10.0, is_counter=False).log().mean_w() == 6.0


def test_joules_become_watts_and_a_counter_may_start_over() -> None:
    assert FakeMeter(1.0, 2.0, 3.0, is_counter=True).log().mean_w() == pytest.approx(8.0)
    assert FakeMeter(90.0, 91.0, 0.0, 1.0, is_counter=True).log().mean_w() == pytest.approx(8.0)


def test_no_meter_and_too_few_readings() -> None:
    assert FakeMeter(3.0, is_counter=True).log().mean_w() is None
    log = PowerLog(None)
    log.sample()
    assert log.mean_w() is None
