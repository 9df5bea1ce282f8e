"""Where frames come from: camera, video file, image folder, URL, GStreamer pipeline, or any iterable of frames."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from edgefake.errors import InputError
from edgefake.files import plain_path
from edgefake.images import IMAGE_SUFFIXES, MAX_PIXELS, PictureFile, read_image
from edgefake.pixels import Pixels
from edgefake.secrets import without_secrets
from edgefake.streaming.decoding import Decoder, Undecoded
from edgefake.streaming.reasons import HEAD_BYTES, is_picture, why_not_a_video, why_not_opened, why_silent
from edgefake.streaming.stills import Idle, Still, arriving_stills, pictures_in, stills
from edgefake.text import portable_path, printable

SourceLike = int | str | Path | Iterable[Pixels]

_log = logging.getLogger(__name__)

TIMEOUT_MS = 5000
"""A URL that does not answer, or sends nothing for so long, counts as lost. Stopping may have to wait as long."""

DEFAULT_FPS = 30.0
"""The frame rate of pictures and iterables whose rate nobody gave, and of files that do not tell theirs."""

SIZE_PLACES = 8
"""In so many places of a stream file the picture size is looked up."""

ANIMATION_FPS = 10.0
"""At which the frames of animated pictures follow each other."""

RATE_FRAMES = 8
"""A file's real frame rate is taken from so many of its frames."""

SCHEMES = ("rtsp", "rtsps", "http", "https", "rtmp", "rtmps", "udp", "rtp", "srt", "tcp")


class SourceAwayError(InputError):
    """It does not answer; perhaps it will."""


@dataclass(frozen=True, slots=True)
class Reader:
    """An open source: frames (uint8, H×W×3, BGR) with their media time in seconds, which never runs backwards.

    In the place of a picture or frame that cannot be read is the error that says why. The media time is None in live sources:
    there the time of arrival counts. Closing ``frames`` closes the source; ``Idle`` is the opportunity where nothing comes.
    """

    frames: Generator[tuple[Pixels | Still | InputError | Idle, float | None], None, None]
    total: int | None = None
    """How many frames there should be, where the source tells."""
    fps: float | None = None
    """Frames per second, where the source tells; of files, where their first frames are faster, those of these."""
    seconds: float | None = None
    """How long the file should be, where it tells."""
    size: tuple[int, int] | None = None
    """Width and height of its frames, where it tells."""


@dataclass(frozen=True, slots=True)
class Source:
    """Something to watch. ``open`` raises ``SourceAwayError`` when it does not answer, another ``InputError`` otherwise."""

    name: str
    """For results and messages; without the user, password and query of a URL."""
    live: bool
    """Comes at its own pace, so that late frames are dropped; files and folders wait."""
    reconnects: bool
    """Can be opened again after it was lost."""
    open: Callable[[], Reader]
    stills: bool = False
    """Its pictures have nothing to do with one another."""


def find_source(
    source: SourceLike, *, size: tuple[int, int] | None = None, fps: float | None = None, live: bool | None = None
) -> Source:
    """What ``source`` stands for.

    Args:
        source: a camera (``0`` or ``/dev/video0``; ``/dev/v4l/by-id/…`` stays the same when cameras are replugged), a URL, a
            GStreamer pipeline (``v4l2src ! … ! appsink``), a video file, a folder of pictures in the order of their numbers,
            or an iterable of frames (uint8, H×W×3, BGR), which must not be changed after they were handed out. Pictures are
            judged each by itself, unless ``fps`` makes them a film.
        size: (width, height) to ask of a camera.
        fps: frames per second to ask of a camera, or at which pictures and frames of an iterable follow each other.
        live: whether late frames are dropped. Cameras and pipelines are live, files are not; URLs are unless this says that there
            is a video file behind it; iterables are when this says so. A folder that is live is watched for new pictures until
            it is stopped, and none is dropped.

    Raises ``InputError`` for anything else, and for ``size`` or ``fps`` where they mean nothing.
    """
    _check(size, fps)
    found = _find(source, size, fps, live)
    if live is not None and live != found.live and not (live and found.stills):
        does, option = ("does not come", "live=True (--follow)") if live else ("always comes", "live=False (--not-live)")
        raise InputError(f"{found.name} {does} live: leave {option} out")
    return found


