"""``edgefake serve`` against the bare loop over the same model, and against a plain handler, by turns."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import cv2

from benchmarks.goals import Goal
from benchmarks.serving.load import LOST, Load, burst, form_of, steady
from benchmarks.timing import milliseconds
from edgefake.benchmark.conditions import Conditions, between, governor, moment
from edgefake.benchmark.machine import Machine, this_machine
from edgefake.benchmark.picture import drawn_frame
from edgefake.errors import InputError
from edgefake.statistics import Summary

CLIENTS = 16
ROOM, BURST = 32, 100
"""Of the requests that come at once, so many find room."""
SHARE = 0.9
"""Of the bare loop's throughput that the service should reach."""
START_S = 120.0
PATIENCE = 3.0
"""No answer in a hundred should take longer than so many times what the clients together take of the loop."""
AT_ONCE_MS = 100.0


@dataclass(frozen=True, slots=True)
class Turn:
    """What one process did in one turn."""

    per_second: float
    """Pictures judged."""
    cpu_ms: float
    """Processor time for each: what counts where other programs take theirs."""


@dataclass(frozen=True, slots=True)
class Served:
    """One server under the load of ``CLIENTS``."""

    turns: tuple[Turn, ...]
    latency_ms: Summary
    lost: int
    """Requests without an answer, or with another than 200."""


@dataclass(frozen=True, slots=True)
class Overload:
    """``BURST`` requests at once, where there is room for fewer."""

    statuses: dict[int, int]
    refused_ms: Summary | None
    """How long those waited that were told to come later."""


@dataclass(frozen=True, slots=True)
class Serving:
    model: str
    machine: Machine
    conditions: Conditions
    loop: tuple[Turn, ...]
    """Of ``read_image`` and ``Detector.predict`` in a loop."""
    edgefake: Served
    plain: Served
    overload: Overload

    @property
    def share(self) -> float:
        """Of the loop's throughput; the median of the rounds."""
        return _share(self.edgefake, self.loop)

    @property
    def goals(self) -> tuple[Goal, ...]:
        longest = PATIENCE * CLIENTS / _per_second(self.loop) * 1e3
        refused = self.overload.refused_ms
        return (
            Goal("throughput that serving costs", 1.0 - self.share, 1.0 - SHARE, ""),
            Goal(f"latency of {CLIENTS} clients, 99th percentile", self.edgefake.latency_ms.p99, longest, "ms"),
            Goal("requests lost", self.edgefake.lost + self.overload.statuses.get(LOST, 0), 0, ""),
            Goal("429 in overload, 99th percentile", refused.p99 if refused else float("inf"), AT_ONCE_MS, "ms"),
        )

    def __str__(self) -> str:
        rows = [f"{self.model}, one core, one thread, {CLIENTS} clients, a 720p JPEG as a form; other programs: {self._others}"]
        rows += [f"{'':<20}{'per second':>12}{'of the loop':>13}{'p50':>9}{'p99':>9}{'processor':>11}  ms"]
        rows += [f"{'bare loop':<20}{_per_second(self.loop):12.1f}{'':31}{_cpu_ms(self.loop):11.2f}"]
        for name, served in (("edgefake serve", self.edgefake), ("plain handler", self.plain)):
            share, latency = _share(served, self.loop), served.latency_ms
            figures = f"{_per_second(served.turns):12.1f}{share:13.3f}{latency.median:9.1f}{latency.p99:9.1f}"
            rows.append(f"{name:<20}{figures}{_cpu_ms(served.turns):11.2f}")
        rows.append(f"{BURST} at once: " + ", ".join(f"{count} × {status}" for status, count in self.overload.statuses.items()))
        return "\n".join(rows)

    @property
    def _others(self) -> str:
        busy = self.conditions.others_cores
        return "not known" if busy is None else f"{busy:.1f} cores"


