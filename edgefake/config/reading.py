"""A TOML file → ``Config``. Read strictly: what is not understood is an error, never passed over.

[detector]                      # optional: of all cameras; a camera may have any of its keys too
model = "resnet18_int8"

[health]                        # optional: /healthz, /readyz and /metrics
port = 9100

[sinks.log]                     # any number, by a name of your own
kind = "jsonl"
path = "/var/log/edgefake/{camera}.jsonl"

[cameras.door]                  # one or more
source = "rtsp://user:${DOOR_PASSWORD}@door/main"
sinks = ["log"]                 # default: all
"""

from __future__ import annotations

import dataclasses
import os
import re
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from edgefake.arguments import whole_number
from edgefake.config.classes import CameraConfig, Config, DetectorConfig, HealthConfig, SinkConfig
from edgefake.config.secrets import filled
from edgefake.config.tables import arguments_of, as_table, check_keys, shown
from edgefake.errors import InputError
from edgefake.sinks import SINKS
from edgefake.streaming.sources import find_source, is_path
from edgefake.text import printable

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DETECTOR_KEYS = tuple(field.name for field in dataclasses.fields(DetectorConfig))
_FILES = ("model", "faces", "threshold")
"""Those of them that may name a file."""
CAMERA_KEYS = tuple(field.name for field in dataclasses.fields(CameraConfig) if field.name not in ("name", "detector"))
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def read_config(path: str | Path) -> Config:
    """The configuration in ``path``, checked as far as that can be done without a camera, a model or a network.

    Paths in it are relative to its folder.

    Raises ``InputError`` with file, table and key of the first thing that is wrong.
    """
    path = Path(path)
    name = printable(path)
    whole = read_tables(path, ("detector", "health", "sinks", "cameras"), missing="`edgefake config init` writes one")
    shared = table_of(whole, "detector", name)
    arguments_of(shared, DetectorConfig, f"{name}: [detector]")
    folder = path.absolute().parent
    sinks = {key: _sink(key, value, name, folder) for key, value in table_of(whole, "sinks", name).items()}
    tables = table_of(whole, "cameras", name)
    if not tables:
        raise InputError(f"{name}: there is no camera: add a table [cameras.NAME] with a source")
    cameras = tuple(_camera(key, value, shared, sinks, name, folder) for key, value in tables.items())
    for sink in sinks.values():
        _check_apart(sink, [camera for camera in cameras if sink in camera.sinks], name)
    health = arguments_of(table_of(whole, "health", name), HealthConfig, f"{name}: [health]")
    return Config(cameras=cameras, health=HealthConfig(**health) if "health" in whole else None, path=path)


def read_tables(path: Path, known: Collection[str], *, missing: str) -> dict[str, Any]:
    """What a TOML file says, its secrets filled in; it has no other tables than ``known``.

    Raises ``InputError``, which says what to do where there is no such file: ``missing``.
    """
    name = printable(path)
    try:
        whole = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{name} cannot be read ({error.strerror or error}): {missing}") from error
    except ValueError as error:  # of TOML, and of what is no UTF-8
        raise InputError(f"{name} is no TOML: {printable(error)}") from error
    check_keys(whole, known, name)
    folder = path.absolute().parent
    return {table: _filled(value, f"{name}: [{table}", folder) for table, value in whole.items()}


def _filled(table: Any, where: str, folder: Path) -> Any:
    """``table`` with its secrets, in the tables of it too, which errors name."""
    if not isinstance(table, dict) or not all(isinstance(value, dict) for value in table.values()):
        return filled(table, f"{where}]", folder=folder)
    return {key: filled(value, f"{where}.{key}]", folder=folder) for key, value in table.items()}


def table_of(whole: dict[str, Any], key: str, name: str) -> dict[str, Any]:
    """The table ``key`` of the file ``name``; an empty one where it has none."""
    return as_table(whole.get(key, {}), f"{name}: {key}")


