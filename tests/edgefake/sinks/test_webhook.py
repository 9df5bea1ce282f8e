"""The webhook against a real HTTP server on loopback: failing, silent, away and back."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from edgefake.errors import InputError
from edgefake.sinks import queue
from edgefake.sinks import webhook as module
from edgefake.sinks.queue import QueuedSink
from edgefake.sinks.webhook import WebhookSink
from edgefake.streaming.health import Health
from edgefake.testing import check_sink
from tests.edgefake.streaming.results import STREAM, result, track

FRAME = np.zeros((2, 2, 3), np.uint8)


class Server:
    """Keeps what is posted; request number i gets the status ``codes[i]``, later ones 200, and none before ``first`` returns."""

    def __init__(self, *codes: int, first: Callable[[], object] = lambda: None, port: int = 0) -> None:
        self.indices: list[int] = []
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                number = len(server.requests)
                server.requests.append((self.command, self.path, dict(self.headers), body))
                first()
                code = codes[number] if number < len(codes) else 200
                if code == 200:
                    server.indices.append(json.loads(body)["index"])
                self.send_response(code, "\x1b[2Jsecret")  # as a server says it that wants to be rude
                if code == 302:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST

            def log_message(self, format: str, *args: object) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            def handle_error(self, request: object, client_address: object) -> None:
                """A client that gave up is expected here."""

        self.http = Quiet(("127.0.0.1", port), Handler)
        self.port = self.http.server_port
        self.url = f"http://127.0.0.1:{self.port}/hook/secret"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(queue, "FIRST_PAUSE_S", 0.005)
    monkeypatch.setattr(queue, "LONGEST_PAUSE_S", 0.05)


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(*codes: int, **settings: object) -> Server:
        servers.append(Server(*codes, **settings))  # type: ignore[arg-type]
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def health() -> Health:
    return Health()


def send(queued: QueuedSink, *indices: int) -> None:
    for index in indices:
        queued.send(FRAME, result(index, track()))


def test_each_result_is_posted(serve: Callable[..., Server], health: Health) -> None:
    server = serve()
    queued = QueuedSink(WebhookSink(server.url, headers={"Authorization": "Bearer abc"}), STREAM, health)
    send(queued, *range(5))
    report = queued.close(60)
    assert (report.delivered, report.lost, report.error) == (5, 0, None)
    assert server.indices == [0, 1, 2, 3, 4]
    method, path, headers, body = server.requests[3]
    assert (method, path) == ("POST", "/hook/secret")
    assert headers["Content-Type"] == "application/json" and headers["Authorization"] == "Bearer abc"
    assert json.loads(body) == result(3, track()).to_dict()


@pytest.mark.parametrize("code", [500, 503, 429, 408])
def test_a_failing_server_gets_the_same_result_again(code: int, serve: Callable[..., Server], health: Health) -> None:
    server = serve(200, code, code, code)
    queued = QueuedSink(WebhookSink(server.url), STREAM, health)
    send(queued, *range(3))
    report = queued.close(60)
    assert (report.delivered, report.lost) == (3, 0)
    assert server.indices == [0, 1, 2] and len(server.requests) == 6
    assert f"127.0.0.1:{server.port} answers {code}" in str(report.error) and "secret" not in str(report.error)


@pytest.mark.parametrize("code", [400, 401, 404, 302])
def test_a_refused_result_is_lost_at_once(code: int, serve: Callable[..., Server], health: Health) -> None:
    server = serve(code)
    queued = QueuedSink(WebhookSink(server.url), STREAM, health)
    send(queued, 0, 1)
    report = queued.close(60)
    assert (report.delivered, report.lost) == (1, 1)
    assert server.indices == [1] and len(server.requests) == 2
    assert f"answers {code}" in str(report.error)


def test_a_server_that_is_down_and_comes_back(serve: Callable[..., Server], health: Health) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    refused = threading.Event()

    class Watched(WebhookSink):
        def send(self, *arguments: object) -> None:
            try:
                super().send(*arguments)  # type: ignore[arg-type]
            except Exception:
                refused.set()
                raise

    queued = QueuedSink(Watched(f"http://127.0.0.1:{port}/"), STREAM, health, size=4)
    send(queued, 0)
    assert refused.wait(60)
    send(queued, *range(1, 10))  # 0 is in the sink's hands, the queue keeps the last four
    server = serve(port=port)
    report = queued.close(60)
    assert server.indices == [0, 6, 7, 8, 9]
    assert (report.delivered, report.lost) == (5, 5)
    assert "cannot be reached ([Errno 111] Connection refused)" in str(report.error)
    assert health.report().lost == {"webhook": 5}


def test_a_silent_server_holds_up_nobody(serve: Callable[..., Server], health: Health, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TIMEOUT_S", 0.05)
    silence, asked_twice = threading.Event(), threading.Semaphore(0)

    def be_silent() -> None:
        asked_twice.release()
        silence.wait(60)

    server = serve(first=be_silent)
    queued = QueuedSink(WebhookSink(server.url), STREAM, health)
    try:
        send(queued, *range(50))
        assert asked_twice.acquire(timeout=60) and asked_twice.acquire(timeout=60)
        report = queued.close(0.1)
        assert (report.delivered, report.lost) == (0, 50)
        assert "timed out" in str(report.error)
    finally:
        silence.set()
    assert health.report().lost == {"webhook": 50}


def test_a_server_that_breaks_off(health: Health) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            for _ in range(2):
                connection, _address = listener.accept()
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 2")
                connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        queued = QueuedSink(WebhookSink(f"http://127.0.0.1:{listener.getsockname()[1]}/"), STREAM, health)
        send(queued, 0)
        thread.join(60)
        assert not thread.is_alive()  # it was tried twice
    assert queued.close(0.01).lost == 1


NO_ADDRESSES = ["host/path", "ftp://host/", "http://", "http:///x", "http://h:port/", "http://h:0/", "http://[", "http://h/é"]


@pytest.mark.parametrize("url", ["", "http://h/a b", "http://h/\r\nX: y", *NO_ADDRESSES])
def test_an_unusable_address(url: str) -> None:
    with pytest.raises(InputError, match="https://HOST/PATH"):
        WebhookSink(url)


def test_passwords_belong_in_headers_which_takes_python() -> None:
    with pytest.raises(InputError, match=r"from Python, .*sinks=\[.*WebhookSink\(url, headers={\"Authorization\": ") as caught:
        WebhookSink("https://me:secret@host/")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("headers", [{"A": "b\r\nC: d"}, {"": "b"}, {"Ä": "b"}])
def test_unusable_headers(headers: dict[str, str]) -> None:
    with pytest.raises(InputError, match="printable ASCII"):
        WebhookSink("https://host/", headers=headers)


def test_the_contract(serve: Callable[..., Server]) -> None:
    server = serve(503)
    check_sink(WebhookSink(server.url), arrived=lambda: len(server.indices))