def _find(source: SourceLike, size: tuple[int, int] | None, fps: float | None, live: bool | None) -> Source:
    is_path = isinstance(source, Path)  # never a camera's number, a URL or a pipeline
    if isinstance(source, Path):
        source = os.path.join(os.curdir, source) if str(source).isdigit() else str(source)
    if isinstance(source, bool) or not isinstance(source, int | str | Iterable):
        raise InputError(f"expected a camera number, a path, a URL or an iterable of frames to watch, got {source!r}")
    if isinstance(source, np.ndarray) and source.ndim < 4:
        raise InputError(f"expected frames to watch, got one array of shape {source.shape}: judge it with Detector.predict")
    if isinstance(source, int) or (isinstance(source, str) and re.fullmatch(r"\d+|/dev/(video|v4l/).+", source)):
        return _camera(source, size, fps)
    if size is not None:
        raise InputError(f"expected a camera to ask for a size, got {size[0]}×{size[1]} for another source: leave it out")
    if not isinstance(source, str):
        return Source("iterable", bool(live), False, lambda: Reader(_timed(iter(source), fps, live=bool(live)), fps=fps))
    if os.path.isdir(source):  # unlike Path.is_dir it takes strings that are too long for a path, as pipelines may be
        return _stills(source, follow=bool(live)) if fps is None else _film(source, fps)
    if fps is not None:
        raise InputError(f"{_public_name(source)} comes with its own frame rate: leave fps={fps:g} out")
    if is_path or os.path.isfile(source):
        return _file(source)
    if re.search(r"\s!\s", source):
        return _pipeline(source)
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", source):
        return _url(source, live=live is not False)
    return _file(source)


def _check(size: tuple[int, int] | None, fps: float | None) -> None:
    if size is not None and not (len(size) == 2 and all(isinstance(n, int) and n > 0 for n in size)):
        raise InputError(f"expected a size as (width, height) in whole pixels, got {size!r}")
    if fps is not None and not 0 < fps < 1000:
        raise InputError(f"expected a frame rate above 0 and below 1000 per second, got {fps!r}")


def _camera(source: int | str, size: tuple[int, int] | None, fps: float | None) -> Source:
    device = int(source) if str(source).isdigit() else str(source)

    def open_camera() -> Reader:
        camera = _capture(device, cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY)
        if size is not None:
            camera.set(cv2.CAP_PROP_FRAME_WIDTH, size[0])
            camera.set(cv2.CAP_PROP_FRAME_HEIGHT, size[1])
            width, height = round(camera.get(cv2.CAP_PROP_FRAME_WIDTH)), round(camera.get(cv2.CAP_PROP_FRAME_HEIGHT))
            if (width, height) != tuple(size):
                camera.release()
                raise InputError(f"camera {device} gives {width}×{height}, not {size[0]}×{size[1]}: ask for a size that it has")
        if fps is not None and not camera.set(cv2.CAP_PROP_FPS, fps):
            _log.warning("camera %s does not let its frame rate be set: it gives %g", device, camera.get(cv2.CAP_PROP_FPS))
        return _video(camera, str(device), live=True, ffmpeg=False)

    return Source(str(device), True, True, open_camera)


def _url(url: str, *, live: bool) -> Source:
    scheme, rest = url.split("://", 1)
    scheme = scheme.lower()  # FFmpeg knows its protocols in lower case only
    if scheme not in SCHEMES:
        raise InputError(f"expected an address of {', '.join(SCHEMES)} to watch, got {_public_name(url)}")
    limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, TIMEOUT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, TIMEOUT_MS]
    name, address = _public_name(url), f"{scheme}://{rest}"

    def open_url() -> Reader:
        capture = cv2.VideoCapture(address, cv2.CAP_FFMPEG, limits)
        if not capture.isOpened():
            capture.release()
            reason, is_away = why_silent(address)
            raise (SourceAwayError if is_away else InputError)(f"{name} {reason}")
        return _video(capture, name, live=live)

    return Source(name, live, live, open_url)


def _pipeline(pipeline: str) -> Source:
    if not cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER):
        raise InputError(
            "this OpenCV was built without GStreamer, as those from PyPI are: "
            "use the OpenCV of JetPack or of your distribution for pipelines, or give a camera or URL"
        )
    name = _public_name(pipeline)
    return Source(name, True, True, lambda: _video(_capture(pipeline, cv2.CAP_GSTREAMER), name, live=True, ffmpeg=False))


def _file(path: str) -> Source:
    def capture_file() -> cv2.VideoCapture:
        with plain_path(path) as name:
            return cv2.VideoCapture(name, cv2.CAP_FFMPEG)

    def open_file() -> Reader:
        if not os.path.isfile(path):
            raise InputError(
                f"there is no video file {_public_name(path)}: give a file, folder, camera, URL or pipeline to watch"
            )
        name = printable(path)
        head, tail = _ends(path)
        if is_picture(head) and not (head[:2] == b"\xff\xd8" and Path(path).suffix.lower() not in IMAGE_SUFFIXES):
            return _animation(path)
        if no_video := why_not_a_video(head):
            raise InputError(f"{name} {no_video}")
        capture = capture_file()
        if not capture.isOpened():
            capture.release()
            raise InputError(f"{name} {why_not_opened(head, tail)}")
        reader = _video(capture, name, live=False, again=capture_file)
        if len(sizes := _sizes(path, head)) > 1:
            shown = ", then ".join(f"{width}×{height}" for width, height in sizes)
            _log.warning("%s changes its picture size (%s): later sizes are stretched to the first, cut it there", name, shown)
        reader = replace(reader, fps=_first_rate(capture_file(), reader.fps))
        if reader.total and reader.seconds and 0 < (start := _start(head)) < reader.seconds:
            rest = 1 - start / reader.seconds
            reader = replace(reader, total=max(1, round(reader.total * rest)), seconds=reader.seconds * rest)
        return reader

    return Source(portable_path(path), False, False, open_file)


def _animation(path: str) -> Reader:
    """The frames of an animated picture; the pages of others are no film."""
    pictures = PictureFile.open(path)
    if len(pictures) < 2 or len(pictures.headers) > 1:
        raise InputError(f"{pictures.name} is a picture: judge it with `edgefake predict`, or give a folder of pictures to watch")
    return Reader(_timed(pictures, ANIMATION_FPS, live=False), len(pictures), ANIMATION_FPS)


def _ends(path: str) -> tuple[bytes, bytes]:
    """The first and the last bytes of a file."""
    try:
        with open(path, "rb") as file:
            head = file.read(HEAD_BYTES)
            file.seek(max(len(head), os.fstat(file.fileno()).st_size - HEAD_BYTES))
            return head, file.read(HEAD_BYTES)
    except OSError as error:
        raise InputError(f"{printable(path)} cannot be read: {error.strerror or error}") from error


def _start(head: bytes) -> float:
    """At what second a Matroska file begins: what it announces as its length is where it ends, counted from 0.

    Parts of longer recordings keep its time.
    """
    number = rb"(?:\x10\0\0)?([\x01-\x08\x81-\x88])(.{8})"  # its length in bytes, in two ways of writing, and what begins with it
    cluster = re.search(rb"\x1f\x43\xb6\x75.{1,8}?(?:\xbf\x84.{4})?\xe7" + number, head, re.DOTALL)
    if not head.startswith(b"\x1a\x45\xdf\xa3") or cluster is None:
        return 0.0
    scale = re.search(rb"\x2a\xd7\xb1" + number, head, re.DOTALL)
    ticks, nanoseconds = (int.from_bytes(of[2][: of[1][0] & 15], "big") if of else 1_000_000 for of in (cluster, scale))
    return ticks * nanoseconds / 1e9


