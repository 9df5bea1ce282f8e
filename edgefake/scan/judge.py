"""``Judge``: a batch of files → a table of results. The worker of every engine."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import fields
from itertools import takewhile
from typing import Any

import cv2

from edgefake.detector import Detector
from edgefake.errors import EdgefakeError, InputError
from edgefake.images import PictureFile
from edgefake.pixels import Pixels
from edgefake.report.cutouts import face_square, jpeg_of
from edgefake.scan import films, rows
from edgefake.scan.extra import required
from edgefake.scan.films import Film, judge_film
from edgefake.scan.reading import HELD, Content, Work, on_disk, read, read_whole
from edgefake.scan.rows import File, Row
from edgefake.scan.settings import Fingerprint, Settings
from edgefake.scan.similar import look_of
from edgefake.text import printable

AHEAD = 32
"""So many files, if they are small, are read, and claimed several at once, while others are judged."""

READERS = 4
"""So many are read at once."""

THUMBNAIL_SIDE = 112

Claim = Callable[[Sequence[tuple[str, str]]], Sequence[bool]]
"""``claim([(key, path), …])``: of each, whether nobody but ``path`` claimed ``key``, a digest of what is to be judged, before."""

Batch = Any
"""A ``pyarrow.Table`` or record batch, or a mapping from names of columns to their values."""


Read = tuple[Work, Content | Row]
"""A file and what was read of it, or the row of one that is not to be judged."""


class Judge:
    """Judges files: ``Judge()(pyarrow.table({"path": [...]}))``, or as the callable class of Ray Data's ``map_batches``.

    Args:
        settings: how files are judged; the detector is opened with the first batch.
        claim: asked before a file is judged, for a scan only: what is claimed comes back as a row that says so, and a long
            video as a row that says how many clips it has.
        tick: called before each file and each clip of a video.

    One process should have one of them: it sets OpenCV to one thread.
    """

    def __init__(
        self, settings: Settings | None = None, *, claim: Claim | None = None, tick: Callable[[], None] | None = None
    ) -> None:
        self._settings = settings or Settings()
        self._claim, self._tick = claim, tick or _nothing
        self._detector: Detector | None = None
        self._readers: ThreadPoolExecutor | None = None
        self.fingerprint: Fingerprint | None = None
        """Of its results; None before the first batch."""

    def __call__(self, batch: Batch) -> Any:
        """The results of the files in ``batch``, in its order: a ``pyarrow.Table``, see ``docs/archives.md``.

        Columns of ``batch`` are ``path`` (text: a path or an address), ``bytes`` (a whole file), or both, where ``path`` is only
        the name. Raises ``InputError`` for another batch, and what opening a ``Detector`` raises.
        """
        works = works_of(batch)
        self.open()
        return self._table(list(self.judged(works)))

    def open(self) -> Fingerprint:
        """Open the detector, if it is not; the fingerprint of what it will say."""
        if self._detector is None:
            cv2.setNumThreads(1)
            self._readers = ThreadPoolExecutor(READERS + 1, "reader")
            self._detector = self._settings.open()
            self._detector.warm_up(1)
            self.fingerprint = Fingerprint.of(self._detector, self._settings)
        assert self.fingerprint is not None
        return self.fingerprint

    def judged(self, works: Sequence[Work]) -> Iterator[Row]:
        """The row of each, in their order."""
        self.open()
        assert self._readers is not None
        reading: deque[tuple[Work, Future[Content | Row]]] = deque()
        claiming: Future[list[Read]] | None = None
        ready: deque[Read] = deque()
        left = iter(works)
        while True:
            while _room(reading, ready) and (work := next(left, None)) is not None:
                reading.append((work, self._readers.submit(self._read, work)))
            if claiming is None and (group := _first_read(reading)) and (len(group) >= AHEAD // 2 or not ready):
                claiming = self._readers.submit(self._claimed, [reading.popleft() for _ in group])
            if ready:
                work, content = ready.popleft()
                self._tick()
                yield content if isinstance(content, dict) else self._row(work, content)
            elif claiming is not None:
                self._tick()
                ready.extend(claiming.result())
                claiming = None
            elif reading:
                self._tick()
                reading[0][1].result()
            else:
                return

    def close(self) -> None:
        if self._readers is not None:
            self._readers.shutdown()
        if self._detector is not None:
            self._detector.close()

    def _table(self, judged: Sequence[Row]) -> Any:
        assert self.fingerprint is not None
        model, id = self.fingerprint.model, self.fingerprint.id
        table = rows.table_of([rows.finished(row, model=model, fingerprint=id) for row in judged])
        return table.replace_schema_metadata({rows.FINGERPRINT: self.fingerprint.to_json()})

    def _read(self, work: Work) -> Content | Row:
        """What is to be judged, or why it is not."""
        try:
            if work.clips is not None:
                return Content(work.file, True, None)
            return read(work)
        except InputError as error:
            return rows.error_row(work.file, str(error))
        except MemoryError:
            return rows.error_row(work.file, f"{work.name} needs more memory than there is: allow more")

    def _claimed(self, group: Sequence[tuple[Work, Future[Content | Row]]]) -> list[Read]:
        """What was read of each; where others have claimed the same, the row that says so."""
        found = [(work, reading.result()) for work, reading in group]
        keys = [None if isinstance(read, dict) or work.clips is not None else read.file.sha256 for work, read in found]
        if self._claim is None or not any(keys):
            return found
        asked = [(key, work.path or key) for key, (work, _) in zip(keys, found, strict=True) if key]
        answers = iter(self._claim(asked))
        return [
            (work, read if not key or isinstance(read, dict) or next(answers) else _same(read, key))
            for key, (work, read) in zip(keys, found, strict=True)
        ]

    def _row(self, work: Work, content: Content) -> Row:
        file, kind = content.file, "video" if content.is_video else "picture"
        try:
            return self._video(work, file) if content.is_video else self._picture(work, content)
        except EdgefakeError as error:
            row = rows.error_row(file, str(error), kind=kind)
        except MemoryError:
            row = rows.error_row(file, f"{work.name} needs more memory than there is: allow more", kind=kind)
        except Exception as error:  # of strangers' bytes anything comes, and the other files go on
            row = rows.error_row(file, f"{work.name} cannot be judged: {printable(f'{type(error).__name__} {error}')}", kind=kind)
        return row if work.clips is None else {**row, "clips": work.clips, "first": work.first, "end": work.end}

    def _picture(self, work: Work, content: Content) -> Row:
        assert self._detector is not None
        data = read_whole(work) if content.data is None else content.data
        pictures = PictureFile.open(data, max_pixels=self._settings.max_pixels, name=work.name)
        predictions, faces, errors, look = [], [], [], None
        for number, frame in enumerate(pictures, 1):
            if isinstance(frame, InputError):
                errors.append(str(frame))
                continue
            if self._settings.near_duplicates and len(pictures) == 1:
                look = look_of(frame)
                if self._claim and not self._claim([(look, work.path or look)])[0]:
                    return rows.same_row(content.file, "picture", look)
            prediction = self._detector.predict(frame)
            predictions.append(prediction)
            for face in prediction.faces:
                scored = self._settings.thumbnails and face.p_fake is not None
                small = self._thumbnail(face_square(self._detector, frame, face.box)) if scored else None
                faces.append(rows.picture_face(face, number, small))
        row = rows.picture_row(content.file, predictions, faces, self._detector.thresholds, errors=errors)
        return {**row, "look": look}

    def _video(self, work: Work, file: File) -> Row:
        assert self._detector is not None
        with on_disk(work) as path:
            film = Film.of(path, most=self._settings.clips)
            if work.clips is None and self._claim and film.clips > films.PART and work.local is not None:
                return rows.split_row(file, film.clips)
            first, end = (0, film.clips) if work.clips is None else (work.first, work.end)
            return judge_film(film, file, self._detector, first=first, end=end, thumbnail=self._thumbnail, tick=self._tick)

    def _thumbnail(self, square: Pixels) -> bytes | None:
        return jpeg_of(square, THUMBNAIL_SIDE) if self._settings.thumbnails else None


def works_of(batch: Batch) -> list[Work]:
    """The files in ``batch``. Raises ``InputError`` where it has neither ``path`` nor ``bytes``."""
    columns: Mapping[str, Any] = batch if isinstance(batch, Mapping) else {name: batch[name] for name in batch.schema.names}
    known = {"data" if name == "bytes" else name: _values(values) for name, values in columns.items()}
    names = [field.name for field in fields(Work) if field.name in known]
    if not {"path", "data"} & set(names):
        raise InputError(f"expected a batch with a column path or bytes, got {', '.join(columns) or 'none'}")
    given = [dict(zip(names, values, strict=True)) for values in zip(*(known[name] for name in names), strict=True)]
    return [Work(**{name: value for name, value in row.items() if value is not None}) for row in given]


def batch_of(works: Sequence[Work]) -> Any:
    """``works`` as a ``pyarrow.Table`` that ``works_of`` reads."""
    names = [field.name for field in fields(Work)]
    columns = {"bytes" if name == "data" else name: [getattr(work, name) for work in works] for name in names}
    pa = required("pyarrow")
    kinds = {"bytes": pa.binary(), "path": pa.string(), "archive": pa.string(), "sha256": pa.string()}
    return pa.table({name: pa.array(values, kinds.get(name, pa.int64())) for name, values in columns.items()})


def _room(reading: Sequence[tuple[Work, Future[Content | Row]]], ready: Sequence[Read]) -> bool:
    """Whether another file may be read."""
    read = [future.result() for _, future in reading if future.done()] + [content for _, content in ready]
    held = sum(len(content.data) for content in read if isinstance(content, Content) and content.data is not None)
    return len(reading) + len(ready) <= AHEAD and len(reading) + len(ready) - len(read) < READERS and held <= READERS * HELD


def _first_read(reading: Sequence[tuple[Work, Future[Content | Row]]]) -> list[tuple[Work, Future[Content | Row]]]:
    """Those that are read, up to the first that is not."""
    return list(takewhile(lambda each: each[1].done(), reading))


def _same(content: Content, key: str) -> Row:
    return rows.same_row(content.file, "video" if content.is_video else "picture", key)


def _nothing() -> None:
    pass


def _values(values: Any) -> list[Any]:
    if hasattr(values, "to_pylist"):
        return list(values.to_pylist())
    return list(values.tolist() if hasattr(values, "tolist") else values)
