"""The server: uvicorn in a thread, on a port that is had before anything else."""

from __future__ import annotations

import ipaddress
import socket
import threading
from types import TracebackType

import uvicorn
from fastapi import FastAPI

from edgefake.errors import InputError

BACKLOG = 512
GRACE_S = 20
"""For requests that have begun, when the server is to stop."""


class Server:
    """Answers at ``host``:``port`` until it is closed; also a context manager. Port 0 takes a free one, which ``url`` names.

    Raises ``InputError`` when the port cannot be had.
    """

    def __init__(self, app: FastAPI, *, host: str = "127.0.0.1", port: int = 8000) -> None:
        self._socket = _listening(host, port)
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(
            app, log_config=None, access_log=False, server_header=False, lifespan="on", timeout_graceful_shutdown=GRACE_S
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="serve", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])

    def stop(self, *, at_once: bool = False) -> None:
        """Take no more requests, and end when those inside have been answered; ``at_once`` drops them. Does not wait."""
        self._server.should_exit = True
        self._server.force_exit = at_once

    def wait(self, seconds: float | None = None) -> bool:
        """Until it has ended, or so long; whether it has."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def close(self) -> None:
        self.stop()
        self.wait()
        self._socket.close()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name, which may lead anywhere
        return False


def _listening(host: str, port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of one that ended linger for a minute
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        listening.close()
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{host}:{port} cannot be listened at ({reason}): choose another --port or --host") from error
    return listening
