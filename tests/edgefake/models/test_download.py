"""Downloads of models from a real HTTP server on loopback: what is tried again, given up or refused, and what is told of it."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from edgefake.errors import ModelStoreError
from edgefake.models import download
from edgefake.models.store import find_model
from tests.edgefake.models.model_server import BODY, Answer, Server, reply

pytestmark = pytest.mark.usefixtures("no_models")


@pytest.mark.parametrize(
    "answer",
    [reply(BODY[:100], length=len(BODY)), reply(b"", length=len(BODY)), reply(b"", code=500), reply(b"", code=429)],
    ids=["truncated", "nothing", "500", "429"],
)
def test_a_passing_failure_is_tried_again(answer: Answer, registry: Path, cached: Path, serve: Callable[..., Server]) -> None:
    server = serve(answer, answer, reply())
    assert find_model("small_int8", registry=registry).read_bytes() == BODY
    assert len(server.paths) == 3


@pytest.mark.parametrize(
    ("answer", "message", "requests"),
    [
        (reply(BODY[:100], length=len(BODY)), "100 of 10240", 3),
        (reply(b"", code=503), "503", 3),
        (reply(b"", code=404), "HTTP 404 .* check EDGEFAKE_MODEL_URL", 1),
        (reply(BODY[:-1]), "10239 .* 10240", 1),
        (reply(BODY + b"x"), "10241 .* 10240", 1),
        (reply(BODY[:-1] + b"x"), "SHA-256 .* instead of", 1),
    ],
    ids=["truncated", "503", "404", "short", "long", "tampered"],
)
def test_a_failed_download_leaves_nothing(
    answer: Answer, message: str, requests: int, registry: Path, cached: Path, serve: Callable[..., Server]
) -> None:
    server = serve(answer)
    with pytest.raises(ModelStoreError, match=message):
        find_model("small_int8", registry=registry)
    assert len(server.paths) == requests
    assert list(cached.parent.iterdir()) == []


@pytest.mark.parametrize("length", ["\xb2", "9" * 5000, "-1"])
def test_a_length_that_is_no_number_is_not_believed(length: str, registry: Path, serve: Callable[..., Server]) -> None:
    serve(reply(length=length))
    try:
        assert find_model("small_int8", registry=registry).read_bytes() == BODY
    except ModelStoreError as error:
        assert "closed after" in str(error)


def test_a_silent_server(registry: Path, serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "TIMEOUT_S", 0.05)
    done = threading.Event()
    server = serve(lambda request: done.wait(60) and None)
    try:
        with pytest.raises(ModelStoreError, match=r"in 3 attempts .*timed out"):
            find_model("small_int8", registry=registry)
    finally:
        done.set()
    patience = time.monotonic() + 30  # a busy server may notice a request after the client gave it up
    while len(server.paths) < 3 and time.monotonic() < patience:
        time.sleep(0.01)
    assert len(server.paths) == 3


def trickle(*pieces: bytes) -> Answer:
    """An answer that begins with the first piece and repeats the last until the client has gone."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        with suppress(OSError):
            for piece in itertools.chain(pieces, itertools.repeat(pieces[-1])):
                request.wfile.write(piece)
                time.sleep(0.02)

    return answer


@pytest.mark.parametrize(
    "answer",
    [
        trickle(b"HTTP/1.1 200 OK\r\nContent-Length: 10240\r\n\r\n", b"x"),
        trickle(b"HTTP/1.1 100 Continue\r\n\r\n"),
        trickle(b"HTTP/1.1 200 OK\r\n", b"a"),
        trickle(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        trickle(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"A: b\r\n"),
    ],
    ids=["a byte at a time", "100-continue", "headers", "chunks", "trailers"],
)
def test_a_server_that_never_ends(
    answer: Answer, registry: Path, serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "START_S", 0.3)
    monkeypatch.setattr(download, "LEAST_RATE", 50_000.0)  # 0.2 s for the 10 kB
    server = serve(answer)
    with pytest.raises(ModelStoreError, match=r"slow .* 0\.3 s.* 50 kB/s"):
        find_model("small_int8", registry=registry)
    assert len(server.paths) == 1  # another attempt would cost as much


def test_the_login_in_the_address_is_sent_and_never_shown(
    registry: Path, serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    logins: list[str | None] = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        logins.append(request.headers["Authorization"])
        (reply(b"", code=404) if len(logins) == 1 else reply(b"", code=500) if len(logins) < 5 else reply(BODY[:-1]))(request)

    server = serve(answer)
    address = server.url.replace("http://", "http://user:s3cr%40t@")
    monkeypatch.setenv("EDGEFAKE_MODEL_URL", address)
    for message in ("HTTP 404", "in 3 attempts", "not small_int8"):
        with pytest.raises(ModelStoreError, match=message) as caught:
            find_model("small_int8", registry=registry)
        assert "s3cr" not in str(caught.value) and "user" not in str(caught.value)
        assert "127.0.0.1" in str(caught.value)
    assert set(logins) == {"Basic dXNlcjpzM2NyQHQ="}
    for bad in (
        "http://user:s3cr@t@[",
        "http://user:s3cr@127.0.0.1:port",
        "ftp://user:s3cr@host",
        "user:s3cr@host",
        "http://user:s3cr",
    ):
        monkeypatch.setenv("EDGEFAKE_MODEL_URL", bad)
        with pytest.raises(ModelStoreError, match="EDGEFAKE_MODEL_URL") as caught:
            find_model("small_int8", registry=registry)
        assert "s3cr" not in str(caught.value)


def test_a_reason_of_the_server_is_escaped(registry: Path, serve: Callable[..., Server]) -> None:
    serve(lambda request: request.wfile.write(b"HTTP/1.1 403 \x1b[2Jgone\r\nContent-Length: 0\r\n\r\n") and None)
    with pytest.raises(ModelStoreError, match=r"HTTP 403 \\x1b\[2Jgone"):
        find_model("small_int8", registry=registry)


def test_no_server(registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        monkeypatch.setenv("EDGEFAKE_MODEL_URL", f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(ModelStoreError, match=r"3 attempts .*network"):
            find_model("small_int8", registry=registry)


@pytest.mark.parametrize("url", ["example.org/models", "ftp://127.0.0.1", "file:///etc", "http://[", "http://127.0.0.1:port"])
def test_an_unusable_address(url: str, registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEFAKE_MODEL_URL", url)
    with pytest.raises(ModelStoreError, match="EDGEFAKE_MODEL_URL"):
        find_model("small_int8", registry=registry)
