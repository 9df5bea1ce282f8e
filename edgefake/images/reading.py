"""Reading pictures: what is accepted becomes uint8 BGR upright, everything else is one clear sentence."""

from __future__ import annotations

import os
import re
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import BinaryIO

import cv2
import numpy as np
import numpy.typing as npt

from edgefake.errors import InputError
from edgefake.images.apng import apng_frames
from edgefake.images.damage import check_png, check_tiff
from edgefake.images.depth import as_bgra, check_depth, on_white
from edgefake.images.finding import VIDEO_SUFFIXES
from edgefake.images.header import Header, begins_as_picture, read_headers
from edgefake.images.tiff import Tiff
from edgefake.pixels import Pixels
from edgefake.text import printable

PathLike = str | os.PathLike[str]
Source = PathLike | bytes | bytearray | memoryview | BinaryIO
"""Where a picture is: the path of a file, the bytes of one, or a file object opened for reading bytes."""

MAX_PIXELS = 200_000_000
"""How many pixels a picture may declare, all frames of an animation together: at the least three bytes of memory each."""

MAX_BYTES = 1 << 30

FORMATS = "JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF, HEIC, JPEG 2000 or PNM"


class NoPictureError(InputError):
    """The file is of no known format of pictures."""


class TooManyPixelsError(InputError):
    """The picture declares more pixels than are allowed."""


_VIDEO = re.compile(rb"....ftyp|....moov|\x1aE\xdf\xa3|RIFF....AVI |\0\0\x01[\xba\xb3]|FLV|G.{187}G|OggS|0&\xb2u\x8ef", re.DOTALL)
_FILMS = (".mjpeg", ".mjpg")
"""Videos that begin like a picture."""

HEAD_BYTES = 4096
"""So much of a file tells what it is."""

_DAMAGED = (ValueError, struct.error, IndexError, KeyError, OverflowError)


def read_image(source: Source, *, max_pixels: int = MAX_PIXELS) -> Pixels:
    """Read a picture as uint8, H×W×3, **BGR**, upright (EXIF, or what its format has instead); grey becomes BGR.

    ``source`` is the path of a file, the bytes of one, or a file object opened for reading bytes, which is read to its end.

    Transparent pixels are laid on white, as viewers show them. More than 8 bits per sample are scaled to 8 by the white that the
    file declares. Formats: JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF, JPEG 2000, PNM and, with the extra ``heic``, HEIC; what the
    installed OpenCV lacks of them is refused. Thumbnails and gain maps in the file are passed over.

    Raises ``InputError`` when the file cannot be opened, is no regular file, is empty, is no picture, is cut short or damaged as
    far as its format and decoder can tell, declares more than ``max_pixels``, or holds several pictures, for ``read_images``.
    """
    pictures = PictureFile.open(source, max_pixels=max_pixels)
    if len(pictures) > 1:
        raise InputError(
            f"{pictures.name} holds {len(pictures)} pictures: judge each with `edgefake predict`, or read them with "
            "edgefake.read_images"
        )
    return next(_or_raise(pictures))


def read_images(source: Source, *, max_pixels: int = MAX_PIXELS) -> Iterator[Pixels]:
    """Read all pictures of a file (frames of an animation, pages of a TIFF, pictures of an MPO), each as ``read_image`` does.

    Raises ``InputError`` likewise.
    """
    return _or_raise(PictureFile.open(source, max_pixels=max_pixels))


def is_video(head: bytes) -> bool:
    """Whether a file that begins so (190 bytes are enough) is a video or sound, and no picture."""
    return bool(_VIDEO.match(head)) and not begins_as_picture(head)


def begins_as_video(head: bytes, suffix: str) -> bool:
    """Whether a file is to be judged as a video: by its first ``HEAD_BYTES``, and by its suffix where they leave it open."""
    suffix = suffix.lower()
    return suffix in _FILMS or is_video(head) or (suffix in VIDEO_SUFFIXES and not begins_as_picture(head))


