"""The exceptions a caller may want to catch. Every message says what was expected, what came, and what to do."""


class EdgefakeError(Exception):
    """Base class of every error this library raises on purpose."""


class InputError(EdgefakeError, ValueError):
    """A frame, crop, box, image file or argument that cannot be used."""


class ModelNotFoundError(EdgefakeError, LookupError):
    """No bundled, cached or downloadable model has this name, and no file has this path."""


class ModelFileError(EdgefakeError):
    """The file is no usable model: damaged, of another format, or not what its card says."""


class CardError(ModelFileError):
    """The model's card is missing, incomplete, or of a schema this version cannot read."""


class ModelStoreError(EdgefakeError):
    """A model could not be downloaded, failed its SHA-256 check, or the cache cannot be written."""


class BackendError(EdgefakeError):
    """The runtime asked for is unknown, not installed, or cannot run this model."""


class SinkError(EdgefakeError):
    """A sink that cannot be opened, or results of a stream that it could not deliver."""

    def __init__(self, message: str, *, lost: int | None = None) -> None:
        super().__init__(message)
        self.lost = lost
        """How many results, where that is known; None: at least the one that was to be sent."""
