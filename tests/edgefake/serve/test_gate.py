"""Keys and limits: large, slow, vanishing and many clients."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import Request

from edgefake import InputError
from edgefake.serve.judging import Task
from edgefake.serve.keys import Keys, read_keys
from edgefake.serve.limits import Limits
from edgefake.serve.refusals import Refusal
from edgefake.serve.waiting import judged
from tests.edgefake.serve.serving import Held, Serving, serving, until

KEY, OTHER = "0123456789abcdef", "fedcba9876543210"


@contextmanager
def connection(running: Serving, head: str) -> Iterator[socket.socket]:
    """A client that has sent the ``head`` of a request."""
    with socket.create_connection(("127.0.0.1", running.port), timeout=60) as client:
        client.sendall(f"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\n{head}\r\n".encode())
        yield client


def metric(running: Serving, line: str) -> bool:
    return f"\n{line}\n" in running.service.metrics.page()[0].decode()


def test_a_key(jpeg: bytes) -> None:
    with serving(Held().detector, keys=[KEY, OTHER]) as running:
        for given in (None, "", KEY, f"Basic {KEY}", "Bearer", f"Bearer {KEY}x", "Bearer é"):
            headers = {"Content-Type": "image/jpeg", **({"Authorization": given.encode()} if given is not None else {})}
            answer = running.post("/predict", data=jpeg, headers=headers)
            assert answer.status_code == 401 and answer.headers["WWW-Authenticate"] == "Bearer", given
        for key in (KEY, OTHER):
            headers = {"Content-Type": "image/jpeg", "Authorization": f"Bearer {key}"}
            assert running.post("/predict", data=jpeg, headers=headers).status_code == 200
        for path in ("/version", "/model", "/metrics"):
            assert running.get(path).status_code == 401
        for path in ("/health/live", "/v2/health/ready", "/docs", "/openapi.json"):
            assert running.get(path).status_code == 200
        described = running.get("/openapi.json").json()["paths"]
        assert described["/predict"]["post"]["security"] and "security" not in described["/health/live"]["get"]


@pytest.mark.parametrize("key", ["short", "0123456789 abcdef", "0123456789abcdeé", ""])
def test_no_such_keys(key: str) -> None:
    with pytest.raises(InputError, match=f"16 .* {len(key)} char"):
        Keys([key])


def test_keys_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(f"# of the door\n{KEY}\n\n  {OTHER} \n")
    assert read_keys(path) == [KEY, OTHER]
    path.write_text("# none\n")
    with pytest.raises(InputError, match="keys"):
        read_keys(path)
    with pytest.raises(InputError, match=r"none.*No such"):
        read_keys(tmp_path / "none")


def test_limits_are_above_0() -> None:
    with pytest.raises(InputError, match=r"requests.* 0"):
        Limits(requests=0)


@pytest.fixture(scope="module")
def tight() -> Iterator[Serving]:
    with serving(Held().detector, limits=Limits(body=50_000, pixels=10_000)) as running:
        yield running


def test_bodies_that_are_too_large(tight: Serving) -> None:
    answer = tight.send(bytes(50_001))
    assert answer.status_code == 413 and "0.05 MB" in answer.json()["error"]

    def endless() -> Iterator[bytes]:
        for _ in range(100):
            yield bytes(1000)

    answer = tight.post("/predict", data=endless(), headers={"Content-Type": "image/jpeg"})
    assert answer.status_code == 413
    answer = tight.post("/predict", files={"file": bytes(60_000)})
    assert answer.status_code == 413


def test_a_size_is_refused_before_it_is_sent(tight: Serving) -> None:
    with connection(tight, "Content-Length: 99999999999\r\nExpect: 100-continue\r\n") as client:
        assert client.recv(1000).startswith(b"HTTP/1.1 413 ")


def test_pixels(tight: Serving, jpeg: bytes, portrait: Path) -> None:
    assert tight.send(jpeg).status_code == 200
    answer = tight.send(portrait.read_bytes()[:40_000])
    assert answer.status_code == 413 and "480×600" in answer.json()["error"]


def test_a_slow_client() -> None:
    with (
        serving(Held().detector, limits=Limits(seconds=0.5)) as running,
        connection(running, "Content-Length: 1000\r\n") as client,
    ):
        client.sendall(b"\xff\xd8")
        assert client.recv(1000).startswith(b"HTTP/1.1 408 ")


def test_a_client_that_goes_while_it_sends(tight: Serving) -> None:
    with connection(tight, "Content-Length: 1000\r\n"):
        until(lambda: metric(tight, "edgefake_requests_inside 1.0"))
    until(lambda: metric(tight, "edgefake_requests_inside 0.0"))


def test_a_client_that_goes_while_it_waits(held: Held, jpeg: bytes) -> None:
    """What no worker has begun is never judged."""
    with serving(held.detector, batch=1) as running:
        held.hold()
        before = held.scored
        with ThreadPoolExecutor() as pool:
            first = pool.submit(running.send, jpeg)
            assert held.begun.acquire(timeout=60)
            with connection(running, f"Content-Length: {len(jpeg)}\r\n") as client:
                client.sendall(jpeg)
                until(lambda: metric(running, "edgefake_waiting_files 1.0"))
            until(lambda: metric(running, 'edgefake_requests_total{route="/predict",status="499"} 1.0'))
            held.go.set()
            assert first.result().status_code == 200
            assert running.send(jpeg).status_code == 200
        assert held.scored == before + 2


def test_workers_share_the_files_of_a_request(held: Held, jpeg: bytes) -> None:
    with serving(held.detector, count=2) as running, ThreadPoolExecutor() as pool:
        held.hold()
        asked = pool.submit(running.post, "/predict", files=[("file", jpeg)] * 4)
        assert held.begun.acquire(timeout=60) and held.begun.acquire(timeout=60)
        held.go.set()
        assert len(asked.result().json()["predictions"]) == 4


def test_what_an_abandoned_request_sent_is_dropped(held: Held, jpeg: bytes) -> None:
    """At once, and not when a worker comes to it; what was begun is to stop."""

    async def silent() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    tasks = [Task(jpeg) for _ in range(3)]
    with serving(held.detector, batch=1, count=1) as running:
        held.hold()
        with pytest.raises(Refusal, match=r"0\.5 s"):
            asyncio.run(judged(Request({"type": "http"}, silent), running.service.workers, tasks, Limits(seconds=0.5)))
        assert held.begun.acquire(timeout=60)
        assert [task.picture for task in tasks] == [jpeg, b"", b""]
        assert not any(task.wanted for task in tasks)
        held.go.set()


def test_no_answer_in_time(held: Held, jpeg: bytes) -> None:
    with serving(held.detector, limits=Limits(seconds=0.5)) as running:
        held.hold()
        answer = running.send(jpeg)
        assert answer.status_code == 503 and "0.5" in answer.json()["error"] and answer.headers["Retry-After"]
        held.go.set()


def test_a_hundred_at_once(held: Held, jpeg: bytes) -> None:
    """Those that there is no room for are told so while the others wait, and all others are answered."""
    with serving(held.detector, limits=Limits(requests=20)) as running, ThreadPoolExecutor(100) as pool:
        held.hold()
        asked = [pool.submit(running.send, jpeg) for _ in range(100)]
        until(lambda: sum(one.done() for one in asked) == 80)
        refused = [one.result() for one in asked if one.done()]
        assert {answer.status_code for answer in refused} == {429}
        assert {answer.headers["Retry-After"] for answer in refused} == {"1"}
        held.go.set()
        assert sorted(one.result().status_code for one in asked) == [200] * 20 + [429] * 80
        assert running.send(jpeg).status_code == 200


def test_what_has_begun_is_answered_at_the_end(held: Held, jpeg: bytes) -> None:
    with serving(held.detector) as running, ThreadPoolExecutor() as pool:
        held.hold()
        asked = pool.submit(running.send, jpeg)
        assert held.begun.acquire(timeout=60)
        running.server.stop()
        held.go.set()
        assert asked.result().status_code == 200
        assert running.server.wait(60)
