"""``edgefake scan`` against bare loops, by turns; kills and resumes; memory over many files."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.goals import Goal
from benchmarks.scanning.pictures import make_archive
from edgefake.benchmark.conditions import Conditions, between, governor, moment
from edgefake.benchmark.machine import Machine, this_machine
from edgefake.errors import InputError
from edgefake.scan import Limits, Progress, Settings, scan

WORKERS = 2
LEAST_SPEEDUP, LEAST_SHARE, LEAST_OF_RAY = 1.8, 0.95, 0.9
LARGE, SMALL = 1280, 320
"""Widths of pictures: for throughput, and where there are many."""
LARGE_SHARE = 4
"""Ray has a large picture for so many small ones."""
GROWTH_MB = 30.0
"""Memory that is "flat" may grow by so much from a tenth of the way to its end: the database keeps pages in memory."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What was judged in one turn."""

    per_second: float
    cpu_ms: float
    """Processor time for each file: of the loops, or of the one process that lists, claims, collects and writes for workers."""


@dataclass(frozen=True, slots=True)
class Stages:
    """Milliseconds per file in the bare loop."""

    decode: float
    find: float
    score: float


@dataclass(frozen=True, slots=True)
class Many:
    """Both engines over as many pictures: local, Ray, Ray, local, half of them a turn, so that drift cancels out."""

    files: int
    width: int
    local: tuple[float, ...]
    """Per second, of each turn."""
    ray: tuple[float, ...]

    @property
    def ratio(self) -> float:
        return sum(self.ray) / sum(self.local)


@dataclass(frozen=True, slots=True)
class Killed:
    """A scan that was killed and started again, until it was through."""

    files: int
    kills: int
    differing: int
    """Rows that are missing, there twice, or unlike those of an undisturbed scan."""
    left_to_the_last: int
    """Files that the last start, which was not killed, had still to judge."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory of the scan and its workers together, 10⁶ bytes."""

    files: int
    samples: tuple[tuple[int, float], ...]
    """How many files were done, and the memory then."""
    files_per_second: float

    @property
    def growth(self) -> float:
        """From a tenth of the way on."""
        settled = [mb for done, mb in self.samples if done >= self.files / 10]
        return max(settled) - settled[0] if settled else 0.0


