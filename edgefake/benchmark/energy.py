"""How much power the device takes, where it tells.

Sensors are read between the runs, at most every tenth of a second: a thread of its own would take time from them.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/")
PERIOD_S = 0.1
WHOLE_BOARD = ("VDD_IN", "POM_5V_IN")
"""Rails of Jetson modules that feed all the others."""


@dataclass(frozen=True, slots=True)
class Meter:
    """A way to read the device's power or energy."""

    source: str
    """What is measured, for people: all of it, whoever uses it."""
    read: Callable[[], float]
    is_counter: bool
    """Whether ``read`` gives the joules used since some moment, rather than the watts used now."""


class PowerLog:
    """Mean power while something runs: call ``sample`` often."""

    def __init__(self, meter: Meter | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._meter = meter
        self._clock = clock
        self._samples: list[tuple[float, float]] = []

    def sample(self) -> None:
        """Read the meter, unless that was done only just."""
        if self._meter is None or (self._samples and self._clock() - self._samples[-1][0] < PERIOD_S):
            return
        self._samples.append((self._clock(), self._meter.read()))

    def mean_w(self) -> float | None:
        """None where there is no meter, or it was read too few times."""
        if self._meter is None or len(self._samples) < 2:
            return None
        if not self._meter.is_counter:
            return sum(watts for _, watts in self._samples) / len(self._samples)
        steps = list(zip(self._samples, self._samples[1:], strict=False))
        whole = [(end[0] - start[0], end[1] - start[1]) for start, end in steps if end[1] >= start[1]]  # a counter starts over
        seconds = sum(step[0] for step in whole)
        return sum(step[1] for step in whole) / seconds if seconds else None


def find_meter(root: Path = ROOT) -> Meter | None:
    """The meter of a Jetson (INA3221), an x86 processor (RAPL; readable as root) or a Raspberry Pi 5 (vcgencmd), if any."""
    for found in (_ina3221(root), _rapl(root), _raspberry_pi()):
        if found is not None:
            try:
                found.read()
            except (OSError, ValueError, subprocess.SubprocessError):
                continue
            return found
    return None


def _ina3221(root: Path) -> Meter | None:
    """https://docs.kernel.org/hwmon/ina3221.html: millivolts and milliamperes of up to three rails per chip."""
    rails: dict[str, tuple[Path, Path]] = {}
    for label in sorted(root.glob("sys/bus/i2c/drivers/ina3221/*/hwmon/hwmon*/in[123]_label")):
        number = label.name[2]
        pair = label.with_name(f"in{number}_input"), label.with_name(f"curr{number}_input")
        if all(path.is_file() for path in pair):
            rails[label.read_text().strip()] = pair
    rails = {name: rails[name] for name in WHOLE_BOARD if name in rails} or rails
    if not rails:
        return None

    def watts() -> float:
        return sum(_number(volts) * _number(amperes) for volts, amperes in rails.values()) / 1e6

    return Meter(f"INA3221: {' + '.join(rails)}", watts, is_counter=False)


def _rapl(root: Path) -> Meter | None:
    """https://docs.kernel.org/power/powercap/powercap.html: microjoules of each processor package."""
    counters = sorted(root.glob("sys/class/powercap/intel-rapl:[0-9]/energy_uj"))
    if not counters:
        return None
    return Meter("RAPL: processor packages", lambda: sum(map(_number, counters)) / 1e6, is_counter=True)


def _raspberry_pi() -> Meter | None:
    tool = shutil.which("vcgencmd")
    if tool is None:
        return None

    def watts() -> float:
        text = subprocess.run([tool, "pmic_read_adc"], capture_output=True, text=True, check=True, timeout=5).stdout
        values = {name: float(value) for name, value in re.findall(r"(\w+_[AV]) \w+\(\d+\)=([\d.]+)[AV]", text)}
        products = [
            amperes * values[f"{name[:-1]}V"] for name, amperes in values.items() if f"{name[:-1]}V" in values and name[-1] == "A"
        ]
        if not products:
            raise ValueError("a Raspberry Pi without current sensors")
        return sum(products)

    return Meter("power chip: sum of its rails", watts, is_counter=False)


def _number(path: Path) -> int:
    return int(path.read_text())
