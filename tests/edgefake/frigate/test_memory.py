"""Who was judged, in a file."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from edgefake.frigate import memory as module
from edgefake.frigate.memory import Memory


def test_it_outlives_the_process(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "state.json"
    first = Memory(path)
    assert path.exists() and "a" not in first
    first.done("a", after=first.after + 10_000)
    second = Memory(path)
    assert "a" in second and second.after == first.after


def test_the_oldest_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 3)
    memory = Memory(tmp_path / "state.json")
    for id in "abcde":
        memory.done(id, after=0.0)
    assert [id for id in "abcde" if id in memory] == ["c", "d", "e"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"done": 3, "after": 1}', '{"done": []}', "\xff"])
def test_a_damaged_file_is_begun_anew(text: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "state.json"
    path.write_text(text, "latin-1")
    memory = Memory(path)
    assert "cannot be read" in caplog.text
    memory.done("a", after=0.0)
    assert "a" in Memory(path)


def test_a_full_disk_is_told_once_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    memory = Memory(tmp_path / "state.json")

    def full(path: Path, value: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "write_json", full)
    for id in "abc":
        memory.done(id, after=0.0)
    assert all(id in memory for id in "abc") and caplog.text.count("No space left on device") == 1
