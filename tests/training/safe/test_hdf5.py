"""HDF5 files are written in one piece."""

from __future__ import annotations

import resource
import signal
from pathlib import Path

import numpy as np
import pytest

from training.safe.hdf5 import open_arrays, written_at_once


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    values = np.arange(6.0, dtype=np.float32)
    with written_at_once(tmp_path / "a.h5") as file:
        file["layer/kernel"] = values
        assert not (tmp_path / "a.h5").exists()
    with open_arrays(tmp_path / "a.h5") as file:
        np.testing.assert_array_equal(file["layer/kernel"][()], values)


def test_a_full_disk_is_an_error_of_the_system_and_nothing_else(tmp_path: Path) -> None:
    """A limit on the size of files stands for the full disk, again and again: HDF5 itself ended a process there."""
    before, ignored = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        for _ in range(20):
            with pytest.raises(OSError, match="too large"), written_at_once(tmp_path / "a.h5") as file:
                file["layer/kernel"] = np.zeros(100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def test_nothing_is_written_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), written_at_once(tmp_path / "a.h5"):
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())
