"""``edgefake build-engine``: a TensorRT engine for this machine's GPU."""

from __future__ import annotations

import argparse
import dataclasses
import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgefake.cli.terminal import LiveLine
from edgefake.errors import InputError
from edgefake.models.file import require_card
from edgefake.models.store import open_model
from edgefake.schema import SCHEMA, seconds_or_ms

_EPILOG = """\
The engine is checked before it is kept: every convolution and matrix product must run in INT8, and the golden vectors in the
model's card must give their outputs. It runs on this kind of GPU with this version of TensorRT only. An engine that is there
already is used; without this command it is built when a detector is first opened with runtime="tensorrt".

exit codes:
  0  the engine is there
  2  something is missing or went wrong
"""


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "build-engine",
        help="build a TensorRT engine on this machine",
        description="Build the TensorRT engine of a model for the NVIDIA GPU of this machine (takes minutes).",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", metavar="MODEL", help="a name that `edgefake models` lists, or an .onnx file")
    parser.add_argument("--cache", metavar="DIR", type=Path, help="where to keep the engine (default: engines in EDGEFAKE_HOME)")
    parser.add_argument(
        "--workspace", metavar="MB", type=int, default=512, help="GPU memory that the build may use (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    parser.set_defaults(action=_run)


def _run(arguments: argparse.Namespace) -> int:
    if arguments.workspace < 1:
        raise InputError(f"expected --workspace to be at least 1 MB, got {arguments.workspace}")
    file = open_model(arguments.model, suffix=".onnx")
    if file.path.suffix != ".onnx":
        raise InputError(f"expected an .onnx file to build an engine from, got {file.path}: make one with python -m convert onnx")
    card = require_card(file, None)
    from edgefake.runtimes.tensorrt.engines import prepare

    started = time.monotonic()
    with LiveLine(every_s=0.0), _stopped_by_ctrl_c():
        prepared = prepare(file, folder=arguments.cache, workspace_mb=arguments.workspace)
    prepared.runtime.close()
    seconds, sidecar = time.monotonic() - started, prepared.sidecar
    if arguments.json:
        facts = {"int8_layers": sidecar.int8_layers, "golden_error": sidecar.golden_error, **dataclasses.asdict(sidecar.origin)}
        about = {"engine": str(prepared.engine), "built": prepared.built, "seconds": seconds_or_ms(seconds)}
        print(json.dumps({"schema": SCHEMA, **about, **facts}))
        return 0
    print(f"{prepared.engine}: {f'built in {seconds:.0f} s' if prepared.built else 'was there already'}")
    print(f"{sidecar.origin.gpu}, TensorRT {sidecar.origin.tensorrt}, {sidecar.int8_layers} layers in INT8, ", end="")
    allowed = max(map(card.tolerance, card.outputs if card.golden else ()), default=0.0)
    print(f"off the golden outputs by {sidecar.golden_error:.3g} (at most {allowed:g})")
    return 0


@contextmanager
def _stopped_by_ctrl_c() -> Iterator[None]:
    """End the process at once: Python would see Ctrl-C only after TensorRT's minutes. Nothing half-written can remain."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
