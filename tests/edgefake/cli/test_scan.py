"""``edgefake scan`` as a user gives it; what it does is tested in ``tests/edgefake/scan``."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from edgefake.cli import main
from tests.edgefake.cli.pictures import draw
from tests.edgefake.scan.archive import archive

OPTIONS = ["--model", "cnn_int8", "--faces", "frame", "--workers", "1"]


def test_judge_and_sum_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive(tmp_path / "in", 3)
    shutil.copyfile(tmp_path / "in" / "000.png", tmp_path / "in" / "copy.png")
    (tmp_path / "in" / "notes.txt").write_text("not looked at")
    out = str(tmp_path / "out")
    command = ["scan", str(tmp_path / "in"), "--out", out, *OPTIONS, "--threshold", "1"]
    assert main([*command, "--json"]) == 0
    told, heard = capsys.readouterr()
    first = json.loads(told)
    assert (first["files"], first["judged"], first["shared"], first["failed"], first["there"]) == (4, 4, 1, 0, 0)
    assert first["outcomes"] == {"real": 4}
    assert "1 .txt" in heard
    (tmp_path / "in" / "bad.png").write_bytes(b"")
    assert main(command) == 2
    assert "4 real, 1 error" in capsys.readouterr().out

    page = tmp_path / "page.html"
    assert main(["scan", "summary", out, "--html", str(page), "--top", "2"]) == 2
    assert capsys.readouterr().out.startswith("5 files, 3 different")
    html = page.read_text()
    assert html.count("data:image/jpeg") == 2  # from the pictures themselves
    assert "bad.png" in html and page.stat().st_mode & 0o077 == 0
    assert main(["scan", "summary", out, "--json"]) == 2
    summary = json.loads(capsys.readouterr().out)
    assert (summary["files"], summary["different"], sum(summary["histogram"]), len(summary["worst"])) == (5, 3, 4, 4)
    assert [row["p_fake"] for row in summary["worst"]] == sorted((row["p_fake"] for row in summary["worst"]), reverse=True)
    assert summary["fingerprint"] == first["fingerprint"]


def test_thumbnails_are_shown_when_the_pictures_are_gone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw(tmp_path / "in" / "a.png")
    for name, options in (("kept", ["--thumbnails"]), ("not", [])):
        assert main(["scan", str(tmp_path / "in"), "--out", str(tmp_path / name), *OPTIONS, "--threshold", "0", *options]) == 1
    shutil.rmtree(tmp_path / "in")
    shown = {}
    for name in ("kept", "not"):
        main(["scan", "summary", str(tmp_path / name), "--html", str(tmp_path / "page.html")])
        shown[name] = (tmp_path / "page.html").read_text().count("data:image/jpeg")
    assert shown == {"kept": 1, "not": 0}


@pytest.mark.parametrize(
    ("arguments", "fact"),
    [
        (["in"], "--out"),
        (["in", "--out", "out", "--top", "3"], "summary"),
        (["summary", "absent"], "absent"),
        (["summary"], "summary"),
        (["in", "--out", "out", "--workers", "0"], "workers"),
        (["in", "--out", "out", "--model", "absent"], "absent"),
        (["empty", "--out", "out"], "empty"),
    ],
)
def test_wrong_arguments(
    arguments: list[str], fact: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    draw(Path("in") / "a.png")
    Path("empty").mkdir()
    assert main(["scan", *arguments]) == 2
    told, heard = capsys.readouterr()
    assert told == "" and fact in heard and "Traceback" not in heard
