"""Where the audit of a data set is kept, and what it says to every later report. Loads nothing heavy: ``fit`` asks too."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from edgefake.errors import InputError
from edgefake.files import write_json
from edgefake.images import IMAGE_SUFFIXES
from edgefake.text import printable
from training.kept import face_table, kept_path
from training.pictures import hidden


def audit_path(data: Path) -> Path:
    """The file of the audit of ``data``."""
    return kept_path("audits", data, ".json")


def audit_says(data: Path) -> list[str]:
    """What whoever uses ``data`` must be told: what its last audit warns of, a sentence each, or that there was none."""
    warnings = audit_warnings(data)
    if warnings is None:
        return [f"{printable(data)} is not audited: python -m training audit {printable(data)} finds what fools people"]
    return warnings


def audit_in_short(data: Path) -> str | None:
    """One sentence for ``audit_says``; None where there is nothing to say."""
    told = audit_says(data)
    if len(told) < 2:
        return told[0] if told else None
    path = printable(audit_path(data))
    return f"the audit of {printable(data)} warns of {len(told)} things, listed in {path}; the first: {told[0]}"


def audit_warnings(data: Path) -> list[str] | None:
    """What the last audit of ``data`` warns of, a sentence each; empty when it is clean, ``None`` when it was never audited.

    The first says so when the pictures or face tables have changed since, or the audit cannot be read.
    """
    path = audit_path(data)
    again = f"run python -m training audit {printable(data)} again"
    try:
        kept = json.loads(path.read_text())
        fingerprint, warnings = str(kept["fingerprint"]), [str(warning) for warning in kept["warnings"]]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        return [f"the audit {printable(path)} cannot be read ({error}): {again}"]
    if fingerprint != fingerprint_of(data):
        return [f"the data changed since its audit: {again}", *warnings]
    return warnings


def make_folder(data: Path) -> None:
    """Make the folder of the audit of ``data``, before the work is done that it is for. Raises ``InputError``."""
    folder = audit_path(data).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"the folder {folder} cannot be made ({error.strerror}): work in a folder that can") from error


def keep_audit(data: Path, content: dict[str, object]) -> Path:
    """Write an audit where ``audit_warnings`` finds it. Raises ``InputError`` when the folder cannot be written."""
    path = audit_path(data)
    try:
        write_json(path, content)
    except OSError as error:
        raise InputError(
            f"the audit {printable(path)} cannot be written ({error.strerror}): work in a folder that can"
        ) from error
    return path


def fingerprint_of(data: Path) -> str:
    """Changes when a picture below ``data`` comes, goes or changes its size, and with the content of any CSV.

    Of a manifest, with its own content and that of its face table; the pictures that it lists are not looked at.
    """
    files = sorted(data.rglob("*")) if data.is_dir() else [data, face_table(data)]
    digest = hashlib.sha256()
    for file in files:
        suffix = file.suffix.lower()
        if data.is_dir() and any(map(hidden, file.relative_to(data).parts)):
            continue
        if suffix in IMAGE_SUFFIXES and file.is_file():
            digest.update(f"{file.relative_to(data).as_posix()}\0{file.stat().st_size}\n".encode(errors="surrogateescape"))
        elif suffix == ".csv" and file.is_file():
            digest.update(f"{file.name}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()[:16]