def _sizes(path: str, head: bytes) -> list[tuple[int, int]]:
    """The picture sizes in a transport or programme stream, which may change, as FFmpeg finds them at a few places of it.

    OpenCV gives every frame in the first size, and says nothing.
    """
    sizes: dict[tuple[int, int], None] = {}
    if head[:4] != b"\0\0\1\xba" and head[:1] + head[188:189] != b"\x47\x47" and head[4:5] + head[196:197] != b"\x47\x47":
        return []
    with plain_path(path) as name:
        length = os.path.getsize(path)
        for part in range(SIZE_PLACES):
            start = length * part // SIZE_PLACES
            capture = cv2.VideoCapture(f"subfile,,start,{start},end,{length},,:{name}", cv2.CAP_FFMPEG)
            size = round(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), round(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
            capture.release()
            if min(size) > 0:
                sizes[size] = None
    return list(sizes)


def _first_rate(capture: cv2.VideoCapture, announced: float | None) -> float | None:
    """The rate of the first frames where it is above the one announced, which may be wrong or a mean; closes ``capture``."""
    times: list[float] = []
    while len(times) <= RATE_FRAMES and capture.grab():
        times.append(capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3)
    capture.release()
    if len(times) <= RATE_FRAMES or times[-1] <= times[0]:
        return announced
    rate = RATE_FRAMES / (times[-1] - times[0])
    rate = round(rate) if abs(rate - round(rate)) < 0.01 * rate else rate  # containers round times to milliseconds
    return rate if announced is None or 1.02 * announced < rate < 1000 else announced


def _film(path: str, fps: float) -> Source:
    def open_film() -> Reader:
        pictures = pictures_in(path)
        return Reader(_timed(_frames(pictures), fps, live=False), len(pictures), fps)

    return Source(portable_path(path), False, False, open_film)


def _frames(pictures: Iterable[Path]) -> Iterator[Pixels | InputError]:
    """The pictures, or why one cannot be read."""
    shape = None
    for picture in pictures:
        try:
            frame = read_image(picture)
        except InputError as error:
            yield error
            continue
        if frame.shape != (shape or frame.shape):
            raise InputError(
                f"{printable(picture)} has another size than the pictures before it: they are no film; leave fps (--fps) out, "
                "and each is judged by itself"
            )
        shape = frame.shape
        yield frame


def _stills(path: str, *, follow: bool) -> Source:
    def open_stills() -> Reader:
        pictures = arriving_stills(path) if follow else stills(pictures_in(path))
        return Reader((picture, None) for picture in pictures)

    return Source(portable_path(path), False, False, open_stills, stills=True)


def _capture(source: int | str, backend: int) -> cv2.VideoCapture:
    capture = cv2.VideoCapture(source, backend)
    if not capture.isOpened():
        capture.release()
        kind = "camera " if isinstance(source, int) else ""
        told = f"{kind}{_public_name(source)} does not answer"
        raise SourceAwayError(f"{told}: check that it is there, not in use elsewhere, and that you may open it")
    return capture


def _video(
    capture: cv2.VideoCapture,
    name: str,
    *,
    live: bool,
    ffmpeg: bool = True,
    again: Callable[[], cv2.VideoCapture] | None = None,
) -> Reader:
    width, height = (round(capture.get(side)) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    if width * height > MAX_PIXELS:
        capture.release()
        raise InputError(f"expected frames of at most {MAX_PIXELS // 1_000_000} megapixels, got {width}×{height} in {name}")
    frames, rate = capture.get(cv2.CAP_PROP_FRAME_COUNT), capture.get(cv2.CAP_PROP_FPS)
    total = round(frames) if 0 < frames < 1e12 and not live else None
    fps = rate if 0 < rate < 1000 else None
    decoder = Decoder(capture, name, live=live, ffmpeg=ffmpeg, again=again)
    return Reader(
        _read(capture, decoder, fps or DEFAULT_FPS, live=live),
        total,
        fps,
        total / fps if total and fps else None,
        (width, height),
    )


def _read(
    capture: cv2.VideoCapture, decoder: Decoder, fps: float, *, live: bool
) -> Generator[tuple[Pixels | InputError, float | None], None, None]:
    step = 1.0 / fps
    seconds, lost = -step, 0
    try:
        for frame in decoder.frames():
            if isinstance(frame, Undecoded):
                lost += 1
                yield frame, None
                continue
            if not live:
                told = capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3
                seconds = told if told > seconds else seconds + step * (1 + lost)  # joined and damaged files jump back
            lost = 0
            yield frame, None if live else seconds
    finally:
        capture.release()


def _timed(
    frames: Iterable[Pixels | InputError], fps: float | None, *, live: bool
) -> Generator[tuple[Pixels | InputError, float | None], None, None]:
    rate = fps or DEFAULT_FPS
    for index, frame in enumerate(frames):
        yield frame, None if live else index / rate


def _public_name(source: object) -> str:
    """``source`` for people and logs."""
    return printable(without_secrets(str(source)))
