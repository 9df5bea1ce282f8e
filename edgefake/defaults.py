"""What is used where nothing is said."""

DEFAULT_MODEL = "lite0_local_int8"
"""The bundled model whose worst family of fakes is told best."""
DEFAULT_FACES = "edge"
"""How faces are found: a name of ``edgefake.faces.FINDERS``."""
FINDER_MODEL = "face_finder_int8"
"""The bundled face finder, which ``edge`` stands for."""
DEFAULT_THRESHOLD = "fpr_5%"
"""The threshold of a card at which at most 5 % of the real validation faces were called fake."""
DEFAULT_MARGIN = 0.3
"""Context that a crop shows around a face, as part of the face box's longer side."""
