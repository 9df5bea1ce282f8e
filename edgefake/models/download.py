"""Fetching one file over HTTP."""

from __future__ import annotations

import base64
import http.client
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import unquote, urlsplit

from edgefake.errors import ModelStoreError
from edgefake.secrets import without_secrets
from edgefake.text import printable

ATTEMPTS = 3
TIMEOUT_S = 30.0
PAUSE_S = 0.5
"""Before the second attempt; doubled before each further one."""

START_S = 30.0
LEAST_RATE = 10_000.0
"""Seconds until an answer begins, and bytes per second from then on. Slower ones are given up: they may never end."""


def download(url: str, *, max_bytes: int) -> bytes:
    """The body at ``url``, at most ``max_bytes`` of it. After a broken connection, a time-out or a 5xx answer it is tried again.

    A user and password in ``url`` are sent (Basic); messages show neither them nor anything else that may be secret.
    Raises ``ModelStoreError`` when the address is unusable, the server refuses or is too slow, or every attempt failed.
    """
    shown = printable(without_secrets(url))
    if not url.lower().startswith(("http://", "https://")):
        raise ModelStoreError(
            f"cannot download {shown}: set EDGEFAKE_MODEL_URL to an address that starts with https:// or http://"
        )
    failure: Exception | None = None
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE_S * 2 ** (attempt - 1))
        try:
            return _get(_request(url, shown), shown, max_bytes)
        except (OSError, http.client.HTTPException) as error:
            failure = error
    reason = printable(without_secrets(str(failure)))
    raise ModelStoreError(f"{shown} could not be fetched in {ATTEMPTS} attempts ({reason}): check the network") from failure


def _request(url: str, shown: str) -> urllib.request.Request:
    try:
        parts = urlsplit(url)
        assert parts.port is None or parts.port  # it is parsed here
        request = urllib.request.Request(parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl())
        if parts.username is not None:
            login = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
            request.add_unredirected_header("Authorization", f"Basic {base64.b64encode(login).decode()}")
    except (ValueError, AssertionError):  # its text may hold the password
        raise ModelStoreError(f"{shown} is no usable address: check EDGEFAKE_MODEL_URL") from None
    return request


def _get(request: urllib.request.Request, shown: str, max_bytes: int) -> bytes:
    """One attempt: ``ModelStoreError`` for what another attempt would not change, else the network's own exceptions."""
    opened: list[socket.socket] = []
    try:
        with _at_most(START_S, opened, shown):
            response = _opener(opened).open(request, timeout=TIMEOUT_S)
        with response, _at_most(START_S + max_bytes / LEAST_RATE, opened, shown):
            announced = response.length
            data = _body(response, shown, max_bytes)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code >= 500 or error.code in (408, 429):
            raise
        raise ModelStoreError(
            f"{shown} could not be fetched (HTTP {error.code} {printable(error.reason)}): check EDGEFAKE_MODEL_URL"
        ) from error
    except (ValueError, http.client.InvalidURL) as error:
        raise ModelStoreError(f"{shown} is no usable address: check EDGEFAKE_MODEL_URL") from error
    # http.client does not report a body that ends early when it is read up to a limit.
    if announced is not None and len(data) < min(announced, max_bytes):
        raise ConnectionError(f"the connection closed after {len(data)} of {announced} bytes")
    return data


def _body(response: Any, shown: str, max_bytes: int) -> bytes:
    data, started = bytearray(), time.monotonic()
    while len(data) < max_bytes and (piece := response.read1(min(1 << 16, max_bytes - len(data)))):
        data += piece
        seconds = time.monotonic() - started
        if seconds > START_S and len(data) < LEAST_RATE * seconds:
            raise _too_slow(shown)
    return bytes(data)


@contextmanager
def _at_most(seconds: float, opened: list[socket.socket], shown: str) -> Iterator[None]:
    """End the connections in ``opened`` after so many seconds: their own time-out begins anew with every byte."""
    late = threading.Event()

    def end() -> None:
        late.set()
        for connection in opened:
            with suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)  # not that of TLS, which would wait for the server

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, http.client.HTTPException):
        if late.is_set():
            raise _too_slow(shown) from None
        raise
    finally:
        timer.cancel()
    if late.is_set():
        raise _too_slow(shown)


def _too_slow(shown: str) -> ModelStoreError:
    return ModelStoreError(
        f"{shown} is too slow (no answer in {START_S:g} s, or less than {LEAST_RATE / 1000:g} kB/s): check the network"
    )


def _opener(opened: list[socket.socket]) -> urllib.request.OpenerDirector:
    """One for http and https alone, through the proxy of the surroundings, that puts every socket into ``opened``."""

    class Http(http.client.HTTPConnection):
        def connect(self) -> None:
            super().connect()
            opened.append(self.sock)

    class Https(http.client.HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            opened.append(self.sock)

    class HttpHandler(urllib.request.HTTPHandler):
        def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(Http, req)

    class HttpsHandler(urllib.request.HTTPSHandler):
        def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(Https, req)

    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        HttpHandler(),
        HttpsHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener
