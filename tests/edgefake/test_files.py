from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgefake.files import plain_path


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
