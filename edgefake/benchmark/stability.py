"""Whether a row's figures can be trusted, and if not, why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from edgefake.benchmark.plan import Case
from edgefake.benchmark.worker import Sample

SPREAD = 1.25
"""p90 over the median, in a run that counts as stable."""
DIFFERENCE = 1.10
"""The slowest process's median over the fastest's."""
BUSY_CORES = 0.2
WARMING_C = 10.0


def warnings(samples: Sequence[Sample], case: Case) -> list[str]:
    """One sentence each: sleep, other programs and throttling always, other conditions only where the figures are unstable."""
    found = []
    if slept := sum(sample.conditions.slept_s for sample in samples):
        found.append(f"the device slept for {slept:.1f} s: keep it awake and measure again")
    if len(samples) == 1:
        found.append("measured in one process only, so its intervals leave out how processes differ")
    disturbances = list(_disturbances(samples))
    if symptoms := list(_symptoms(samples)):
        causes = [*disturbances, *_other_causes(samples, case)]
        found.append(f"unstable, {' and '.join(symptoms)}: {', '.join(causes) or 'no cause was seen'}")
    elif disturbances:
        found.append(f"perhaps slowed down: {', '.join(disturbances)}")
    return found


def _symptoms(samples: Sequence[Sample]) -> Iterable[str]:
    ms = np.concatenate([sample.ms for sample in samples])
    spread = np.percentile(ms, 90) / np.median(ms)
    if spread > SPREAD:
        yield f"p90 is {spread:.2f} × the median"
    medians = [float(np.median(sample.ms)) for sample in samples]
    if max(medians) > DIFFERENCE * min(medians):
        yield f"processes differ from {min(medians):.2f} to {max(medians):.2f} ms"
    if unsteady := sum(not sample.is_steady for sample in samples):
        yield f"warm-up did not settle in {unsteady} of {len(samples)} processes"


def _disturbances(samples: Sequence[Sample]) -> Iterable[str]:
    conditions = [sample.conditions for sample in samples]
    others = _most(c.others_cores for c in conditions)
    if others > BUSY_CORES:
        yield f"other programs kept up to {others:.1f} cores busy"
    stolen = _most(c.stolen_cores for c in conditions)
    if stolen > BUSY_CORES:
        yield f"the hypervisor gave up to {stolen:.1f} cores to others"
    if limits := dict.fromkeys(limit for c in conditions for limit in c.throttling):
        yield f"the clock was limited ({', '.join(limits)})"


def _other_causes(samples: Sequence[Sample], case: Case) -> Iterable[str]:
    conditions = [sample.conditions for sample in samples]
    cores = min(c.cores for c in conditions)
    if case.streams * case.threads > cores:
        yield f"more threads ({case.streams * case.threads}) than cores ({cores})"
    hottest = max((c.end_c for c in conditions if c.end_c is not None), default=0.0)
    coolest = min((c.start_c for c in conditions if c.start_c is not None), default=hottest)
    if hottest - coolest > WARMING_C:
        yield f"it warmed from {coolest:.0f} to {hottest:.0f} °C"
    if governors := dict.fromkeys(c.governor for c in conditions if c.governor and c.governor != "performance"):
        yield f"the clock governor is {', '.join(governors)} (set it to performance)"


def _most(values: Iterable[float | None]) -> float:
    return max((value for value in values if value is not None), default=0.0)
