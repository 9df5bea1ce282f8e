"""A generator of load: clients on loopback, each with a connection of its own, that send the same picture again and again."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

LONGEST_S = 120.0
"""An answer that takes longer is lost."""
LOST = 0
"""The status of what was never answered."""


@dataclass(frozen=True, slots=True)
class Load:
    """What came back."""

    seconds: float
    """From the first request to the last answer."""
    latencies_s: dict[int, list[float]]
    """From a request's first byte to its answer's last, by status."""

    @property
    def per_second(self) -> float:
        return len(self.latencies_s.get(200, ())) / self.seconds

    @property
    def statuses(self) -> Counter[int]:
        return Counter({status: len(latencies) for status, latencies in self.latencies_s.items()})


def form_of(picture: bytes) -> bytes:
    """A whole request to judge it, as curl sends one."""
    body = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
    body += picture + b"\r\n--edge--\r\n"
    head = f"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Content-Type: multipart/form-data; boundary=edge\r\n\r\n".encode() + body


def steady(port: int, request: bytes, *, clients: int, seconds: float) -> Load:
    """``clients`` that each send their next request when they have an answer, until the time is over."""

    async def client(ask: Callable[[], Awaitable[None]], until: float) -> None:
        while time.perf_counter() < until:
            await ask()

    return asyncio.run(_load(port, request, clients, client, seconds))


def burst(port: int, request: bytes, *, clients: int) -> Load:
    """``clients`` that each send one request, all at once."""

    async def client(ask: Callable[[], Awaitable[None]], until: float) -> None:
        await ask()

    return asyncio.run(_load(port, request, clients, client, 0.0))


Client = Callable[[Callable[[], Awaitable[None]], float], Awaitable[None]]


async def _load(port: int, request: bytes, clients: int, client: Client, seconds: float) -> Load:
    latencies: dict[int, list[float]] = {}
    connections = [await asyncio.open_connection("127.0.0.1", port) for _ in range(clients)]
    started = time.perf_counter()

    def asking(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Callable[[], Awaitable[None]]:
        async def ask() -> None:
            sent = time.perf_counter()
            try:
                status = await asyncio.wait_for(_ask(reader, writer, request), LONGEST_S)
            except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError):
                status = LOST
            latencies.setdefault(status, []).append(time.perf_counter() - sent)

        return ask

    await asyncio.gather(*(client(asking(*connection), started + seconds) for connection in connections))
    passed = time.perf_counter() - started
    for _, writer in connections:
        writer.close()
        await writer.wait_closed()
    return Load(passed, latencies)


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> int:
    writer.write(request)
    await writer.drain()
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = head.partition(b"content-length:")[2].split(b"\r\n")[0]
    await reader.readexactly(int(length))
    return int(head.split()[1])
