"""Several cameras in one process, as a configuration says: ``Station`` runs them, each apart from the others."""

from edgefake.station.camera import Camera, State
from edgefake.station.station import Station

__all__ = ["Camera", "State", "Station"]
