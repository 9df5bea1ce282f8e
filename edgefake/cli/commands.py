"""The table of ``edgefake``'s commands."""

from __future__ import annotations

import argparse

import edgefake
from edgefake.cli import (
    app,
    benchmark,
    build_engine,
    calibrate,
    config,
    demo,
    frigate,
    models,
    predict,
    reload,
    report,
    scan,
    serve,
    service,
    video,
    watch,
)
from edgefake.cli.parser import Parser

COMMANDS = (
    demo,
    predict,
    video,
    report,
    scan,
    watch,
    config,
    reload,
    frigate,
    service,
    app,
    serve,
    calibrate,
    models,
    benchmark,
    build_engine,
)
"""Modules with ``add_command``, in the order of ``--help``."""


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    whole: argparse.ArgumentParser = Parser(prog="edgefake", description="Deepfake detection that runs where the camera is.")
    whole.add_argument("--version", action="version", version=f"edgefake {edgefake.__version__}")
    commands = whole.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_command(commands)
    return whole
