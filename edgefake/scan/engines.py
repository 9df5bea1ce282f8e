"""Where workers run: processes of this machine, or actors of Ray. Both judge with ``Guarded``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from queue import SimpleQueue
from typing import Any, Protocol

from edgefake.scan.extra import required
from edgefake.scan.guarded import Guarded
from edgefake.scan.index import Index
from edgefake.scan.judge import batch_of
from edgefake.scan.limits import Limits
from edgefake.scan.parts import Parts
from edgefake.scan.reading import Work
from edgefake.scan.rows import Row
from edgefake.scan.settings import Fingerprint, Settings
from edgefake.system import available_cores

BATCH = 16
"""So many files a worker of this machine gets at once."""

BLOCK = 64
"""The same for one of Ray's: each costs a task."""

WAVE = 50_000
"""So many files are one data set of Ray's, with actors of its own; their paths are in its store."""


class Engine(Protocol):
    """Judges batches."""

    batch: int
    """How many files to give at once."""

    def stream(self, batches: Iterator[list[Work]]) -> Iterator[Sequence[Row]]:
        """The rows of all, as they come; ``batches`` may still grow while others are judged."""
        ...


class LocalEngine:
    """``workers`` processes of this machine."""

    batch = BATCH

    def __init__(self, settings: Settings, expected: Fingerprint, index: Index, *, workers: int | None, limits: Limits) -> None:
        count = workers or available_cores()
        self._workers = [Guarded(settings, limits=limits, claim=index.claim, expected=expected) for _ in range(count)]

    def stream(self, batches: Iterator[list[Work]]) -> Iterator[Sequence[Row]]:
        idle: SimpleQueue[Guarded] = SimpleQueue()
        for worker in self._workers:
            idle.put(worker)

        def judge(works: list[Work]) -> list[Row]:
            worker = idle.get()
            try:
                return worker.judged(works)
            finally:
                idle.put(worker)

        pending: set[Future[list[Row]]] = set()
        with ThreadPoolExecutor(len(self._workers), "worker") as pool:
            try:
                while True:
                    more = islice(batches, 2 * len(self._workers) - len(pending))
                    pending |= {pool.submit(judge, works) for works in more}
                    if not pending:
                        break
                    done, pending = wait(pending, return_when=FIRST_COMPLETED)
                    for future in done:
                        yield future.result()
            except BaseException:
                for worker in self._workers:
                    worker.stop()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def close(self) -> None:
        for worker in self._workers:
            worker.close()


class RayEngine:
    """``workers`` actors of the Ray cluster at ``address``, or of one that is started on this machine."""

    batch = BLOCK

    def __init__(
        self,
        settings: Settings,
        expected: Fingerprint,
        parts: Parts,
        *,
        workers: int | None,
        limits: Limits,
        address: str | None = None,
        forget_failed: bool = False,
    ) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        if address is None:
            os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # as there: on the loopback address alone
        ray = required("ray")
        required("ray.data")
        self._started = not ray.is_initialized()
        if self._started:
            cores = {} if address else {"num_cpus": max(workers or 0, available_cores()), "include_dashboard": False}
            ray.init(address=address or "local", logging_level="ERROR", log_to_driver=False, **cores)
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        actor = ray.remote(_Claims).options(num_cpus=0, scheduling_strategy=here, max_concurrency=1)
        claims = actor.remote(str(parts.folder), forget_failed)
        self._arguments = {"settings": settings, "limits": limits, "claim": _ActorClaim(claims), "expected": expected}
        self._workers = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))

    def stream(self, batches: Iterator[list[Work]]) -> Iterator[Sequence[Row]]:
        data = required("ray.data")
        while wave := [batch_of(works) for works in islice(batches, WAVE // BLOCK)]:
            judged = data.from_arrow(wave).map_batches(
                Guarded,
                fn_constructor_kwargs=self._arguments,
                batch_size=None,
                batch_format="pyarrow",
                compute=data.ActorPoolStrategy(size=min(self._workers, len(wave))),
                num_cpus=1,
            )
            for table in judged.iter_batches(batch_format="pyarrow", batch_size=None):
                yield table.to_pylist()

    def close(self) -> None:
        if self._started:
            required("ray").shutdown()


class _Claims:
    """The actor that knows who judges what, beside the parts."""

    def __init__(self, folder: str, forget_failed: bool) -> None:
        from pathlib import Path

        from edgefake.scan.run import enter

        self._index = Index()
        enter(Parts(Path(folder)), self._index, forget_failed=forget_failed)

    def claim(self, asked: Sequence[tuple[str, str]]) -> list[bool]:
        return self._index.claim(asked)


class _ActorClaim:
    """A ``Claim`` that asks ``_Claims``."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def __call__(self, asked: Sequence[tuple[str, str]]) -> list[bool]:
        answers: list[bool] = required("ray").get(self._actor.claim.remote(asked))
        return answers
