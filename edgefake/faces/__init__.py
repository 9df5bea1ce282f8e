"""Finding faces."""

from edgefake.faces.finders import FINDERS, FaceFinder, Faces, open_finder
from edgefake.faces.geometry import Box, Face, FaceLike, Landmarks

__all__ = ["FINDERS", "Box", "Face", "FaceFinder", "FaceLike", "Faces", "Landmarks", "open_finder"]
