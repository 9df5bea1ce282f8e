"""The options that choose a detector, alike in all commands that judge."""

from __future__ import annotations

import argparse

from edgefake.defaults import DEFAULT_MODEL, DEFAULT_THRESHOLD
from edgefake.detector import Detector
from edgefake.faces.finders import FACES_HELP
from edgefake.runtimes import RUNTIMES


def add_detector_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model", default=DEFAULT_MODEL, help="a name that `edgefake models` lists, or a file (default: %(default)s)"
    )
    parser.add_argument("--faces", default="haar", help=f"how faces are found: {FACES_HELP} (default: %(default)s)")
    parser.add_argument(
        "--threshold",
        type=parse_threshold,
        default=DEFAULT_THRESHOLD,
        help="the p_fake from which a face is fake: a number in 0…1 or a name in the model's card (default: %(default)s)",
    )
    parser.add_argument(
        "--threads", type=int, help="threads of the runtime, no more than cores (default: one per available core, at most 4)"
    )
    parser.add_argument(
        "--backend", default="auto", metavar="NAME", help=f"the runtime: auto, {', '.join(RUNTIMES)} (default: %(default)s)"
    )
    parser.add_argument(
        "--device",
        metavar="NAME",
        help="where the runtime runs the model: cuda, cuda:1, tensorrt (onnx), GPU, NPU (openvino), a number (tensorrt); "
        "default: the processor, for tensorrt the first GPU",
    )


def open_detector(arguments: argparse.Namespace) -> Detector:
    """The detector that the options ask for."""
    return Detector(
        arguments.model,
        backend=arguments.backend,
        device=arguments.device,
        faces=arguments.faces,
        threshold=arguments.threshold,
        num_threads=arguments.threads,
    )


def parse_threshold(text: str) -> float | str:
    """A number, or the name of one in the model's card."""
    try:
        return float(text)
    except ValueError:
        return text
