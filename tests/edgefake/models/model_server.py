"""A server of model files on loopback, with the answers that a test gives it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BODY = bytes(range(256)) * 40
Answer = Callable[[BaseHTTPRequestHandler], None]


def reply(body: bytes = BODY, *, code: int = 200, length: int | str | None = None) -> Answer:
    """An answer with ``body``, announced as ``length`` bytes (default: its true length)."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(code)
        request.send_header("Content-Length", str(len(body) if length is None else length))
        request.end_headers()
        request.wfile.write(body)

    return answer


class Server:
    """Request number i gets ``answers[i]``, later ones the last answer; ``paths`` are those asked for."""

    def __init__(self, *answers: Answer) -> None:
        self.paths: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.paths.append(self.path)
                answers[min(len(server.paths), len(answers)) - 1](self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/models"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()
