"""``edgefake frigate``: the deepfake check of a Frigate."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from edgefake.cli.signals import stopped_by_signals
from edgefake.cli.terminal import LiveLine
from edgefake.cli.unattended import configuring
from edgefake.service.notify import Notifier
from edgefake.text import p_text, printable

if TYPE_CHECKING:
    from edgefake.frigate import Bridge
    from edgefake.frigate.judging import Answer
    from edgefake.frigate.objects import FrigateObject

_EPILOG = """\
FILE says where Frigate and its MQTT broker are; docs/frigate.md has all its keys:

  [frigate]
  url = "http://frigate:5000"
  broker = "mqtt://me:${MQTT_PASSWORD}@broker"     # ${NAME} is from the environment, ${file:PATH} from a file

Every person whom Frigate follows is judged by the clean snapshots that it takes; the verdict becomes the sub label of the event
(fake, unsure, real) with its score, a message at edgefake/frigate/events, and the state of a device in Home Assistant.

exit codes:
  0  it was stopped by a signal
  2  it could not start: a mistake in FILE, an unknown model, Frigate refuses the login or is none
  78 the same of a mistake in FILE, where systemd started it: it is not started again
"""


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "frigate",
        help="judge the people that a Frigate sees",
        description="Judge the faces of the people that a Frigate follows, and tell it (pip install 'edgefake[stream]').",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("config", nargs="?", type=Path, default=Path("frigate.toml"), help="default: %(default)s")
    parser.set_defaults(action=_run)


def _run(arguments: argparse.Namespace) -> int:
    from edgefake.frigate import Bridge, read_frigate_config
    from edgefake.frigate.health import serve_health

    notifier = Notifier()
    with configuring(notifier):
        file = read_frigate_config(arguments.config)
    with ExitStack() as stack:
        line = stack.enter_context(LiveLine(every_s=0.5))
        detector = stack.enter_context(file.detector.open())
        detector.warm_up()

        def told(seen: FrigateObject, answer: Answer) -> None:
            line.print(_words(seen, answer))

        bridge = stack.enter_context(Bridge(file.frigate, detector, listener=told, beat=notifier.alive))
        stack.enter_context(stopped_by_signals(bridge.stop))
        if file.health is not None:
            server = stack.enter_context(serve_health(bridge, port=file.health.port, address=file.health.address))
            line.print(f"edgefake: health at {server.url}/healthz, /readyz and /metrics", to_stderr=True)
        line.print(f"edgefake: judging what Frigate at {file.frigate.url} sees; Ctrl-C ends it", to_stderr=True)
        notifier.ready(f"judging what Frigate at {file.frigate.url} sees")
        bridge.run()
        notifier.stopping()
        line.print(_summary(bridge), to_stderr=True)
    return 0


def _words(seen: FrigateObject, answer: Answer) -> str:
    what = (answer.verdict.value if answer.verdict else answer.status).replace("_", " ")
    figure = "" if answer.p_fake is None else f", p_fake {p_text(answer.p_fake)}"
    return f"{printable(seen.camera)}  {printable(seen.id, limit=40)}: {what}{figure}"


def _summary(bridge: Bridge) -> str:
    counts = ", ".join(f"{printable(camera)}: {count} {what}" for (camera, what), count in sorted(bridge.counts.items()))
    failures = ", ".join(f"{what} {count}" for what, count in sorted(bridge.failures.items()))
    return "; ".join(part for part in (counts or "nobody was judged", failures) if part)