def _or_raise(pictures: PictureFile) -> Iterator[Pixels]:
    for picture in pictures:
        if isinstance(picture, InputError):
            raise picture
        yield picture


@dataclass(frozen=True, slots=True)
class PictureFile:
    """The pictures of one file. Iterating decodes them; in the place of one that cannot be read is the error that says why."""

    name: str
    """For messages."""
    data: bytes
    headers: list[Header]
    max_pixels: int

    @classmethod
    def open(cls, source: Source, *, max_pixels: int = MAX_PIXELS, name: str | None = None) -> PictureFile:
        """Read the file and what it declares, and decode nothing; ``name`` is for messages, where the source has none.

        Raises ``InputError``, ``NoPictureError`` where it is none.
        """
        named, data = _content(source)
        name = named if name is None else printable(name)
        try:
            headers = read_headers(data)
            if headers and headers[0].format == "HEIC":
                from edgefake.images.heic import heic_headers

                _check_size(headers[0], max_pixels)
                headers = heic_headers(data)
        except InputError as error:
            raise type(error)(f"{name} {error}") from error
        except _DAMAGED as error:
            raise InputError(f"{name} is damaged or cut short ({printable(error)}): get the whole file") from error
        if headers:
            return cls(name, data, headers, max_pixels)
        if is_video(data):
            raise NoPictureError(f"{name} is a video or sound file: judge videos with `edgefake video`")
        raise NoPictureError(f"{name} is damaged, cut short or no picture of a known format: give one of {FORMATS}")

    def __len__(self) -> int:
        return sum(header.count for header in self.headers)

    def __iter__(self) -> Iterator[Pixels | InputError]:
        for number, header in enumerate(self.headers, 1):
            name = self.name if len(self.headers) == 1 else f"{self.name}, picture {number} of {len(self.headers)},"
            try:
                _check_size(header, self.max_pixels)
                pictures = _decode(self.data, header)
            except InputError as error:
                yield type(error)(f"{name} {error}")
            except _DAMAGED as error:
                yield InputError(f"{name} is damaged or cut short ({printable(error)}): get the whole file")
            except cv2.error as error:
                yield InputError(f"{name} cannot be decoded: {printable(error.err) or 'OpenCV gave no reason'}")
            except MemoryError:
                yield InputError(f"{name} needs more memory than there is: scale it down")
            else:
                yield from pictures


def _content(source: Source) -> tuple[str, bytes]:
    """(name for messages, bytes) of a picture."""
    if isinstance(source, bytes | bytearray | memoryview):
        name, data = "the picture in memory", bytes(source)
    elif isinstance(source, str | os.PathLike):
        return printable(source), _read_file(source)
    elif hasattr(source, "read"):
        name, data = printable(getattr(source, "name", "the file object")), _read_stream(source)
    else:
        raise InputError(
            "expected a picture as the path of a file, bytes or a file object opened for reading bytes, got "
            f"{type(source).__name__} {printable(repr(source), limit=60)}"
        )
    if len(data) > MAX_BYTES:
        raise InputError(f"{name} is larger than {MAX_BYTES >> 30} GiB: give a picture")
    if not data:
        raise InputError(f"{name} is empty (0 bytes): give a picture; of a file object that was read before, seek(0) first")
    return name, data


def _read_stream(stream: BinaryIO) -> bytes:
    try:
        data = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # closed, or opened for writing
        raise InputError(f"the picture cannot be read from the file object: {error}") from error
    if not isinstance(data, bytes):
        raise InputError(f'expected a file object that gives bytes, got one of {type(data).__name__}: open it with "rb"')
    return data


