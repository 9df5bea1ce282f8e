"""What all command lines do alike: their exit codes, and what they say where something goes wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pytest

from edgefake.cli.parser import Parser
from edgefake.cli.run import run_command
from edgefake.errors import InputError

ROOT = Path(__file__).parents[3]


def parser(action: Callable[[Namespace], int]) -> Parser:
    made = Parser(prog="python -m tried")
    made.add_argument("name")
    made.set_defaults(action=action)
    return made


def raising(error: BaseException) -> Callable[[Namespace], int]:
    def action(options: Namespace) -> int:
        raise error

    return action


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (InputError("expected a\x1b name"), 2, "tried: error: expected a\\x1b name\n"),
        (OSError(28, "No space left on device", "/x/out.json"), 2, "tried: error: /x/out.json cannot be used (No space left"),
        (OSError(28, "No space left on device"), 2, "tried: error: the output cannot be used (No space left on device)"),
        (KeyboardInterrupt(), 130, "tried: stopped\n"),
        (BrokenPipeError(), 141, ""),
    ],
)
def test_what_goes_wrong_is_one_line_and_an_exit_code(
    error: BaseException, code: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(parser(raising(error)), ["it"], stopped="stopped") == code
    err = capsys.readouterr().err
    assert err.startswith(told) and err.count("\n") == bool(told)


def test_what_nobody_foresaw_is_told_whole_and_without_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(parser(raising(ValueError("odd: rtsp://admin:secret@host/x"))), ["it"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("Traceback") and "ValueError: odd: rtsp://host/" in err and "secret" not in err


def test_the_command_learns_how_it_was_called_once_its_options_are_checked() -> None:
    seen: list[object] = []

    def action(options: Namespace) -> int:
        seen.append(options.command_line)
        return 1

    assert run_command(parser(action), ["a name"], check=lambda options: seen.append(options.name)) == 1
    assert seen == ["a name", "python -m tried 'a name'"]


def test_a_fault_in_the_options_is_told_before_the_command_runs(capsys: pytest.CaptureFixture[str]) -> None:
    def check(options: Namespace) -> None:
        raise InputError(f"there is no {options.name}")

    assert run_command(parser(raising(AssertionError("it ran"))), ["it"], check=check) == 2
    assert capsys.readouterr().err == "tried: error: there is no it\n"


@pytest.mark.parametrize(
    ("ending", "code"),
    [("return 0", 141), ("return 1", 141), ("raise InputError('expected more')", 2), ("raise KeyboardInterrupt", 130)],
)
@pytest.mark.parametrize("out", ["pipe", "full disk"])
def test_output_that_nobody_takes_does_not_change_what_an_error_is(out: str, ending: str, code: int) -> None:
    """What is printed waits in a buffer, as for every user, and fails at the end."""
    program = (
        "from edgefake.cli.parser import Parser\n"
        "from edgefake.cli.run import run_command\n"
        "from edgefake.errors import InputError\n"
        "def action(options):\n"
        "    print('a result')\n"
        f"    {ending}\n"
        "parser = Parser(prog='tried')\n"
        "parser.set_defaults(action=action)\n"
        "parser.add_argument('name')\n"
        "raise SystemExit(run_command(parser, ['it']))\n"
    )
    done = unread([sys.executable, "-c", program], out)
    assert done.returncode == (2 if code == 141 and out == "full disk" else code)
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr
    assert done.stderr.count("\n") == (done.returncode == 2)


@pytest.mark.parametrize("out", ["pipe", "full disk"])
def test_help_that_nobody_reads(out: str) -> None:
    done = unread([sys.executable, "-m", "edgefake", "predict", "--help"], out)
    assert done.returncode == (141 if out == "pipe" else 2)
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr


def unread(command: list[str], out: str) -> subprocess.CompletedProcess[str]:
    """Run with a stdout whose reader is gone, or that is full."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    if out == "pipe":
        reader, writer = os.pipe()
        os.close(reader)
    else:
        writer = os.open("/dev/full", os.O_WRONLY)
    try:
        return subprocess.run(
            command, cwd=ROOT, env=environment, stdout=writer, stderr=subprocess.PIPE, text=True, check=False, timeout=60
        )
    finally:
        os.close(writer)


@pytest.mark.parametrize("package", ["edgefake", "training", "convert", "benchmarks"])
def test_every_command_line_is_one_of_these(package: str) -> None:
    done = subprocess.run([sys.executable, "-m", package], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: ") and "Traceback" not in done.stderr  # all of the help, for who typed nothing
