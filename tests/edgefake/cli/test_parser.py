from __future__ import annotations

import sys
from pathlib import Path

import pytest

import benchmarks.cli
import edgefake.cli
from edgefake.cli.parser import Parser


def told(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What the command line says to ``arguments`` that it refuses."""
    with pytest.raises(SystemExit) as stopped:
        edgefake.cli.main(arguments)
    assert stopped.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "command", "option", "meant"),
    [
        (["video", "--timelin", "out", "clip.mp4"], "edgefake video", "--timelin", "--timeline"),
        (["video", "--timelin", "out"], "edgefake video", "--timelin", "--timeline"),  # before the missing file
        (["predict", "--treshold=0.5", "a.jpg"], "edgefake predict", "--treshold", "--threshold"),
        (["watch", "--face", "haar", "0"], "edgefake watch", "--face", "--faces or --faces-per-frame"),
        (["models", "--jsn"], "edgefake models", "--jsn", "--json"),
        (["models", "verify", "--jso"], "edgefake models verify", "--jso", "--json"),
        (["--verison"], "edgefake", "--verison", "--version"),
    ],
)
def test_an_option_cut_short_or_mistyped_is_told_with_the_nearest(
    arguments: list[str], command: str, option: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    error = f"{command}: error: there is no option {option}: did you mean {meant}? (`{command} --help` lists all)\n"
    assert told(arguments, capsys) == error


def test_an_option_like_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    error = "edgefake video: error: there is no option --xy\\x1bzzy (`edgefake video --help` lists all)\n"
    assert told(["video", "--xy\x1bzzy", "clip.mp4"], capsys) == error


@pytest.mark.parametrize("option", ["--backen", "--backends"])
def test_a_deprecated_option_is_not_what_is_meant(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    error = told(["predict", option, "tflite", "a.jpg"], capsys)
    assert f"no option {option}" in error and "did you mean --backend" not in error


def test_what_is_too_much_is_told_by_the_command_that_got_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(["watch", "0", "1"], capsys).startswith("usage: edgefake watch")
    assert "edgefake predict: error: unrecognized arguments: -x" in told(["predict", "-x", "a.jpg"], capsys)


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["watch", "0", "rtsp://admin:secret@host/x"], "unrecognized arguments: rtsp://host/x"),
        (["watch", "0", "--rtsp://admin:secret@host/x"], "there is no option …"),
        (["watch", "--size", "rtsp://admin:secret@host/x", "0"], "rtsp://host/…"),
        (["rtsp://admin:secret@host/x"], "invalid choice: 'rtsp://host/…"),
    ],
)
def test_an_address_in_the_wrong_place_is_told_without_its_secrets(
    arguments: list[str], shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    error = told(arguments, capsys)
    assert shown in error and "secret" not in error


@pytest.mark.parametrize("arguments", [["video", ""], ["predict", "--threshold", "0.5", ""], ["watch", ""], [""]])
def test_an_empty_argument_is_not_the_current_folder(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert "error: an argument is empty: is a variable of the shell not set?" in told(arguments, capsys)


def test_values_and_paths_may_look_like_options(monkeypatch: pytest.MonkeyPatch) -> None:
    parser = Parser()
    parser.add_argument("paths", nargs="*")
    parser.add_argument("--out", type=Path)
    assert parser.parse_args(["--out=--x", "--", "--y"]).paths == ["--y"]
    monkeypatch.setattr(sys, "argv", ["edgefake", "--out", "a"])
    assert parser.parse_args().out == Path("a")


def test_benchmarks_read_theirs_alike(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        benchmarks.cli.main(["peers", "--round", "3"])
    assert "did you mean --rounds?" in capsys.readouterr().err
