"""Frigate's HTTP API, as far as it is needed."""

from __future__ import annotations

import json
import re
import urllib.request
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from edgefake.errors import EdgefakeError
from edgefake.frigate.objects import FrigateObject, read_rows
from edgefake.text import printable
from edgefake.web import Away, Refused, ask, opener

TIMEOUT_S = 15.0
"""For a whole answer."""
MAX_PICTURE = 64 << 20
MAX_CLIP = 512 << 20
ROWS = 200
"""So many objects are asked for when edgefake was away."""
FIRST, LAST = (0, 14), (0, 17)
"""The versions that this was written for."""
WEBP = (0, 17)
"""Since this one clean snapshots are WebP."""


class FrigateError(EdgefakeError):
    """Frigate refuses, or what answers is none: somebody must see to it."""


class Gone(Exception):
    """There is no such object or picture, any more or yet."""


class FrigateApi:
    """Asks the Frigate at ``url``; with ``user`` and ``password`` (port 8971) it logs in first, and again when it must.

    Every method raises ``edgefake.web.Away`` when Frigate cannot be reached or answers 5xx, and ``FrigateError`` when it refuses.
    """

    def __init__(
        self, url: str, *, user: str | None = None, password: str | None = None, ca_file: str | Path | None = None
    ) -> None:
        self._url = url.rstrip("/")
        self._login = None if user is None else {"user": user, "password": password}
        self._token: str | None = None
        self._opener = opener(ca_file)
        self._version: tuple[int, int] | None = None
        self.name = f"Frigate at {urlsplit(url).netloc}"
        """For messages."""

    def version(self) -> str:
        """Such as ``0.16.1-e664cb2``."""
        text = self._ask("/api/version").decode(errors="replace").strip().strip('"')
        match = re.match(r"(\d+)\.(\d+)", text)
        if match is None:
            got = printable(text, limit=60)
            raise FrigateError(f"{self.name} tells its version as {got!r}, which is none of Frigate: check the address")
        self._version = int(match[1]), int(match[2])
        return printable(text, limit=40)

    @property
    def is_known(self) -> bool:
        """Whether this was written for the version that was asked last."""
        return self._version is not None and FIRST <= self._version <= LAST

    def snapshot(self, id: str) -> bytes:
        """The clean snapshot of an object: PNG or WebP of the whole frame, without marks. Raises ``Gone``."""
        kinds = ["png", "webp"]
        if self._version is not None and self._version >= WEBP:
            kinds.reverse()
        gone: Gone | None = None
        for kind in kinds:
            try:
                return self._ask(f"/api/events/{quote(id, safe='')}/snapshot-clean.{kind}", max_bytes=MAX_PICTURE)
            except Gone as error:
                gone = gone or error
        assert gone is not None
        raise gone

    def clip(self, id: str) -> bytes:
        """The recording of an object: MP4. Raises ``Gone``."""
        return self._ask(f"/api/events/{quote(id, safe='')}/clip.mp4", max_bytes=MAX_CLIP, times=4)

    def objects(self, after: float) -> list[FrigateObject]:
        """Those that began since the Unix time ``after``, oldest first, at most the ``ROWS`` newest."""
        query = urlencode({"after": f"{after:.6f}", "limit": ROWS, "include_thumbnails": 0})
        return sorted(read_rows(self._ask(f"/api/events?{query}", max_bytes=MAX_PICTURE)), key=lambda one: one.start)

    def set_sub_label(self, id: str, text: str, score: float) -> None:
        """Give an object a sub label with its score, above 0 and up to 1. Raises ``Gone``."""
        body = {"subLabel": text[:100], "subLabelScore": min(1.0, max(0.0001, round(score, 4)))}
        self._ask(f"/api/events/{quote(id, safe='')}/sub_label", body)

    def _ask(self, path: str, body: dict[str, Any] | None = None, *, max_bytes: int = 1 << 20, times: int = 1) -> bytes:
        """The body of the answer, whole within ``times`` the usual limit."""
        timeout = times * TIMEOUT_S
        if self._login is not None and self._token is None:
            self._log_in()
        try:
            return self._send(path, body, max_bytes, timeout)[0]
        except Refused as error:
            if error.status != 401 or self._login is None:
                raise self._refusal(error, path) from error
        self._log_in()  # the token has run out
        try:
            return self._send(path, body, max_bytes, timeout)[0]
        except Refused as error:
            raise self._refusal(error, path) from error

    def _send(self, path: str, body: dict[str, Any] | None, max_bytes: int, timeout: float) -> tuple[bytes, Any]:
        headers = {"User-Agent": "edgefake"}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, headers)
        try:
            return ask(self._opener, request, timeout=timeout, max_bytes=max_bytes)
        except Away as error:
            raise Away(f"{self.name} {error}") from error

    def _log_in(self) -> None:
        self._token = None
        try:
            _, headers = self._send("/api/login", self._login, 1 << 20, TIMEOUT_S)
        except Refused as error:
            raise FrigateError(f"{self.name} answers {error} to the login: check [frigate] user and password") from error
        cookies = SimpleCookie()
        for line in headers.get_all("Set-Cookie") or []:
            try:
                cookies.load(line)
            except CookieError:
                continue
        if not cookies:
            raise FrigateError(f"{self.name} gives no token to those who log in: check the address")
        # Its name is a setting of Frigate's; there is one.
        self._token = next(iter(cookies.values())).value

    def _refusal(self, error: Refused, path: str) -> Exception:
        message = _message(error.body)
        if error.status == 404 and path.startswith("/api/events/"):
            return Gone(message or str(error))
        if error.status == 401:
            return FrigateError(
                f"{self.name} answers {error}: give [frigate] user and password for port 8971, or the address of port 5000"
            )
        if error.status == 403:
            return FrigateError(f"{self.name} answers {error}: sub labels need a user of the role admin")
        said = f" ({message})" if message else ""
        return FrigateError(f"{self.name} answers {error} to {path.split('?')[0]}{said}: check the address and its version")


def _message(body: bytes) -> str:
    """What Frigate says in an answer."""
    try:
        value = json.loads(body)
        return printable(value.get("message") or value.get("detail") or "", limit=120)
    except (ValueError, AttributeError):
        return ""
