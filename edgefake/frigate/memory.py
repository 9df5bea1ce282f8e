"""Whom edgefake has judged already, in a file: what happens while it does not run is judged when it runs again."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable
from pathlib import Path

from edgefake.files import ABANDONED_S, remove_partials, write_json
from edgefake.schema import SCHEMA
from edgefake.text import printable

KEPT = 2000
"""So many ids are remembered: more than Frigate is asked for."""
OVERLAP_S = 600.0
"""Objects are asked for again that began so long before the last that was seen: messages overtake each other."""

_log = logging.getLogger(__name__)


class Memory:
    """The ids of objects that are done with, in ``path``, which is whole at any moment; a damaged one is begun anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._done: dict[str, None] = {}
        self._after = time.time()
        self._failed = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            remove_partials(path.parent, older_than_s=ABANDONED_S)
            value = json.loads(path.read_text("utf-8"))
            self._done = dict.fromkeys(str(id) for id in value["done"])
            self._after = float(value["after"])
        except FileNotFoundError:
            self._write(self._done)
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.warning("%s cannot be read (%s): who was judged before is forgotten", printable(path), printable(error))

    @property
    def after(self) -> float:
        """The Unix time since which objects may have begun that are not done with."""
        return self._after - OVERLAP_S

    def __contains__(self, id: str) -> bool:
        return id in self._done

    def done(self, id: str, *, after: float) -> None:
        """Remember ``id``; every object that began before the Unix time ``after`` is done with."""
        self._done[id] = None
        for old in list(self._done)[: max(0, len(self._done) - KEPT)]:
            del self._done[old]
        self._after = max(self._after, after)
        self._write(self._done)

    def _write(self, done: Iterable[str]) -> None:
        """A full disk must not stop what goes on; it is told once."""
        try:
            write_json(self._path, {"schema": SCHEMA, "after": self._after, "done": list(done)})
            self._failed = False
        except OSError as error:
            if not self._failed:
                why = error.strerror or error
                _log.warning("%s cannot be written (%s): after a restart some are judged again", printable(self._path), why)
            self._failed = True
