"""The audit of a data set: what was found, and which of it is a warning."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgefake.errors import InputError
from edgefake.schema import SCHEMA
from edgefake.tables import text_table
from edgefake.text import portable_path, printable
from training.audit.copies import Copy, Group, find_copies
from training.audit.pictures import Picture, measure
from training.audit.properties import LEAST, Separation, separations
from training.audit.stored import fingerprint_of
from training.kept import name_below
from training.samples import Sample

EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found in one data set."""

    data: str
    fingerprint: str
    """Of the data's files: another one means that they have changed."""
    faces: int
    """Labelled, in pictures that could be read."""
    unreadable: tuple[str, ...]
    """Why pictures were left out, a sentence each."""
    separations: tuple[Separation, ...]
    too_few: tuple[str, ...]
    """Sets of pictures with too few of a class for any figure."""
    copies: tuple[Group, ...]
    """Groups of files that show the same photo."""

    def warnings(self) -> list[str]:
        """What must be said with every figure measured on this data, a sentence each."""
        suspicious: dict[str, list[Separation]] = defaultdict(list)
        for separation in self.separations:
            if separation.suspicious:
                suspicious[separation.name].append(separation)
        across = [group for group in self.copies if _differ(group, _split)]
        identical = sum(_differ_though_identical(group, _split) for group in across)
        mislabelled = [group for group in self.copies if _differ_though_identical(group, _fake)]
        return [
            *map(_separation_warning, suspicious.values()),
            *_copies(f"photos that lie in more than one split ({identical} as identical files)", across),
            *_copies("photos labelled both real and fake in identical files", mislabelled),
        ]

    def notes(self) -> list[str]:
        """What is good to know, but no warning."""
        inside = [group for group in self.copies if not _differ(group, _split) and not _differ(group, _fake)]
        forged = [group for group in self.copies if _differ(group, _fake) and not _differ_though_identical(group, _fake)]
        return [
            *_copies("photos that are more than once in one class of one split", inside),
            *_copies("photos that are there both real and fake, forgeries beside their originals or wrong labels", forged),
            *(f"{name}: fewer than {LEAST} real or fake pictures, too few to measure properties" for name in self.too_few),
            *(f"left out: {printable(reason)}" for reason in self.unreadable),
        ]

    def to_dict(self) -> dict[str, Any]:
        """For JSON, with the warnings and the notes."""
        return {"schema": SCHEMA} | asdict(self) | {"warnings": self.warnings(), "notes": self.notes()}

    def table(self) -> str:
        """The AUC of each property in each set of pictures, as text."""
        sets = list(dict.fromkeys(s.pictures for s in self.separations))
        rows = [["one property alone: AUC", *sets, "in the face crop"]]
        by_property: dict[str, dict[str, Separation]] = defaultdict(dict)
        for s in self.separations:
            by_property[s.name][s.pictures] = s
        for name, found in by_property.items():
            reach = "yes" if next(iter(found.values())).reaches_model else "no"
            rows.append([name, *(_cell(found.get(each)) for each in sets), reach])
        return "\n".join([*text_table(rows), "in fakes: > larger, < smaller, ≠ different; ! a warning; – too few have it"])


def audit(data: Path, samples: Sequence[Sample]) -> Audit:
    """Audit ``samples`` of ``data``, split by split; where not all faces are size-matched, those also by themselves.

    Pictures that cannot be read are left out and listed. Raises ``InputError`` when none can be.
    """
    pictures, unreadable = measure(samples)
    if not pictures:
        raise InputError(f"none of the {len(samples)} pictures of {printable(data)} can be read; the first: {unreadable[0]}")
    found = {name: separations(members, name) for name, members in _sets(pictures).items()}
    return Audit(
        data=portable_path(data),
        fingerprint=fingerprint_of(data),
        faces=len(pictures),
        unreadable=tuple(unreadable),
        separations=tuple(separation for each in found.values() for separation in each),
        too_few=tuple(name for name, each in found.items() if not each),
        copies=tuple(find_copies(pictures, [name_below(picture.sample.path, data) for picture in pictures])),
    )


def _sets(pictures: Sequence[Picture]) -> dict[str, list[Picture]]:
    sets = {}
    for split in dict.fromkeys(picture.sample.split for picture in pictures):
        sets[split] = [picture for picture in pictures if picture.sample.split == split]
        matched = [picture for picture in sets[split] if picture.sample.size_matched]
        if 0 < len(matched) < len(sets[split]):
            sets[f"{split}, size-matched"] = matched
    return sets


def _separation_warning(found: Sequence[Separation]) -> str:
    figures = "; ".join(
        f"AUC {s.auc:.2f} in {s.pictures} ({s.direction} in fakes: {s.fake} against {s.real}"
        + (", may be chance with so few pictures)" if s.may_be_chance else ")")
        for s in found
    )
    reach = "face crops carry it too" if found[0].reaches_model else "face crops do not carry it, whole pictures do"
    return f"{found[0].name} alone separates real from fake, {figures}: {reach}"


def _cell(separation: Separation | None) -> str:
    if separation is None:
        return "–"
    clear = separation.suspicious or not separation.may_be_chance
    sign = {"larger": " >", "smaller": " <", "different": " ≠", "none": ""}[separation.direction] if clear else ""
    return f"{separation.auc:.3f}{sign}{' !' if separation.suspicious else ''}"


def _copies(what: str, groups: Sequence[Group]) -> list[str]:
    if not groups:
        return []
    examples = [" = ".join(printable(copy.file) for copy in group[:EXAMPLES]) for group in groups[:EXAMPLES]]
    return [f"{what}: {len(groups)}, such as {', '.join(examples)}"]


def _split(copy: Copy) -> str:
    return copy.split


def _fake(copy: Copy) -> bool:
    return copy.fake


def _differ(group: Group, of: Callable[[Copy], object]) -> bool:
    return len({of(copy) for copy in group}) > 1


def _differ_though_identical(group: Group, of: Callable[[Copy], object]) -> bool:
    """Whether files of the group with the same bytes differ in ``of``."""
    return len({(copy.sha256, of(copy)) for copy in group}) > len({copy.sha256 for copy in group})
