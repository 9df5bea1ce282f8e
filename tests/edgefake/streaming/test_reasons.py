"""Why an address gives no picture, asked of servers on loopback."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from edgefake import InputError
from edgefake.streaming.sources import find_source

Serve = Callable[[str], int]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a server that answers every request with one text; its port."""
    servers: list[socket.socket] = []

    def serve(answer: str) -> int:
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)

        def run() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(4096)
                    connection.sendall(answer.encode())

        threading.Thread(target=run, daemon=True).start()
        return int(server.getsockname()[1])

    yield serve
    for server in servers:
        server.shutdown(socket.SHUT_RDWR)
        server.close()


def told(url: str) -> str:
    with pytest.raises(InputError) as caught:
        find_source(url).open()
    return str(caught.value)


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
@pytest.mark.parametrize(
    ("answer", "user", "reason"),
    [
        ("401 Unauthorized", "", "wants a user and password (it answers 401)"),
        ("401 Unauthorized", "admin:secret@", "does not accept the user and password given (it answers 401)"),
        ("404 Not Found", "", "is not there: the server knows no such path (it answers 404)"),
        ("500 Internal Server Error", "", "cannot be watched: the server answers 500"),
    ],
)
def test_what_a_server_answers(scheme: str, answer: str, user: str, reason: str, serve: Serve) -> None:
    version = "HTTP/1.0" if scheme == "http" else "RTSP/1.0"
    port = serve(f"{version} {answer}\r\nCSeq: 1\r\nContent-Length: 0\r\n\r\n")
    message = told(f"{scheme}://{user}127.0.0.1:{port}/main")
    assert message.startswith(f"{scheme}://127.0.0.1:{port}/main {reason}")
    assert "secret" not in message


def test_a_server_that_sends_no_video(serve: Serve) -> None:
    port = serve("HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<html>A login page</html>")
    assert "answers, but with nothing that FFmpeg can read as a video" in told(f"HTTP://127.0.0.1:{port}/main")


def test_nobody_at_the_port_and_no_such_machine() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert "nothing serves at this port" in told(f"rtsp://127.0.0.1:{port}/main")
    assert "no machine has this name" in told("rtsp://camera.invalid/main")


def test_other_protocols_are_not_asked() -> None:
    assert "does not answer: check that it is there" in told("srt://127.0.0.1:9?timeout=1000")
