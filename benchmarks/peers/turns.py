"""Processes that take turns: while one is timed the others wait, and a slow moment of the machine meets all alike."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.peers.forms import Forms
from benchmarks.peers.runners import Open
from edgefake.pixels import Pixels

BLOCK = 8
"""Runs in one turn."""
COLD_RUNS, COLD_S = 2, 0.1
"""At least so many runs and seconds at the start of a turn do not count: others have had the caches, and until the system has
spread the threads of a process that slept over the cores, two may share one."""
PAUSE_S = 0.02
"""Between turns: thread pools keep spinning for some milliseconds after their work."""

Seconds = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Turns:
    """Seconds of every counted run (rounds, ``BLOCK``) by peer, and why others could not run."""

    seconds: dict[str, Seconds]
    skipped: dict[str, str]


def take_turns(
    peers: Mapping[str, Open], forms: Forms, inputs: Sequence[Pixels], *, rounds: int, warm_up: int, threads: int
) -> Turns:
    """Let every peer run the same ``inputs`` in ``rounds`` turns, each round starting with another peer."""
    context = multiprocessing.get_context("spawn")
    connections: dict[str, Connection] = {}
    skipped: dict[str, str] = {}
    processes = []
    for name, open_ in peers.items():
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, open_, forms, inputs, threads), daemon=True)
        process.start()
        theirs.close()
        processes.append(process)
        fault = _answer(ours)  # one after the other: loading is no part of it
        if fault is None:
            connections[name] = ours
        else:
            skipped[name] = str(fault)
    names = list(connections)
    seconds: dict[str, list[Any]] = {name: [] for name in names}
    for round_ in range(-warm_up, rounds):
        for turn in range(len(names)):
            name = names[(round_ + turn) % len(names)]
            time.sleep(PAUSE_S)
            connections[name].send(True)
            block = _answer(connections[name])
            if round_ >= 0:
                seconds[name].append(block)
    for connection in connections.values():
        connection.send(False)
    for process in processes:
        process.join()
    return Turns({name: np.array(blocks) for name, blocks in seconds.items()}, skipped)


def _answer(connection: Connection) -> Any:
    try:
        return connection.recv()
    except EOFError:
        return "its process died while it was loading or running"


def _work(connection: Connection, open_: Open, forms: Forms, inputs: Sequence[Pixels], threads: int) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())  # runtimes greet at length
    try:
        run = open_(forms, threads)
        run(inputs[0])
    except Exception as error:  # a peer that is not installed or cannot read the file is reported, not fatal
        connection.send(f"{type(error).__name__}: {str(error).strip().splitlines()[0]}")
        return
    connection.send(None)
    pictures = itertools.cycle(inputs)

    def once() -> float:
        pixels = next(pictures)
        started = time.perf_counter()
        run(pixels)
        return time.perf_counter() - started

    while connection.recv():
        warm, cold = time.perf_counter() + COLD_S, 0
        while cold < COLD_RUNS or time.perf_counter() < warm:
            once()
            cold += 1
        connection.send([once() for _ in range(BLOCK)])
