"""H.264 in MP4, which every browser plays, encoded by PyAV where it is installed: OpenCV's wheels have no such encoder."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

from edgefake.pixels import Pixels
from edgefake.sinks.mp4 import TICKS

ENCODERS = ("libx264", "libopenh264")
"""Of FFmpeg; the first that is there is taken."""


def h264_encoder() -> str | None:
    """The encoder that this machine has, or None: ``pip install 'edgefake[h264]'`` brings one."""
    try:
        import av
    except ImportError:
        return None
    for name in ENCODERS:
        try:
            return str(av.Codec(name, "w").name)
        except ValueError:  # an FFmpeg without it
            continue
    return None


class H264File:
    """Writes frames (uint8, H×W×3, BGR; an odd side is cut by one), about ``fps`` per second, to the existing ``path``.

    It can be played once it is closed, not before. Raises ``ValueError`` where such frames cannot be encoded, or there is no
    encoder, and ``OSError`` when the file cannot be opened. What goes wrong with it later is kept in ``error``.
    """

    def __init__(self, path: Path, size: tuple[int, int], fps: float) -> None:
        self.written = 0
        self.error: OSError | None = None
        self._ticks = -1
        encoder = h264_encoder()
        if encoder is None:
            raise ValueError("there is no H.264 encoder: pip install 'edgefake[h264]'")
        import av

        self._av = av
        self._size = size[0] & -2, size[1] & -2
        if not all(self._size):
            raise ValueError(f"no H.264 of {size[0]}×{size[1]} can be encoded")
        try:
            self._file: Any = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
            settings = {"preset": "veryfast", "crf": "21"} if encoder == "libx264" else {}
            self._stream: Any = self._file.add_stream(encoder, rate=Fraction(fps).limit_denominator(1000), options=settings)
            context: Any = self._stream.codec_context
            context.width, context.height = self._size
            context.pix_fmt, context.time_base = "yuv420p", Fraction(1, TICKS)
            context.open()
        except av.FFmpegError as error:
            raise ValueError(str(error)) from error

    def write(self, picture: Pixels, seconds: float) -> None:
        """Encode the next frame, which was seen ``seconds`` after the first one."""
        self._ticks = max(self._ticks + 1, round(seconds * TICKS))
        width, height = self._size
        frame = self._av.VideoFrame.from_ndarray(picture[:height, :width].copy(), format="bgr24")
        frame.pts, frame.time_base = self._ticks, Fraction(1, TICKS)
        if self._put(frame):
            self.written += 1

    def close(self) -> None:
        """Write what is encoded, and the index."""
        if self._put(None):
            try:
                self._file.close()
            except (self._av.FFmpegError, OSError) as error:
                self.error = OSError(str(error))
        if self.error is not None:
            self.written = 0  # without its index nothing of it can be played

    def _put(self, frame: Any) -> bool:
        if self.error is None:
            try:
                self._file.mux(self._stream.encode(frame))
            except (self._av.FFmpegError, OSError) as error:
                self.error = OSError(str(error))
        return self.error is None
