"""``edgefake serve``: verdicts over HTTP."""

from __future__ import annotations

import argparse
import dataclasses
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from edgefake.arguments import whole_number
from edgefake.cli.options import add_detector_options, open_detector
from edgefake.cli.terminal import LiveLine
from edgefake.errors import BackendError, InputError
from edgefake.models.store import cache_folder
from edgefake.system import available_cores

HOUR_S = 3600.0

if TYPE_CHECKING:
    from edgefake.serve.limits import Limits
    from edgefake.serve.server import Server

_EPILOG = """\
  curl -F file=@photo.jpg http://127.0.0.1:8000/predict          the same JSON as `edgefake predict --json`
  curl -F file=@photo.jpg "http://127.0.0.1:8000/predict?annotate=1" -o marked.jpg
  http://127.0.0.1:8000/docs                                     all that there is, to be tried out

It listens on the loopback address alone. Another --host needs --api-key-file, or --insecure where something else keeps strangers
away; TLS is a reverse proxy's job. Ctrl-C, SIGTERM or SIGHUP let requests that have begun be answered; a second one drops them.

exit codes:
  0  it was stopped by a signal
  2  it could not start: the port is taken, the model cannot be opened, a wrong argument
"""


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "serve",
        help="judge over HTTP",
        description="Judge pictures and videos that others send over HTTP (pip install 'edgefake[serve]').",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen at (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one (default: %(default)s)")
    key = parser.add_mutually_exclusive_group()
    key.add_argument(
        "--api-key", metavar="KEY", help="what callers must send; other users of this machine can see it: prefer a file"
    )
    key.add_argument("--api-key-file", metavar="FILE", type=Path, help="a file with one key a line")
    key.add_argument("--insecure", action="store_true", help="let everybody call who reaches --host")
    parser.add_argument(
        "--workers", type=int, metavar="N", help="so many pictures are judged at the same time (default: one per available core)"
    )
    parser.add_argument(
        "--batch", type=int, default=4, metavar="N", help="judge at most N files in one call (default: %(default)s)"
    )
    parser.add_argument(
        "--batch-window",
        type=float,
        default=0.0,
        metavar="MS",
        help="wait so long for a batch to fill; for GPUs (default: %(default)g, take what waits)",
    )
    add_detector_options(parser)
    jobs = parser.add_argument_group("videos")
    jobs.add_argument(
        "--jobs", metavar="DIR", type=Path, help="where they and their results are kept (default: jobs in EDGEFAKE_HOME)"
    )
    jobs.add_argument(
        "--keep-jobs", metavar="HOURS", type=_above_0, default=24.0, help="forget results after so long (default: %(default)g)"
    )
    limits = parser.add_argument_group("limits")
    limits.add_argument("--max-body", type=_above_0, metavar="MB", help="of a request with pictures (default: 32)")
    limits.add_argument("--max-megapixels", type=_above_0, metavar="N", help="that a picture may declare (default: 50)")
    limits.add_argument("--max-pictures", type=int, metavar="N", help="in one request (default: 32)")
    limits.add_argument("--max-requests", type=int, metavar="N", help="at the same time; one more is told to wait (default: 64)")
    limits.add_argument("--max-video", type=_above_0, metavar="MB", help="of a request with a video (default: 500)")
    limits.add_argument("--max-jobs", type=int, metavar="N", help="videos that wait; one more is told to wait (default: 16)")
    limits.add_argument("--timeout", type=_above_0, metavar="S", help="for receiving and judging a request (default: 60)")
    parser.set_defaults(action=_run)


def _run(arguments: argparse.Namespace) -> int:
    try:
        from edgefake.serve.app import make_app
        from edgefake.serve.keys import Keys, read_keys
        from edgefake.serve.server import Server, is_loopback
        from edgefake.serve.service import Service
    except ImportError as error:
        raise BackendError(f"serving needs the package {error.name}: pip install 'edgefake[serve]'") from error
    given = [] if arguments.api_key is None else [arguments.api_key]
    keys = Keys(read_keys(arguments.api_key_file) if arguments.api_key_file else given)
    if not (is_loopback(arguments.host) or keys or arguments.insecure):
        raise InputError(
            f"expected keys where others can reach {arguments.host}, got none: give --api-key-file FILE, or --insecure where "
            "something else keeps strangers away"
        )
    failures: list[Exception] = []
    workers = available_cores() if arguments.workers is None else whole_number("workers", arguments.workers)
    arguments.threads = arguments.threads or max(1, available_cores() // workers)
    service = Service.of(
        lambda: open_detector(arguments),
        arguments.jobs or cache_folder() / "jobs",
        limits=_limits(arguments),
        failed=failures.append,
        keys=keys,
        keep_s=arguments.keep_jobs * HOUR_S,
        count=workers,
        batch=arguments.batch,
        window_ms=arguments.batch_window,
    )
    with (
        LiveLine(every_s=0.5) as line,
        closing(service),
        Server(make_app(service), host=arguments.host, port=arguments.port) as server,
    ):
        line.print(f"listening at {server.url}, documented at {server.url}/docs", to_stderr=True)
        with _stopped_by_signals(server):
            while not (service.workers.ready or failures or server.wait(0.1)):
                pass
            if service.workers.ready:
                served = service.served()
                line.print(f"ready: {served.model} on {served.runtime}", to_stderr=True)
            while not (failures or server.wait(0.5)):
                pass
    if failures:
        raise failures[0]
    return 0


def _above_0(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 1e6:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text}")
    return number


def _limits(arguments: argparse.Namespace) -> Limits:
    from edgefake.serve.limits import MB, Limits

    given = {
        "body": arguments.max_body and round(arguments.max_body * MB),
        "pixels": arguments.max_megapixels and round(arguments.max_megapixels * MB),
        "pictures": arguments.max_pictures,
        "requests": arguments.max_requests,
        "seconds": arguments.timeout,
        "video": arguments.max_video and round(arguments.max_video * MB),
        "jobs": arguments.max_jobs,
    }
    return dataclasses.replace(Limits(), **{name: value for name, value in given.items() if value is not None})


@contextmanager
def _stopped_by_signals(server: Server) -> Iterator[None]:
    """The first SIGINT, SIGTERM or SIGHUP lets the server end in order; a second one at once."""
    numbers = [n for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) is not signal.SIG_IGN]
    came: list[int] = []

    def stop(number: int, frame: object) -> None:
        came.append(number)
        server.stop(at_once=len(came) > 1)

    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
