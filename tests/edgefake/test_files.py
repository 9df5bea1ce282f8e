from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from edgefake.files import ABANDONED_S, plain_path, remove_partials, write_atomically, write_json, writing


@pytest.mark.parametrize("name", ["a.mp4", "a:b.mp4", "a%d.mp4", os.fsdecode(b"a\xe9.mp4"), "ü" * 125 + ".mp4"])
def test_a_plain_path_is_absolute_utf8_and_the_same_file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_text("it")
    with plain_path(name) as plain:
        assert os.path.isabs(plain) and plain.encode() and "%" not in plain and plain.endswith(".mp4")
        assert Path(plain).read_text() == "it"
        with open(plain, "w") as file:
            file.write("written")
    assert Path(name).read_text() == "written"
    if plain != str(tmp_path / name):
        assert not os.path.lexists(os.path.dirname(plain))


def test_the_old_file_is_there_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")
    with writing(path) as partial:
        remove_partials(tmp_path, older_than_s=ABANDONED_S)  # somebody is writing it
        assert partial.parent == tmp_path and partial.suffix == ".json" and partial.read_bytes() == b""
        partial.write_text("half")
        assert path.read_text() == "old"
    assert path.read_text() == "half"
    assert list(tmp_path.iterdir()) == [path]


def test_what_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), writing(path) as partial:
        partial.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_file_and_entry_are_on_the_disk_before_and_after_the_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a loss of power would find them: a new name must not lead to a file that is still empty."""
    settled: list[tuple[str, str]] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        name = os.readlink(f"/proc/self/fd/{descriptor}")
        settled.append((name, (tmp_path / "a").read_text()))
        real(descriptor)

    (tmp_path / "a").write_text("old")
    monkeypatch.setattr(os, "fsync", fsync)
    write_atomically(tmp_path / "a", b"new")
    (partial, before), (folder, after) = settled
    assert os.path.dirname(partial) == folder == str(tmp_path)
    assert (before, after) == ("old", "new")


def test_rights_are_those_asked_for(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "own", b"", mode=0o600)
        write_json(tmp_path / "all", {})
    finally:
        os.umask(before)
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("own", "all")] == [0o600, 0o640]


def test_a_pipe_is_written_and_stays_one(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_json(pipe, [1])
    assert os.read(reader, 99) == b"[\n  1\n]\n"
    os.close(reader)
    assert pipe.is_fifo()


def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(IsADirectoryError):
        write_atomically(tmp_path / "a", b"new")
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


def test_what_a_kill_left_can_be_taken_away(tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_text("whole")
    for _ in range(2):
        with writing(tmp_path / "a.h5") as partial:
            os.link(partial, tmp_path / f"{partial.name}.kept")
    remove_partials(tmp_path)
    assert list(tmp_path.iterdir()) == [tmp_path / "a.h5"]


def test_what_was_left_long_ago_goes(tmp_path: Path) -> None:
    (old := tmp_path / ".partial-1.jpg").touch()
    (new := tmp_path / ".partial-2.jpg").touch()
    os.utime(old, (time.time() - 2 * ABANDONED_S,) * 2)
    remove_partials(tmp_path, older_than_s=ABANDONED_S)
    assert not old.exists() and new.exists()
    remove_partials(tmp_path)
    assert not new.exists()
