"""How hot the device is, where it tells."""

from __future__ import annotations

from pathlib import Path

THERMAL = Path("/sys/class/thermal")
PLAUSIBLE_C = (-40.0, 150.0)


def temperature_c(thermal: Path = THERMAL) -> float | None:
    """The hottest of the kernel's thermal zones in °C, or None where there are none (virtual machines, other systems)."""
    readings = (_reading(zone) for zone in thermal.glob("thermal_zone*"))
    return max((value for value in readings if value is not None and PLAUSIBLE_C[0] <= value <= PLAUSIBLE_C[1]), default=None)


def _reading(zone: Path) -> float | None:
    try:
        if (zone / "type").read_text().startswith("PMIC"):
            return None  # Jetson's power chip reports one fixed value
        return int((zone / "temp").read_text()) / 1000
    except (OSError, ValueError):
        return None  # a sensor that is switched off fails to be read
