"""All cameras of a configuration, and how one configuration takes the place of another."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from types import MappingProxyType, TracebackType

from edgefake.config import CameraConfig, Config, DetectorConfig
from edgefake.detector import Detector
from edgefake.errors import EdgefakeError, InputError
from edgefake.station.camera import Camera, Listener, State
from edgefake.streaming.health import Health

_log = logging.getLogger(__name__)

STOP_S = 20.0
"""How long a camera that was stopped is waited for: a read in progress, and what its sinks still deliver."""


class Station:
    """Runs the cameras of ``config`` from ``start`` until ``close``; also a context manager, which does both.

    Cameras whose detectors are to be alike share one, as it takes as much memory as a model; the others have one each. Raises
    what a detector raises that cannot be opened, before any camera is started.
    """

    def __init__(self, config: Config, *, listener: Listener | None = None) -> None:
        self._listener = listener
        self._detectors: dict[DetectorConfig, Detector] = {}
        self._cameras: dict[str, Camera] = {}
        self.config = config
        """What runs now."""
        self._open_detectors(config)

    @property
    def cameras(self) -> Mapping[str, Camera]:
        """By name, as they run now."""
        return MappingProxyType(self._cameras)

    def health(self) -> dict[str, Health]:
        """How the cameras are doing, by name; from any thread."""
        return {name: camera.health for name, camera in list(self._cameras.items())}

    def start(self) -> None:
        for camera in self.config.cameras:
            self._start(camera)

    def apply(self, config: Config) -> list[str]:
        """Run ``config`` from now on; what was changed, a sentence each.

        Cameras that are the same in both go on undisturbed. Raises ``EdgefakeError`` when a detector cannot be opened: then
        everything stays as it is.
        """
        if config.health != self.config.health:
            raise InputError("[health] is another one, and is served already: start edgefake again to change it")
        self._open_detectors(config)
        wanted = {camera.name: camera for camera in config.cameras}
        leaving = [camera for name, camera in self._cameras.items() if wanted.get(name) != camera.config]
        self._end(leaving)
        known = {camera.name for camera in leaving}
        changes = []
        for name, camera in wanted.items():
            if name not in self._cameras:
                self._start(camera)
                changes.append(f"{name} is started anew" if name in known else f"{name} is added")
        changes += [f"{name} is taken away" for name in sorted(known - wanted.keys())]
        self.config = config
        self._close_detectors({camera.detector for camera in config.cameras})
        return changes

    def stop(self) -> None:
        """End every camera after its present frame; returns at once."""
        for camera in list(self._cameras.values()):
            camera.stop()

    @property
    def ended(self) -> bool:
        """Whether no camera runs any more."""
        return all(camera.state is State.ENDED for camera in self._cameras.values())

    def close(self) -> None:
        """Stop the cameras, wait for what their sinks still deliver, and free the detectors."""
        self.stop()
        self._end(list(self._cameras.values()))
        self._close_detectors(set())

    def __enter__(self) -> Station:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _start(self, config: CameraConfig) -> None:
        camera = Camera(config, self._detectors[config.detector], listener=self._listener)
        self._cameras[config.name] = camera
        camera.start()

    def _end(self, cameras: list[Camera]) -> None:
        """Stop ``cameras`` and wait for them, all within the time that one is given."""
        for camera in cameras:
            camera.stop()
        until = time.monotonic() + STOP_S
        for camera in cameras:
            if not camera.join(max(0.0, until - time.monotonic())):
                _log.warning("camera %s is still busy: it ends when that is done", camera.name)
            del self._cameras[camera.name]

    def _open_detectors(self, config: Config) -> None:
        """Those that are not open yet: all or none."""
        fresh: dict[DetectorConfig, Detector] = {}
        try:
            for camera in config.cameras:
                if camera.detector not in self._detectors and camera.detector not in fresh:
                    fresh[camera.detector] = _opened(camera)
        except BaseException:
            for detector in fresh.values():
                detector.close()
            raise
        self._detectors |= fresh

    def _close_detectors(self, kept: set[DetectorConfig]) -> None:
        for unused in self._detectors.keys() - kept:
            self._detectors.pop(unused).close()


def _opened(camera: CameraConfig) -> Detector:
    try:
        detector = camera.detector.open()
    except EdgefakeError as error:
        raise type(error)(f"camera {camera.name}: {error}") from error
    detector.warm_up()
    return detector
