"""What native libraries say while they start: information is dropped, the rest is logged, and nothing else is touched."""

from __future__ import annotations

import ctypes
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from edgefake.runtimes.quiet import quiet

libc = ctypes.CDLL(None)


def say(text: str) -> None:
    """Through the C library's ``stderr``, as native code does."""
    stream = ctypes.c_void_p.in_dll(libc, "stderr")
    libc.fputs(text.encode(), stream)
    libc.fflush(stream)


def test_only_what_matters_is_logged(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    with caplog.at_level(logging.INFO), quiet():
        say("INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\nERROR: something is wrong\n")
        say("WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n")
        say("I0000 00:00:17 123 port.cc:153] on\nW0000 00:00:17 123 x.cc:1] take care\n\n")
        os.write(2, b"the descriptor is the process's\n")
        print("so is Python's stream", file=sys.stderr)
    assert caplog.messages == ["ERROR: something is wrong", "W0000 00:00:17 123 x.cc:1] take care"]
    say("afterwards\n")
    assert capfd.readouterr().err == "the descriptor is the process's\nso is Python's stream\nafterwards\n"


def test_the_stream_is_given_back_after_a_failure(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ValueError), quiet():
        say("ERROR: because\n")
        raise ValueError
    say("afterwards\n")
    assert capfd.readouterr().err == "afterwards\n"
    assert caplog.messages == []  # the exception tells it


def test_who_keeps_the_stream_may_go_on_using_it() -> None:
    """As a native thread does, or a library that remembers ``stderr``; a stream that was closed would end the process."""
    script = """
import ctypes, logging
from edgefake.runtimes.quiet import quiet
logging.basicConfig(format="logged: %(message)s")
libc = ctypes.CDLL(None)
with quiet():
    kept = ctypes.c_void_p(ctypes.c_void_p.in_dll(libc, "stderr").value)
for said in (b"first", b"second", b"third"):
    libc.fputs(said * 2000, kept)
    libc.fflush(kept)
with quiet():
    libc.fputs(b"INFO: more", kept)
"""
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert child.returncode == 0 and child.stderr.startswith("logged: firstfirst") and child.stderr.count("third") == 2000


def test_threads_take_turns(capfd: pytest.CaptureFixture[str]) -> None:
    def often() -> None:
        for _ in range(200):
            with quiet():
                say("INFO: x\n")

    threads = [threading.Thread(target=often) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    say("afterwards\n")
    assert capfd.readouterr().err == "afterwards\n"


def test_another_thread_may_write_at_any_time() -> None:
    """It may have taken the stream just before that was given back."""
    script = """
import ctypes, threading
from edgefake.runtimes.quiet import quiet
libc, done = ctypes.CDLL(None), threading.Event()
def write(stream):
    while not done.is_set():
        libc.fputs(b"INFO: x\\n", stream)
threads = []
for _ in range(100):
    with quiet():
        if len(threads) < 2:
            stream = ctypes.c_void_p(ctypes.c_void_p.in_dll(libc, "stderr").value)
            threads.append(threading.Thread(target=write, args=(stream,)))
            threads[-1].start()
done.set()
"""
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60).returncode == 0


@pytest.mark.parametrize("runtime", ["tflite", "openvino"])
def test_the_first_line_is_ours(runtime: str, portrait: Path) -> None:
    child = subprocess.run(
        [sys.executable, "-m", "edgefake", "predict", "--model", "cnn_int8", "--runtime", runtime, portrait],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (child.returncode, child.stderr) == (0, "")
    assert child.stdout.startswith("verdict")
