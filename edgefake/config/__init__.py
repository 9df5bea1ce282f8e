"""The configuration file of `edgefake watch --config`: what each camera is, how it is judged and where its events go.

``read_config`` gives a ``Config`` or says in one sentence what is wrong with the file.
"""

from edgefake.config.classes import CameraConfig, Config, DetectorConfig, HealthConfig, SinkConfig
from edgefake.config.reading import read_config

__all__ = ["CameraConfig", "Config", "DetectorConfig", "HealthConfig", "SinkConfig", "read_config"]