@dataclass(frozen=True, slots=True)
class Scanning:
    model: str
    machine: Machine
    conditions: Conditions
    pictures: int
    stages: Stages | None
    """None, and no turns, where only what follows was asked for."""
    loop: tuple[Turn, ...]
    """One process."""
    loops: tuple[Turn, ...]
    """``WORKERS`` of it at once: more is not to be had."""
    local: tuple[Turn, ...]
    many: tuple[Many, ...]
    killed: Killed | None
    memory: Memory | None

    @property
    def goals(self) -> tuple[Goal, ...]:
        found = []
        if self.local:
            speedup, share = _ratio(self.local, self.loop), _ratio(self.local, self.loops)
            found.append(Goal(f"one loop / local engine, {WORKERS} workers", 1 / speedup, 1 / LEAST_SPEEDUP, "×"))
            found.append(Goal(f"what the engine costs of {WORKERS} loops", 1 - share, 1 - LEAST_SHARE, ""))
        for many in self.many:
            found.append(Goal(f"what Ray costs of the local engine, {many.width} px", 1 - many.ratio, 1 - LEAST_OF_RAY, ""))
        if self.killed:
            found.append(Goal("rows that differ after kills", self.killed.differing, 0, ""))
        if self.memory:
            found.append(Goal("growth of memory", self.memory.growth, GROWTH_MB, "MB"))
        return tuple(found)

    def __str__(self) -> str:
        busy = self.conditions.others_cores
        others = "not known" if busy is None else f"{busy:.1f} cores"
        rows = [f"{self.model}, {self.pictures} pictures of 1280×720 a turn, {len(self.loop)} turns; other programs: {others}"]
        if self.stages:
            rows += [
                f"decode {self.stages.decode:.2f}, find {self.stages.find:.2f}, score {self.stages.score:.2f} ms per picture"
            ]
            rows += [
                f"{'':<24}{'per second':>12}{'processor':>12}  ms per picture, of the loops and of the engine's first process"
            ]
        turns = {"one loop": self.loop, f"{WORKERS} loops": self.loops, "local engine": self.local}
        for name, of in turns.items():
            if of:
                rows.append(f"{name:<24}{_rate(of):12.1f}{median(turn.cpu_ms for turn in of):12.2f}")
        for many in self.many:
            local, ray = (" and ".join(f"{rate:.0f}" for rate in rates) for rates in (many.local, many.ray))
            rows.append(f"{many.files} pictures {many.width} px wide: local engine {local}, Ray {ray} per second")
        if self.killed:
            left = self.killed.left_to_the_last
            rows.append(f"{self.killed.files} files, {self.killed.kills} kills: the last start had {left} to judge")
        if self.memory:
            shown = self.memory.samples[:: max(1, len(self.memory.samples) // 10)]
            rows.append(f"memory over {self.memory.files} files, {self.memory.files_per_second:.0f} per second:")
            rows.append(", ".join(f"{done}: {mb:.0f} MB" for done, mb in shown))
        return "\n".join(rows)


def measure_scanning(
    model: str,
    *,
    pictures: int,
    rounds: int,
    ray_files: int = 0,
    kill_files: int = 0,
    kills: int = 10,
    memory_files: int = 0,
    scratch: Path | None = None,
) -> Scanning:
    """Loops and engines take turns on the same ``pictures``; then the tests that are asked for, on small pictures."""
    if not pictures or not (rounds or ray_files or kill_files or memory_files):
        raise InputError("expected something to measure, got no rounds, pictures or files: leave --rounds and --pictures out")
    before, load = moment(), os.getloadavg()[0]
    with tempfile.TemporaryDirectory(dir=scratch, prefix="edgefake-scan-") as folder:
        place = Path(folder)
        paths = make_archive(place / "pictures", pictures if rounds else 0, width=None)
        turns: dict[str, list[Turn]] = {name: [] for name in ("loop", "loops", "local")}
        stages: list[Stages] = []
        for number in range(rounds):
            one, of_one = _loops(model, [paths], place)
            stages.append(of_one)
            turns["loop"].append(one)
            shares = [paths[n::WORKERS] for n in range(WORKERS)]
            turns["loops"].append(_loops(model, shares, place)[0])
            turns["local"].append(_engine(model, place / "pictures", place / f"local-{number}", "local"))
        sizes = {LARGE: ray_files // LARGE_SHARE, SMALL: ray_files} if ray_files else {}
        many = tuple(_many(model, place / str(width), files, width) for width, files in sizes.items())
        killed = _killed(model, place, kill_files, kills) if kill_files else None
        memory = _memory(model, place, memory_files) if memory_files else None
        cores = len(os.sched_getaffinity(0))
        conditions = between(before, moment(), cores=cores, load=load, governor=governor())
    middle = sorted(stages, key=lambda stage: stage.find)[len(stages) // 2] if stages else None
    done = tuple(tuple(of) for of in turns.values())
    return Scanning(model, this_machine(), conditions, pictures, middle, *done, many, killed, memory)


def _loops(model: str, shares: Sequence[Sequence[Path]], place: Path) -> tuple[Turn, Stages]:
    """A process for each share, all at once."""
    running = []
    for number, share in enumerate(shares):
        listed = place / f"share-{number}.txt"
        listed.write_text("\n".join(map(str, share)))
        command = [sys.executable, "-m", "benchmarks.scanning.loop", model, str(listed)]
        running.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
    for process in running:
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise InputError(f"the loop over {model} did not start: see what it said above")
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    told: list[dict[str, Any]] = [json.loads(process.communicate()[0]) for process in running]
    count = sum(one["count"] for one in told)
    stages = Stages(*(1e3 * sum(one["stages"][name] for one in told) / count for name in ("decode", "find", "score")))
    return Turn(sum(one["count"] / one["seconds"] for one in told), 1e3 * sum(one["cpu"] for one in told) / count), stages


def _engine(model: str, source: Path, out: Path, engine: str) -> Turn:
    """Of a scan from its first rows on, when all workers have started, until there is nothing left for one of them."""
    seen: list[tuple[float, int, float]] = []

    def note(progress: Progress) -> None:
        seen.append((time.perf_counter(), progress.judged, time.process_time()))

    scan([str(source)], out, Settings(model=model), engine=engine, workers=WORKERS, limits=Limits(nice=0), progress=note)
    (began, first, cpu), (ended, last, cpu_then) = seen[min(WORKERS, len(seen) // 3)], seen[-1 - min(WORKERS, len(seen) // 3)]
    return Turn((last - first) / (ended - began), 1e3 * (cpu_then - cpu) / (last - first))


def _command(model: str, source: Path, out: Path, part_files: int) -> list[str]:
    options = ["--model", model, "--workers", str(WORKERS), "--nice", "0", "--part-files", str(part_files), "--json"]
    return [sys.executable, "-m", "edgefake", "scan", str(source), "--out", str(out), *options]


def _many(model: str, place: Path, files: int, width: int) -> Many:
    make_archive(place / "engines", files // 2, width=width)
    rates: dict[str, list[float]] = {"local": [], "ray": []}
    for number, engine in enumerate(("local", "ray", "ray", "local")):
        rates[engine].append(_engine(model, place / "engines", place / f"many-{number}", engine).per_second)
    return Many(files, width, tuple(rates["local"]), tuple(rates["ray"]))


def _killed(model: str, place: Path, files: int, kills: int) -> Killed:
    """Kill a scan by its group at random moments, and start it again; in the end let it run through."""
    make_archive(place / "small", files, width=SMALL)
    started = time.monotonic()
    part_files = max(1, files // 100)  # else every kill could come before the first part
    _run(_command(model, place / "small", place / "undisturbed", part_files))
    whole_s = time.monotonic() - started
    dice = random.Random(0)
    command = _command(model, place / "small", place / "killed", part_files)
    done = 0
    for _ in range(kills):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            process.wait(dice.uniform(0, 1.6 * whole_s / kills))
            break  # it was through before
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            done += 1
    told = json.loads(_run(command))
    undisturbed, disturbed = (_rows(place / name) for name in ("undisturbed", "killed"))
    missing = sum(row not in undisturbed for row in disturbed) + sum(row not in disturbed for row in undisturbed)
    twice = told["files"] - len(disturbed)
    return Killed(files, done, missing + twice, told["judged"])


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in (0, 1, 3):
        raise InputError(f"a scan ended with {done.returncode}: see what it said above")
    return done.stdout


def _rows(out: Path) -> set[str]:
    import pyarrow.parquet as pq

    return {str(row) for part in sorted(out.glob("part-*.parquet")) for row in pq.read_table(part).to_pylist()}


def _memory(model: str, place: Path, files: int) -> Memory:
    """Sample what the processes of a scan have, while it goes."""
    make_archive(place / "many", files, width=160)
    samples: list[tuple[int, float]] = []
    due = files // 50 or 1

    def note(progress: Progress) -> None:
        if progress.judged >= len(samples) * due:
            samples.append((progress.judged, _resident_mb(os.getpid())))

    options = {"workers": WORKERS, "limits": Limits(nice=0), "progress": note}
    done = scan([str(place / "many")], place / "memory", Settings(model=model), **options)
    return Memory(files, tuple(samples), done.judged / done.seconds)


def _resident_mb(pid: int) -> float:
    """Of a process and all below it."""
    pages = 0
    for folder in _tree(pid):
        with suppress(OSError):
            pages += int((folder / "statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _tree(pid: int) -> Iterator[Path]:
    """The folders of a process and all below it."""
    pids = [pid]
    while pids:
        folder = Path(f"/proc/{pids.pop()}")
        yield folder
        with suppress(OSError):
            for task in (folder / "task").iterdir():
                pids += map(int, (task / "children").read_text().split())


def _ratio(ours: Sequence[Turn], theirs: Sequence[Turn]) -> float:
    return median(one.per_second / other.per_second for one, other in zip(ours, theirs, strict=True))


def _rate(turns: Sequence[Turn]) -> float:
    return median(turn.per_second for turn in turns)
