"""The kernel's thermal zones, here a folder laid out like them."""

from __future__ import annotations

from pathlib import Path

from edgefake.streaming.temperature import temperature_c


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
