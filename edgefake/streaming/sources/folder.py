"""Folders of pictures: each judged by itself, also as they arrive, or all of them a film."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from edgefake.errors import InputError
from edgefake.images import read_image
from edgefake.pixels import Pixels
from edgefake.streaming.sources.base import Asked, Reader, Source, timed
from edgefake.streaming.stills import arriving_stills, pictures_in, stills
from edgefake.text import portable_path, printable


def find(text: str, asked: Asked) -> Source:
    """The pictures in this folder, in the order of their numbers; with a frame rate a film, when live without end."""
    return _stills(text, follow=bool(asked.live)) if asked.fps is None else _film(text, asked.fps)


def _film(path: str, fps: float) -> Source:
    def open_film() -> Reader:
        pictures = pictures_in(path)
        return Reader(timed(_frames(pictures), fps, live=False), len(pictures), fps)

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
