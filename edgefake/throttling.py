"""Whether the processor is being slowed down, for it is too hot or has too little power."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

SYS = Path("/sys")

_FIRMWARE = ("devices/platform/soc*/*firmware*/get_throttled", "devices/platform/*firmware*/get_throttled")
_CAPPED, _THROTTLED, _HOT = 1 << 1, 1 << 2, 1 << 3
"""What a Raspberry Pi's firmware says of this moment; the same bits 16 further on are of the time since it started."""
_COOLED = ("cpufreq", "processor", "cpu")
"""In the names of what the kernel slows to cool a processor; fans are others."""


class Throttling:
    """Asks the machine, by the files under ``sys``."""

    def __init__(self, sys: Path = SYS) -> None:
        self._sys = sys
        self._firmware_files = [file for pattern in _FIRMWARE for file in sys.glob(pattern)]
        self._slowed = self._counts()

    def now(self) -> bool | None:
        """Whether the processor is slowed, or was since the last question; None where nothing tells.

        A Raspberry Pi's firmware is asked, else what the kernel slows to cool it (most ARM machines), and what Intel's processors
        count.
        """
        before, self._slowed = self._slowed, self._counts()
        told = [
            *self._firmware(),
            *(state > 0 for state in self._cooling()),
            *(now > then for now, then in zip(self._slowed, before, strict=False)),
        ]
        return any(told) if told else None

    def _firmware(self) -> Iterable[bool]:
        for file in self._firmware_files:
            text = _text(file)
            try:
                yield bool(int(text, 16) & (_CAPPED | _THROTTLED | _HOT))
            except ValueError:
                continue

    def _cooling(self) -> Iterable[int]:
        for device in self._sys.glob("class/thermal/cooling_device*"):
            kind = _text(device / "type").lower()
            if any(word in kind for word in _COOLED) and "fan" not in kind:
                yield from _numbers([device / "cur_state"])

    def _counts(self) -> list[int]:
        return _numbers(sorted(self._sys.glob("devices/system/cpu/cpu*/thermal_throttle/*_throttle_count")))


def _numbers(files: Iterable[Path]) -> list[int]:
    return [int(text) for text in map(_text, files) if text.lstrip("-").isdecimal()]


def _text(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""
