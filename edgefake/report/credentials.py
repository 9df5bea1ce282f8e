"""Content Credentials (C2PA): who says what of a file's making, and whether it still belongs to the file. Nothing is fetched."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from edgefake.text import printable

State = Literal["absent", "valid", "broken", "elsewhere", "unreadable", "unsupported", "not_checked"]

OFFLINE = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_trust": False, "verify_timestamp_trust": False}
}
"""Settings of c2pa: whether a signer is who they say they are would take a list from the network."""

_ALGORITHMIC = ("trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "algorithmicMedia")
"""IPTC's digital source types of what a model made."""

_FAULTS = 4  # that are told


@dataclass(frozen=True, slots=True)
class Credentials:
    """The Content Credentials of a file. ``signer`` is whom the certificate names: nobody asked whether that is true."""

    state: State
    """``absent``: there are none. ``valid``: they are of this very file, unchanged. ``broken``: the file or they were changed.
    ``elsewhere``: the file says they are on a server, which was not asked. ``unreadable``: nothing could be made of what is
    there. ``unsupported``: no kind of file that can hold any. ``not_checked``: c2pa-python is not installed."""
    signer: str | None = None
    signed: str | None = None
    """When, as a time-stamp authority says."""
    made_with: str | None = None
    """The program that wrote them."""
    made_by_model: bool = False
    """Whether they say that a generative model made the file or a part of it."""
    faults: tuple[str, ...] = ()
    """Why they are broken or unreadable, as the library says."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values only."""
        return asdict(self) | {"faults": list(self.faults)}


def read_credentials(source: bytes | Path) -> Credentials:
    """Those of a file, given as its bytes or where it is."""
    try:
        import c2pa
    except ImportError:
        return Credentials("not_checked")
    try:
        with ExitStack() as opened:
            stream = opened.enter_context(io.BytesIO(source) if isinstance(source, bytes) else source.open("rb"))
            settings = opened.enter_context(c2pa.Settings.from_dict(OFFLINE))
            context = opened.enter_context(c2pa.Context(settings=settings))
            reader = c2pa.Reader.try_create(None, stream, context=context)
            if reader is None:
                return Credentials("absent")
            opened.enter_context(reader)
            return _credentials(reader.get_validation_state(), reader.get_validation_results(), reader.get_active_manifest())
    except c2pa.C2paError as error:
        return _unread(str(error))
    except OSError as error:
        return Credentials("unreadable", faults=(printable(error.strerror or error),))


def _unread(why: str) -> Credentials:
    kind, _, rest = why.partition(": ")
    if kind == "NotSupported":
        return Credentials("unsupported")
    if kind.startswith("Remote"):
        return Credentials("elsewhere")
    return Credentials("unreadable", faults=(printable(rest or kind, limit=200),))


def _credentials(state: str | None, results: Mapping[str, Any] | None, manifest: Mapping[str, Any] | None) -> Credentials:
    manifest = manifest or {}
    signature = manifest.get("signature_info") or {}
    programs = manifest.get("claim_generator_info") or [{}]
    failures = ((results or {}).get("activeManifest") or {}).get("failure") or []
    faults = dict.fromkeys(_text(fault.get("explanation") or fault.get("code")) for fault in failures)
    return Credentials(
        "valid" if state in ("Valid", "Trusted") else "broken",
        signer=_joined(signature.get("common_name"), signature.get("issuer")),
        signed=_text(signature.get("time")) or None,
        made_with=_joined(programs[0].get("name"), programs[0].get("version"), between=" "),
        made_by_model=any(str(kind).endswith(_ALGORITHMIC) for kind in _values_of("digitalSourceType", manifest)),
        faults=tuple(faults)[:_FAULTS],
    )


def _values_of(key: str, value: Any) -> Iterator[Any]:
    """What stands behind ``key``, anywhere in ``value``."""
    if isinstance(value, Mapping):
        yield from (found for name, found in value.items() if name == key)
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for part in parts:
        yield from _values_of(key, part)


def _joined(*texts: Any, between: str = ", ") -> str | None:
    return between.join(dict.fromkeys(filter(None, map(_text, texts)))) or None


def _text(value: Any) -> str:
    return "" if value is None else printable(value, limit=200)
