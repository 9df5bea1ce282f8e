"""``edgefake app``: a page in the browser for people who do not use a terminal."""

from __future__ import annotations

import argparse

from edgefake.cli.options import add_detector_options, open_detector
from edgefake.cli.terminal import LiveLine

_EPILOG = """\
Only this machine can open the page, unless --host says otherwise. What is uploaded stays in memory; nothing is stored, logged or
sent elsewhere. Needs `pip install 'edgefake[app]'`. Ctrl-C ends it.
"""


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "app",
        help="serve a page to judge photos, videos and cameras",
        description="Serve a page in the browser on which photos, videos and cameras are judged.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen at (default: %(default)s, this machine alone)")
    parser.add_argument("--port", default=8501, type=_port, help="the port to listen at, 0 for a free one (default: %(default)s)")
    parser.add_argument(
        "--camera",
        metavar="SOURCE",
        help="a camera of this machine that visitors may watch, as for `edgefake watch`: 0, an address … (default: none)",
    )
    add_detector_options(parser)
    parser.set_defaults(action=_run)


def _port(text: str) -> int:
    number = int(text) if text.isdecimal() else -1
    if not 0 <= number < 1 << 16:
        raise argparse.ArgumentTypeError(f"expected a port in 0…65535, got {text}")
    return number


def _run(arguments: argparse.Namespace) -> int:
    from edgefake.app.server import serve
    from edgefake.app.settings import Settings

    chosen = Settings(
        model=arguments.model,
        threshold=arguments.threshold,
        faces=arguments.faces,
        find=arguments.find,
        prior=arguments.prior,
        runtime=arguments.runtime,
        device=arguments.device,
        threads=arguments.threads,
        camera=arguments.camera,
    )
    with LiveLine(every_s=0.0) as line:
        open_detector(arguments).close()  # a wrong model or option is told here, not to visitors
        serve(chosen, host=arguments.host, port=arguments.port, ready=lambda url: line.print(f"{url}  (Ctrl-C ends it)"))
    return 0
