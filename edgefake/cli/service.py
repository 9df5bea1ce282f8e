"""``edgefake service``: edgefake as a service of systemd."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from edgefake.service.manage import install, state, uninstall
from edgefake.service.unit import SERVICES, Service, unit_text

_EPILOG = """\
  sudo edgefake service install              watches the cameras of /etc/edgefake/edgefake.toml, now and after every boot
  sudo edgefake service install frigate      judges the people of the Frigate in /etc/edgefake/frigate.toml
  journalctl -u edgefake -f                  what it says
  sudo systemctl reload edgefake             takes a changed file (watch)

The service has a user of its own that can write nothing but /var/lib/edgefake, and reach no device but cameras and accelerators.
Secrets stand in /etc/edgefake/environment, one NAME=value a line, and in the configuration as ${NAME}.

exit codes:
  0  done; status: it runs
  1  status: it does not run
  2  it could not be done
"""


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "service",
        help="run as a service of systemd",
        description="Have systemd run `edgefake watch --config` or `edgefake frigate`.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    adding = actions.add_parser("install", help="write the unit, and start it now and at every boot")
    asking = actions.add_parser("status", help="say whether it runs, and how it is")
    removing = actions.add_parser("uninstall", help="stop it and take the unit away; configuration and state stay")
    for action, function in ((adding, _install), (asking, _status), (removing, _uninstall)):
        action.add_argument("service", nargs="?", choices=tuple(SERVICES), default="watch", help="default: %(default)s")
        action.set_defaults(action=function)
    adding.add_argument("--config", type=Path, metavar="FILE", help="default: edgefake.toml, or frigate.toml, in /etc/edgefake")
    adding.add_argument("--print", action="store_true", help="print the unit, and install nothing")
    asking.add_argument("--json", action="store_true", help="print one object of JSON")


def _chosen(arguments: argparse.Namespace) -> Service:
    return SERVICES[arguments.service]


def _install(arguments: argparse.Namespace) -> int:
    service = _chosen(arguments)
    config = arguments.config or service.config
    if arguments.print:
        print(unit_text(service, config=config.absolute()), end="")
        return 0
    path = install(service, config)
    print(f"{path} is written and starts, now and after every boot: journalctl -u {service.name} -f tells how it does")
    return 0


def _status(arguments: argparse.Namespace) -> int:
    service = _chosen(arguments)
    found = state(service)
    if arguments.json:
        print(json.dumps(asdict(found)))
    elif not found.installed:
        print(f"{service.name} is not installed: sudo edgefake service install {service.command}")
    else:
        print(f"{service.name} is {found.state}" + (f" since {found.since}" if found.since else ""))
        if found.said:
            print(f"it says: {found.said}")
        if found.restarts or not found.running:
            print(f"restarts: {found.restarts}, last exit code: {found.exit_status}; journalctl -u {service.name} tells why")
    return 0 if found.running else 1


def _uninstall(arguments: argparse.Namespace) -> int:
    path = uninstall(_chosen(arguments))
    print(f"{path} is taken away; /etc/edgefake and /var/lib/edgefake are as they were")
    return 0