def measure_serving(model: str, *, rounds: int = 5, seconds: float = 10.0) -> Serving:
    """Loop and servers have one core to themselves, the load another, each one its turn of ``seconds`` in every round."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise InputError(f"expected two cores, one for the servers and one for the load, got {len(cores)}: measure elsewhere")
    picture = cv2.imencode(".jpg", drawn_frame(), [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
    request, before, load = form_of(picture), moment(), os.getloadavg()[0]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "picture.jpg").write_bytes(picture)
        stack.enter_context(_pinned(cores[0], back=cores))
        loop = stack.enter_context(_loop(model, folder / "picture.jpg"))
        servers = [stack.enter_context(server) for server in (_edgefake(model, folder / "jobs"), _plain(model))]
        os.sched_setaffinity(0, {cores[-1]})
        for server in servers:
            steady(server.port, request, clients=CLIENTS, seconds=min(1.0, seconds))
        looped: list[Turn] = []
        loads: list[list[tuple[Load, float]]] = [[], []]
        for _ in range(rounds):
            looped.append(_looped(loop, seconds))
            for server, of_server in zip(servers, loads, strict=True):
                cpu = _cpu_s(server.process)
                answered = steady(server.port, request, clients=CLIENTS, seconds=seconds)
                of_server.append((answered, _cpu_s(server.process) - cpu))
        overload = burst(servers[0].port, request, clients=BURST)
        # What the children need counts as others': this process waits for them.
        conditions = between(before, moment(), cores=len(cores), load=load, governor=governor())
    refused = overload.latencies_s.get(429)
    return Serving(
        model,
        this_machine(),
        conditions,
        tuple(looped),
        *map(_served, loads),
        Overload(dict(overload.statuses), milliseconds(refused) if refused else None),
    )


def _served(loads: Sequence[tuple[Load, float]]) -> Served:
    good = [load.latencies_s.get(200, []) for load, _ in loads]
    if not all(good):
        raise InputError("a server judged no picture in a turn: give turns more --seconds")
    turns = [Turn(len(judged) / load.seconds, cpu / len(judged) * 1e3) for judged, (load, cpu) in zip(good, loads, strict=True)]
    lost = sum(load.statuses.total() - load.statuses[200] for load, _ in loads)
    return Served(tuple(turns), milliseconds([latency for judged in good for latency in judged]), lost)


def _per_second(turns: Sequence[Turn]) -> float:
    return median(turn.per_second for turn in turns)


def _cpu_ms(turns: Sequence[Turn]) -> float:
    return median(turn.cpu_ms for turn in turns)


def _share(served: Served, loop: Sequence[Turn]) -> float:
    return median(ours.per_second / bare.per_second for ours, bare in zip(served.turns, loop, strict=True))


def _cpu_s(process: subprocess.Popen[str]) -> float:
    """What all its threads have had of the processor."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _pinned(core: int, *, back: Sequence[int]) -> Iterator[None]:
    """What is started inside has this core alone."""
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, set(back))


@contextmanager
def _process(*arguments: str | Path, **options: Any) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen([sys.executable, "-m", *arguments], text=True, **options) as process:
        try:
            yield process
        finally:
            process.terminate()


@contextmanager
def _loop(model: str, picture: Path) -> Iterator[subprocess.Popen[str]]:
    with _process("benchmarks.serving.loop", model, picture, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        if _line(process.stdout) != "ready":
            raise InputError(f"{model} cannot be opened: see above")
        yield process


def _looped(loop: subprocess.Popen[str], seconds: float) -> Turn:
    cpu = _cpu_s(loop)
    assert loop.stdin
    print(seconds, file=loop.stdin, flush=True)
    count, passed = map(float, _line(loop.stdout).split())
    return Turn(count / passed, (_cpu_s(loop) - cpu) / count * 1e3)


@dataclass(frozen=True, slots=True)
class _Server:
    process: subprocess.Popen[str]
    port: int


@contextmanager
def _edgefake(model: str, jobs: Path) -> Iterator[_Server]:
    command = ("edgefake", "serve", "--model", model, "--workers", "1", "--threads", "1", "--max-requests", str(ROOM))
    with _process(*command, "--port", "0", "--jobs", jobs, stderr=subprocess.PIPE) as process:
        listening, ready = _line(process.stderr), _line(process.stderr)
        if not ready.startswith("ready"):
            raise InputError(f"edgefake serve does not start: {listening} {ready}")
        yield _Server(process, int(listening.split(",")[0].rpartition(":")[2]))


@contextmanager
def _plain(model: str) -> Iterator[_Server]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with _process("benchmarks.serving.plain", model, str(port)) as process:
        until = time.monotonic() + START_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError as error:
                if time.monotonic() > until:
                    raise InputError(f"the plain handler does not start at port {port}: see above") from error
                time.sleep(0.05)
        yield _Server(process, port)


def _line(stream: Any) -> str:
    return str(stream.readline()).strip()
