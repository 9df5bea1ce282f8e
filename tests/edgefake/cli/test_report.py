"""``edgefake report`` on drawn pictures and videos, as a user calls it."""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from edgefake.cli import main
from edgefake.report.pdf import BROWSERS
from tests.edgefake.report.pages import Page
from tests.edgefake.streaming.videos import moving_face, write_video
from tests.edgefake.test_schema import documented


@pytest.fixture
def files(tmp_path: Path, portrait: Path) -> Path:
    """A folder with a picture and a video, and a file that is neither."""
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    shutil.copyfile(portrait, folder / "<script>alert(1)<∕script>.jpg")
    write_video(folder / "deep" / "clip.mp4", moving_face(portrait, 30))
    (folder / "note.txt").write_text("a text")
    return folder


def report(*arguments: str | Path) -> int:
    return main(["report", "--model", "cnn_int8", "--threads", "1", *map(str, arguments)])


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_page_for_each_file_and_an_index(files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert report(files, "--out", out, "--threshold", "1") == 0
    told = capsys.readouterr()
    assert "1 .txt" in told.err and str(out / "index.html") in told.out
    pages = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    assert pages == ["<script>alert(1)<∕script>.jpg.report.html", "deep/clip.mp4.report.html", "index.html"]
    for name in pages[:2]:
        Page((out / name).read_text()).check()
    assert all(stat.S_IMODE((out / name).stat().st_mode) == 0o600 for name in pages)
    index = Page((out / "index.html").read_text())
    assert index.addresses == ["%3Cscript%3Ealert%281%29%3C%E2%88%95script%3E.jpg.report.html", "deep/clip.mp4.report.html"]
    assert "script" not in index.elements


def test_json_has_the_documented_keys(files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (files / "broken.jpg").write_text("no picture")
    assert report(files, tmp_path / "absent.jpg", "--out", tmp_path / "out", "--json", "--threshold", "1") == 2
    lines = {Path(line["path"]).name[-8:]: line for line in objects(capsys.readouterr().out)}
    picture, broken, video, absent = (lines[name] for name in ("ipt>.jpg", "oken.jpg", "clip.mp4", "sent.jpg"))
    for line in (picture, broken, video):
        assert {*line} == documented("Report"), line["path"]
        assert {*line["file"]} == documented("File") and {*line["setup"]} == documented("Setup")
        assert {*line["credentials"]} == documented("Content Credentials")
    assert {*picture["faces"][0]} == {*video["faces"][0]} == documented("Reported face")
    assert {*picture["pictures"][0]["prediction"]} == documented("Prediction") - {"path", "picture", "pictures", "error"}
    assert (broken["status"], broken["verdict"], bool(broken["error"])) == ("error", None, True)
    assert Path(broken["page"]).is_file() and broken["file"]["sha256"] in Path(broken["page"]).read_text()
    assert {*absent} == {"path", "page", "pdf", "schema", "status", "verdict", "p_fake", "error"} and absent["page"] is None
    assert video["video"]["frames"] == 30 and picture["video"] is None


@pytest.mark.parametrize(("threshold", "code"), [("0", 1), ("1", 0)])
def test_exit_codes(portrait: Path, tmp_path: Path, threshold: str, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(portrait, "--out", tmp_path / "out", "--threshold", threshold) == code
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["portrait.jpg.report.html"]
    assert capsys.readouterr().err == ""


def test_the_page_of_an_earlier_run_does_not_outlive_its_file(tmp_path: Path, portrait: Path) -> None:
    path, out = tmp_path / "a.jpg", tmp_path / "out"
    shutil.copyfile(portrait, path)
    assert report(path, "--out", out, "--threshold", "1") == 0
    path.unlink()
    assert report(path, "--out", out) == 2
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("source", ["a\0b.jpg", "x" * 300 + ".mp4", "https://a:b@host/x.jpg", "/dev/null"])
def test_what_is_no_file_is_an_error_and_costs_no_other(
    source: str, portrait: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(source, portrait, "--out", tmp_path / "out", "--json", "--threshold", "1") == 2
    found, other = objects(capsys.readouterr().out)
    assert found["error"] and found["page"] is None and "a:b@" not in json.dumps(found)
    assert Path(other["page"]).is_file()


def test_a_large_picture_is_refused_before_it_is_decoded(
    portrait: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(portrait, "--out", tmp_path / "out", "--json", "--max-megapixels", "0.1") == 2
    (found,) = objects(capsys.readouterr().out)
    assert "480×600" in found["error"] and found["file"]["sha256"]


def test_without_a_folder_or_with_one_that_cannot_be(portrait: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        report(portrait)
    assert "--out" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert report(portrait, "--out", tmp_path / "file") == 2
    assert "--out" in capsys.readouterr().err


def test_without_chromium_a_sentence(
    portrait: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert report(portrait, "--out", tmp_path / "out", "--pdf") == 2
    assert "chromium" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_a_browser_that_fails_leaves_the_page(
    portrait: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = tmp_path / "bin" / "chromium"
    browser.parent.mkdir()
    browser.write_text("#!/bin/sh\necho out of paper >&2\nexit 3\n")
    browser.chmod(0o755)
    monkeypatch.setenv("PATH", f"{browser.parent}:{os.environ['PATH']}")
    assert report(portrait, "--out", tmp_path / "out", "--pdf", "--threshold", "1") == 2
    assert "out of paper" in capsys.readouterr().out
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["portrait.jpg.report.html"]


@pytest.mark.skipif(not any(map(shutil.which, BROWSERS)), reason="there is no Chromium here")
def test_a_pdf(portrait: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out %20"
    assert report(portrait, "--out", out, "--pdf", "--json", "--threshold", "1") == 0
    (found,) = objects(capsys.readouterr().out)
    assert found["pdf"] == str(out / "portrait.jpg.report.pdf")
    assert Path(found["pdf"]).read_bytes().startswith(b"%PDF-") and Path(found["pdf"]).stat().st_size > 20_000
    assert sorted(path.name for path in out.iterdir()) == ["portrait.jpg.report.html", "portrait.jpg.report.pdf"]


@pytest.mark.parametrize("missing", ["jinja2", "PIL"])
def test_without_the_extra_a_sentence(
    missing: str, portrait: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    assert report(portrait, "--out", tmp_path / "out") == 2
    assert "edgefake[report]" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_without_c2pa_the_page_says_so(portrait: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "c2pa", None)
    assert report(portrait, "--out", tmp_path, "--threshold", "1") == 0
    assert "c2pa-python" in Page((tmp_path / "portrait.jpg.report.html").read_text()).text
