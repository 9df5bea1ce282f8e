"""Verdicts in words that nobody can take for more than they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgefake.quality import MIN_SIZE
from edgefake.streaming.video import MIN_COVERAGE
from edgefake.thresholds import Verdict, worst_verdict


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict, or why there is none, for people."""

    title: str
    text: str
    tone: str
    """``real``, ``unsure``, ``fake`` or ``none``: how it is shown."""


_VERDICTS = {
    Verdict.REAL: (
        "No sign of manipulation of the kinds this detector knows",
        "Every face that could be judged scored below the threshold. That does not make the {kind} genuine: a forgery of a kind "
        "that the detector was never shown looks the same to it.",
    ),
    Verdict.UNSURE: (
        "Undecided",
        "The most suspicious face scored between the two thresholds of this detector: too high to say that there is no sign of "
        "manipulation, too low to say that there is one.",
    ),
    Verdict.FAKE: (
        "Signs of manipulation",
        "The score of the most suspicious face reaches the threshold. Those of genuine faces do so too now and then; how often "
        "this model errs like that, as far as it was measured, stands beside each face.",
    ),
}

_NONE = {
    "no_face": ("No face was found, so nothing was judged", "This detector judges faces and nothing else in a {kind}."),
    "face_too_small": (
        "No face that can be judged",
        f"What was found is smaller than {MIN_SIZE:g} pixels: too small to tell anything from.",
    ),
    "face_too_blurred": (
        "No face that can be judged",
        "What was found is too blurred to tell anything from.",
    ),
    "too_short": (
        "No face was seen for long enough to be judged",
        "A face counts when it was found by three searches and scored for half a second.",
    ),
    "incomplete": (
        "Too little of the video could be read for a verdict",
        f"Less than {MIN_COVERAGE:.0%} of its frames could be decoded.",
    ),
    "error": ("The file could not be read, so nothing was judged", "Whether it is genuine is as open as before."),
}


def finding(
    kind: str, status: str, verdict: Verdict | None, faces: Sequence[Verdict | None] = (), *, raised: bool = False
) -> Finding:
    """What ``verdict`` (None: what ``status``) on a ``picture`` or ``video`` says.

    ``faces`` are the verdicts on its faces alone; ``raised`` is whether the file's threshold is higher than theirs.
    """
    title, text = _NONE[status] if verdict is None else _VERDICTS[verdict]
    told = [text.format(kind=kind)]
    if verdict is not None and raised:
        count = sum(face is not None for face in faces)
        told.append(f"Of {count} faces the highest score must be higher to count: each is one more chance of an accident.")
        if worst_verdict(faces) is not verdict:
            told.append("By itself, one of them would have another verdict.")
    return Finding(title, " ".join(told), "none" if verdict is None else verdict.value)


LIMITS = (
    "It speaks of faces alone: not of {rest}, its caption, its date, or whether what it shows happened.",
    "It does not say who is shown.",
    "p_fake is no probability that this {kind} is fake. It is a score that was calibrated on test faces of which {prior} were "
    "fakes: where fakes are rarer, more of the alarms are false.",
    "“No sign of manipulation” is no proof that a {kind} is genuine, and “signs of manipulation” none that it was forged: it is "
    "one piece of evidence among others.",
    "Copies that were scaled, compressed or photographed from a screen can score differently from the original.",
)
"""What a verdict does not mean."""

FACES = {
    "real": "No sign of manipulation",
    "unsure": "Undecided",
    "fake": "Signs of manipulation",
    "ok": "Not judged: not seen for long enough",
    "face_too_small": f"Not judged: smaller than {MIN_SIZE:g} pixels",
    "face_too_blurred": "Not judged: too blurred",
}
"""A face's verdict, or its status without one."""

EXPLAINED = {
    "map": "it is the model's own map, from the very run that gave the score",
    "occlusion": "a place is as strong in colour as the score moves when it is blurred away",
}
"""What an evidence map is, by ``FaceScore.evidence_from``."""

STATES = {
    "absent": (
        "None",
        "The file holds no Content Credentials. Most files do not, and they are easily removed: that says nothing against it.",
    ),
    "valid": (
        "Intact",
        "The file has not been changed since these credentials were signed. Nobody checked that the signer is whom the "
        "certificate names: anybody can make one in any name.",
    ),
    "broken": (
        "Broken",
        "The file holds Content Credentials that do not fit it, or are damaged: it, or they, were changed after signing.",
    ),
    "elsewhere": (
        "Kept elsewhere",
        "The file says that its Content Credentials are on a server. It was not asked, since this report fetches nothing.",
    ),
    "unreadable": (
        "Not readable",
        "Whether the file holds Content Credentials could not be told.",
    ),
    "unsupported": ("Not possible", "No Content Credentials can be read from this kind of file."),
    "not_checked": ("Not checked", "c2pa-python, which reads them, is not installed."),
}
"""What the state of a file's Content Credentials means."""
