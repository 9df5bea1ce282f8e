"""The deepfake check of a Frigate: its people's snapshots are judged, and each gets its verdict as a sub label.

Written for Frigate 0.14 to 0.17, by its documentation of MQTT and HTTP.
"""

from edgefake.frigate.bridge import Bridge
from edgefake.frigate.config import FrigateConfig, FrigateFile, read_frigate_config

__all__ = ["Bridge", "FrigateConfig", "FrigateFile", "read_frigate_config"]