@contextmanager
def open_regular(path: PathLike) -> Iterator[BinaryIO]:
    """A regular file, or a pipe that this process was given (``/dev/stdin``, ``/dev/fd/63``), for reading bytes.

    Raises ``InputError`` for anything else, and for what the ``with`` block cannot read.
    """
    name = printable(path)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # opening a named pipe would wait for a writer
        with open(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            given = os.fspath(path).startswith(("/dev/stdin", "/dev/fd/", "/proc/self/fd/"))
            if not stat.S_ISREG(status.st_mode) and not (given and stat.S_ISFIFO(status.st_mode)):
                what = "Is a directory" if stat.S_ISDIR(status.st_mode) else "it is a pipe or device, no regular file"
                raise InputError(f"{name} cannot be read: {what}")
            os.set_blocking(descriptor, True)
            yield file
    except OSError as error:
        raise InputError(f"{name} cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # NUL in the name, or half a surrogate pair; an InputError too
        raise error if isinstance(error, InputError) else InputError(f"{name} cannot be read: {error}") from error


def _read_file(path: PathLike) -> bytes:
    parts: list[bytes] = []
    with open_regular(path) as file:
        while part := file.read(1 << 20):
            parts.append(part)
            if len(parts) > MAX_BYTES >> 20:
                raise InputError(f"{printable(path)} is larger than {MAX_BYTES >> 30} GiB: give a picture")
    if not parts:
        raise InputError(f"{printable(path)} is empty (0 bytes): give a picture")
    return b"".join(parts)


def _check_size(header: Header, max_pixels: int) -> None:
    if header.width < 1 or header.height < 1:
        raise ValueError(f"it declares {header.width}×{header.height} pixels")
    if header.pixels > max_pixels:
        frames = f"{header.count} pictures of " if header.count > 1 else ""
        raise TooManyPixelsError(
            f"declares {frames}{header.width}×{header.height} pixels, more than the {max_pixels / 1e6:g} megapixels allowed: "
            "scale it down, or allow more with max_pixels (--max-megapixels)"
        )


def _decode(data: bytes, header: Header) -> list[Pixels]:
    """The pictures that the header stands for. Raises ``ValueError`` where they are damaged."""
    if header.format == "JPEG":
        from edgefake.images.jpeg import decode_jpeg

        stored: list[npt.NDArray[np.generic]] = [decode_jpeg(data[header.start :])]
    elif header.format == "HEIC":
        from edgefake.images.heic import decode_heic

        stored = [decode_heic(data, header)]
    else:
        if header.format == "PNG":
            check_png(data)
        elif header.format == "TIFF":
            check_depth(header)
            check_tiff(data, header)
            data = Tiff.of(data).beginning_with(header.start)
        stored = _decode_together(data, header) if header.count > 1 else [_decode_one(data, header)]
    return [_upright(on_white(picture, header), header.turn) for picture in stored]


def _decode_one(data: bytes, header: Header) -> npt.NDArray[np.generic]:
    plain = not header.alpha and (header.bits <= 8 or header.format == "AVIF")
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION if plain else cv2.IMREAD_UNCHANGED
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if picture is None:
        raise InputError(
            f"is damaged, cut short, or a kind of {header.format} that OpenCV {cv2.__version__} cannot decode: get the whole file"
        )
    return picture


def _decode_together(data: bytes, header: Header) -> list[npt.NDArray[np.generic]]:
    """The frames of an animation, each laid over those before it."""
    if header.format == "PNG":
        alone = replace(header, frames=1, hidden=False, alpha=True)
        return list(apng_frames(data, lambda frame: as_bgra(_decode_one(frame, alone), alone), hidden=header.hidden))
    done, frames = cv2.imdecodemulti(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if not done or len(frames) != header.frames:
        raise InputError(
            f"has {header.frames} frames, of which OpenCV {cv2.__version__} decodes {len(frames)}: it is damaged, or this too old"
        )
    return list(frames)


def _upright(picture: Pixels, turn: tuple[int, int | None]) -> Pixels:
    quarters, flip = turn
    turned: cv2.typing.MatLike = picture
    if quarters:
        turned = cv2.rotate(turned, (cv2.ROTATE_90_COUNTERCLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_CLOCKWISE)[quarters - 1])
    if flip is not None:
        turned = cv2.flip(turned, flip)
    return np.asarray(turned, np.uint8)
