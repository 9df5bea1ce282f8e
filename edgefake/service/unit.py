"""The unit file of each service, from one template."""

from __future__ import annotations

import grp
import sys
from dataclasses import dataclass
from pathlib import Path
from string import Template

MARK = "# Written by `edgefake service install`"
"""How a unit of ours begins."""

GROUPS = ("video", "render")
"""Those that cameras and GPUs belong to."""

TEMPLATE = Path(__file__).with_name("unit.template")


@dataclass(frozen=True, slots=True)
class Service:
    """A command of edgefake that runs for ever."""

    command: str
    name: str
    """Of the unit, without ``.service``."""
    description: str
    config: Path
    """Where its file is, unless somebody says so."""
    arguments: tuple[str, ...]
    """What stands before the file on its command line."""
    reloads: bool
    watchdog_s: int
    """It takes a step at least so often."""


SERVICES = {
    service.command: service
    for service in (
        Service(
            "watch",
            "edgefake",
            "edgefake: deepfake detection on cameras",
            Path("/etc/edgefake/edgefake.toml"),
            ("watch", "--config"),
            True,
            60,
        ),
        Service(
            "frigate",
            "edgefake-frigate",
            "edgefake: deepfake detection for Frigate",
            Path("/etc/edgefake/frigate.toml"),
            ("frigate",),
            False,
            180,  # a clip is one step
        ),
    )
}


def unit_text(service: Service, *, config: Path, python: str = sys.executable, groups: tuple[str, ...] | None = None) -> str:
    """The unit that runs ``service`` with ``config`` by ``python``; ``groups`` default to those of ``GROUPS`` that there are."""
    words = [python, "-m", "edgefake", *service.arguments, str(config)]
    known = tuple(name for name in GROUPS if _exists(name)) if groups is None else groups
    return Template(TEMPLATE.read_text("utf-8")).substitute(
        name=f"{service.name}.service",
        description=service.description,
        command=" ".join(map(quoted, words)),
        reload="ExecReload=/bin/kill -HUP $MAINPID" if service.reloads else "",
        groups=" ".join(known),
        watchdog=service.watchdog_s,
    )


def quoted(word: str) -> str:
    """``word`` as systemd reads it in ``ExecStart=``: one word, without specifiers or variables."""
    plain = word.replace("%", "%%").replace("$", "$$").replace("\\", "\\\\").replace('"', '\\"')
    return f'"{plain}"' if plain != word or any(character.isspace() or character in "';" for character in word) else word


def _exists(group: str) -> bool:
    try:
        grp.getgrnam(group)
    except KeyError:
        return False
    return True