def _sink(key: str, value: Any, name: str, folder: Path) -> SinkConfig:
    where = _where(name, "sinks", key)
    table = dict(as_table(value, where))
    kind = table.pop("kind", None)
    if not isinstance(kind, str) or kind not in SINKS:
        got = "none" if kind is None else shown(kind)
        raise InputError(f"{where} kind: expected one of {', '.join(SINKS)}, got {got}")
    options = arguments_of(table, SINKS[kind].load(), where, folder=folder)
    sink = SinkConfig(name=key, kind=kind, options=options)
    try:
        sink.make("camera")
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    return sink


def _camera(key: str, value: Any, shared: dict[str, Any], sinks: dict[str, SinkConfig], name: str, folder: Path) -> CameraConfig:
    where = _where(name, "cameras", key)
    table = dict(as_table(value, where))
    check_keys(table, (*CAMERA_KEYS, *DETECTOR_KEYS), where)
    own = {field: table.pop(field) for field in DETECTOR_KEYS if field in table}
    detector = detector_of(arguments_of({**shared, **own}, DetectorConfig, where), folder)
    chosen = table.pop("sinks", list(sinks))
    if not isinstance(chosen, list) or not all(isinstance(one, str) for one in chosen):
        raise InputError(f'{where} sinks: expected a list of names such as ["log"], got {shown(chosen)}')
    check_keys(dict.fromkeys(chosen), sinks, f"{where} sinks")
    arguments = arguments_of(table, CameraConfig, where, but=("name", "detector", "sinks"))
    if not isinstance(arguments["source"], str | int) or isinstance(arguments["source"], bool):
        got = shown(arguments["source"])
        raise InputError(f"{where} source: expected a text in quotes or a camera's number, got {got}")
    source = _beside(arguments["source"], folder)
    arguments["source"] = str(folder / source) if is_path(source) else source
    camera = CameraConfig(name=key, detector=detector, sinks=tuple(sinks[one] for one in dict.fromkeys(chosen)), **arguments)
    try:
        _check_camera(camera)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    return camera


def _check_camera(camera: CameraConfig) -> None:
    """Raises ``InputError`` for what ``watch`` would refuse, whatever is there or not; a folder that is not may come."""
    if not is_path(camera.source) or os.path.exists(camera.source):
        find_source(camera.source, size=camera.size, fps=camera.fps, live=camera.live)
    whole_number("faces_per_frame", camera.faces_per_frame)
    if camera.detect_every is not None:
        whole_number("detect_every", camera.detect_every)


def detector_of(arguments: Mapping[str, Any], folder: Path) -> DetectorConfig:
    """Of what a table says; files in it that lie below ``folder`` are meant by their paths."""
    return DetectorConfig(**{key: _beside(value, folder) if key in _FILES else value for key, value in arguments.items()})


def _beside(value: Any, folder: Path) -> Any:
    """A text that names what lies below ``folder``, by itself or behind a colon (``edge:FILE``), as its path; else ``value``."""
    if not isinstance(value, str):
        return value
    kind, colon, file = value.partition(":")
    before, path = (f"{kind}:", file) if colon and not file.startswith("//") else ("", value)
    return f"{before}{folder / path}" if path and os.path.exists(folder / path) else value


def _check_apart(sink: SinkConfig, cameras: list[CameraConfig], name: str) -> None:
    """Two cameras must not write one file."""
    if len(cameras) > 1 and not SINKS[sink.kind].is_shared and not sink.is_apart:
        both = " and ".join(camera.name for camera in cameras[:2])
        raise InputError(f"{name}: [sinks.{sink.name}]: {both} would write to one place: write {{camera}} in it")


def _where(name: str, table: str, key: str) -> str:
    if not _NAME.fullmatch(key):
        got = f"{table}.{printable(key)}"
        raise InputError(f"{name}: expected a name of letters, digits, - and _, at most 64, got [{got}]")
    return f"{name}: [{table}.{key}]"
