"""The machine, from files like those of two boards, and this one."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from edgefake.benchmark.machine import this_machine

RASPBERRY = "processor\t: 0\nBogoMIPS\t: 108.00\nFeatures\t: fp asimd asimddp cpuid\nCPU part\t: 0xd0b\n\nprocessor\t: 1\n"


def test_a_board_names_itself_in_its_device_tree(tmp_path: Path) -> None:
    (tmp_path / "proc/device-tree").mkdir(parents=True)
    (tmp_path / "proc/device-tree/model").write_bytes(b"Raspberry Pi 5 Model B Rev 1.0\0")
    (tmp_path / "proc/cpuinfo").write_text(RASPBERRY)
    machine = this_machine(tmp_path)
    assert (machine.board, machine.features) == ("Raspberry Pi 5 Model B Rev 1.0", ("asimddp",))
    assert str(machine).startswith("Raspberry Pi 5 Model B Rev 1.0 (asimddp), ")


def test_features_are_whole_words(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text("model name\t: Some CPU\nflags\t\t: avx avx2 avx512_vnnix\n")
    machine = this_machine(tmp_path)
    assert (machine.board, machine.processor, machine.features) == (None, "Some CPU", ("avx2",))


def test_the_fingerprint_changes_with_any_fact() -> None:
    machine = this_machine()
    assert machine.fingerprint == this_machine().fingerprint
    assert machine.cores >= 1 and machine.memory_mb > 0
    assert dataclasses.replace(machine, numpy="0").fingerprint != machine.fingerprint
