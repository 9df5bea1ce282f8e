"""The options that choose a detector, alike in all commands that judge."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgefake.calibration import profile_or_name
from edgefake.cli.terminal import complain
from edgefake.defaults import DEFAULT_FACES, DEFAULT_MODEL, DEFAULT_THRESHOLD
from edgefake.deprecation import DEPRECATIONS
from edgefake.detector import Detector
from edgefake.faces.finders import FACES_HELP
from edgefake.images import MAX_PIXELS
from edgefake.odds import CALIBRATED_FOR
from edgefake.runtimes import RUNTIMES, todays_name


def add_detector_options(parser: argparse.ArgumentParser, *, threads: bool = True) -> None:
    """How a detector is opened, and what its verdicts follow from; without ``threads`` these are not to be chosen."""
    add_opening_options(parser, threads=threads)
    parser.add_argument(
        "--threshold",
        type=parse_threshold,
        help="the p_fake from which a face is fake, else real: a number in 0…1 or a name in the model's card; or FILE.json, a "
        "profile of `edgefake calibrate` (default: the card's fake and real, with unsure between them, where it has both, else "
        f"its {DEFAULT_THRESHOLD.replace('%', '%%')})",
    )
    parser.add_argument(
        "--prior",
        type=parse_share,
        default=CALIBRATED_FOR,
        metavar="SHARE",
        help="how many of the faces are fake, such as 1%% or 0.01: p_fake and thresholds are turned to that, verdicts stay "
        "(default: %(default)s)",
    )


def add_opening_options(parser: argparse.ArgumentParser, *, threads: bool = True) -> None:
    """How a detector is opened."""
    parser.add_argument(
        "--model", default=DEFAULT_MODEL, help="a name that `edgefake models` lists, or a file (default: %(default)s)"
    )
    parser.add_argument("--faces", default=DEFAULT_FACES, help=f"how faces are found: {FACES_HELP} (default: %(default)s)")
    parser.add_argument(
        "--find",
        choices=("fast", "full"),
        help="how thoroughly faces are searched, where --faces can choose: full finds small faces in large pictures too, fast is "
        "for streams (default: full in pictures, fast in streams)",
    )
    if threads:
        parser.add_argument(
            "--threads", type=int, help="threads of the runtime, no more than cores (default: one per available core, at most 4)"
        )
    add_runtime_option(parser, default="auto", metavar="NAME", help=f"auto, {', '.join(RUNTIMES)} (default: %(default)s)")
    parser.add_argument(
        "--device",
        metavar="NAME",
        help="where the runtime runs the model: cuda, cuda:1, tensorrt (onnx), GPU, NPU (openvino), a number (tensorrt); "
        "default: the processor, for tensorrt the first GPU",
    )


def add_pixel_limit(parser: argparse.ArgumentParser) -> None:
    """How large pictures may be."""
    parser.add_argument(
        "--max-megapixels",
        metavar="N",
        type=_megapixels,
        default=MAX_PIXELS,
        dest="max_pixels",
        help="refuse pictures that declare more pixels, before they are decoded (default: 200)",
    )


def add_runtime_option(parser: argparse._ActionsContainer, **options: Any) -> None:
    """``--runtime``, and its deprecated name."""
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--runtime", **options)
    old = {**options, "default": argparse.SUPPRESS, "help": argparse.SUPPRESS}
    either.add_argument("--backend", dest="runtime", action=_OldName, **old)


def open_detector(arguments: argparse.Namespace) -> Detector:
    """The detector that the options ask for."""
    runtime, device = todays_name(arguments.runtime, arguments.device, tell=tell_deprecated)
    return Detector(
        arguments.model,
        runtime=runtime,
        device=device,
        faces=arguments.faces,
        find=arguments.find,
        threshold=arguments.threshold,
        prior=arguments.prior,
        num_threads=arguments.threads,
    )


def tell_deprecated(key: str) -> None:
    """On stderr, where Python's own warnings are not shown."""
    complain(f"warning: {DEPRECATIONS[key]}")


class _OldName(argparse.Action):
    """An option's deprecated name, which is told."""

    def __call__(self, parser: Any, namespace: argparse.Namespace, values: Any, option_string: str | None = None) -> None:
        tell_deprecated(self.option_strings[0])
        setattr(namespace, self.dest, values)


def parse_threshold(text: str) -> float | str | Path:
    """A number, the name of one in the model's card, or the file of a profile."""
    try:
        return float(text)
    except ValueError:
        return profile_or_name(text)


def parse_share(text: str) -> float:
    """A share above 0 and below 1: ``1%`` or ``0.01``."""
    try:
        number = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        number = 0.0
    if not 0 < number < 1:
        raise argparse.ArgumentTypeError(f"expected a share such as 1% or 0.01, got {text}")
    return number


def _megapixels(text: str) -> int:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 1e6:
        raise argparse.ArgumentTypeError(f"expected megapixels above 0, got {text}")
    return round(number * 1e6)


def exit_code(counts: Mapping[str, int]) -> int:
    """Of a command that judged: by how many got which verdict, or ``error``."""
    return next((code for name, code in (("error", 2), ("fake", 1), ("unsure", 3)) if counts[name]), 0)
