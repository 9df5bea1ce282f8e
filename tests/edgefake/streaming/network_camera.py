"""A network camera on loopback: a real server that sends JPEGs, bare or as MJPEG over HTTP."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

import cv2
import numpy as np

HEAD = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"


class NetworkCamera:
    """A server at one port that sends JPEGs to whoever connects, until it is told to stop, or ``frames`` of them."""

    def __init__(
        self,
        frame: Callable[[int], bytes],
        head: bytes = b"",
        frames: int | None = None,
        pause_s: float = 0.02,
        *,
        stays: bool = False,
    ) -> None:
        """``stays`` connected after the last frame, without another word."""
        self._frame, self._head, self._frames, self._pause_s = frame, head, frames, pause_s
        self._stays = stays
        self._silent: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.clients = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(10)
        for connection in self._silent:
            connection.close()

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            with suppress(OSError):
                self.clients += 1
                self._serve(connection)
            if self._stays:
                self._silent.append(connection)
            else:
                connection.close()

    def _serve(self, connection: socket.socket) -> None:
        connection.sendall(self._head)
        number = 0
        while not self._ended.is_set() and number != self._frames:
            connection.sendall(self._frame(number))
            number += 1
            self._ended.wait(self._pause_s)


def jpeg(number: int) -> bytes:
    return cv2.imencode(".jpg", np.full((240, 320, 3), number % 250, np.uint8))[1].tobytes()


def part(picture: bytes) -> bytes:
    return b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(picture) + picture + b"\r\n"
