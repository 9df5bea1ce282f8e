"""How large what a visitor uploads may be."""

MAX_UPLOAD_MB = 500
"""Of a video; all of it is kept in memory."""
MAX_PICTURE_MB = 50
MAX_PIXELS = 100_000_000
"""Of a picture file, all its pictures together, told before any is decoded; and of a frame of a video."""
