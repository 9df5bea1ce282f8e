"""Addresses for people, logs and results, without what may be secret in them."""

from __future__ import annotations

import re

HIDDEN = "…"

_PROTOCOLS = "rtsps?|rtspu|https?|rtmp[a-z]*|udp|rtp|srtp?|tcp|tls|ftps?|sftp|mqtts?|wss?|mms[a-z]*|gopher|ffrtmp[a-z]*"
# FFmpeg needs no slash behind the protocols it knows: "rtsp:admin:password@host" is one of its addresses.
_ADDRESS = re.compile(rf"(?<![A-Za-z0-9+.-])(?:([A-Za-z][A-Za-z0-9+.-]*)://|({_PROTOCOLS}):/?)", re.IGNORECASE)
_HOST = re.compile(r"(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?", re.ASCII)
_WORD = r"(?:h26[45])?(?:[A-Za-z][a-z]{0,19}|[A-Z]{2,8})?(?:[A-Z][a-z]{2,19})*\d{0,4}"
# "Streaming", "101", "h264Preview_01_main", "stream.mjpg": unlike a key, made of words and short numbers.
_PLAIN = re.compile(rf"{_WORD}(?:[._-]{_WORD})*")
_SECRETIVE = re.compile(r"user|usr|admin|login|root|pass|pw|secret|token|key|auth|sig|cred|cookie|session|code", re.IGNORECASE)
_ASSIGNED = re.compile(rf"(?:[?&][^\s=]*|[\w-]*(?:{_SECRETIVE.pattern})[\w-]*)\s*=", re.IGNORECASE)
_BARE = re.compile(r"\S:.*\S@\S", re.DOTALL)  # "admin:password@host": the protocol was forgotten
_PIPELINE = re.compile(r"\s*([a-z]\w*)(?:\s+((?:location|uri|device|sensor-id)=)([^\s\"'\\]+)(?=\s))?(?=\s)", re.ASCII)


def without_secrets(text: str) -> str:
    """``text`` with ``HIDDEN`` in the place of all that may be a secret; for a message that quotes an address as well.

    Of an address (as FFmpeg reads it, which takes nearly every sign for a password) the protocol, the host and the beginning of
    the path are kept, as far as it is made of plain words: ``rtsp://host:554/Streaming/Channels/101``. Of a GStreamer pipeline
    the first element is, with its address or device. What stands behind an address is lost.
    """
    found = _ADDRESS.search(text)
    if found and found.start() == 0:
        return _address(f"{found[1] or found[2]}://", text[found.end() :])
    if re.search(r"\s!(\s|$)", text):
        return _pipeline(text)
    before = text[: found.start()] if found else text
    assigned = _ASSIGNED.search(before)
    bare = None if found else _BARE.search(text)
    if bare and not (assigned and assigned.start() < bare.start()):
        return _address("", text)
    if assigned:
        return before[: assigned.start()] + HIDDEN
    if found and before.endswith(":"):  # "admin:password://…@host", or a protocol of FFmpeg around another
        return _address("", text[found.end() :])
    if found:
        return before + _address(f"{found[1] or found[2]}://", text[found.end() :])
    return text


def _address(protocol: str, rest: str) -> str:
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    path = rest[len(authority) :]
    host = authority.rpartition("@")[2]
    # An @ further on: a password with a slash in it, perhaps.
    if "@" in path or not _HOST.fullmatch(host):
        return protocol + HIDDEN
    if not path.startswith("/"):
        return protocol + host
    kept = protocol + host
    for part in re.split(r"[?#]", path, maxsplit=1)[0][1:].split("/"):
        if not _PLAIN.fullmatch(part) or _SECRETIVE.search(part):
            return f"{kept}/{HIDDEN}"
        kept += f"/{part}"
    return kept


def _pipeline(text: str) -> str:
    first = _PIPELINE.match(text)
    if first is None:
        return f"{HIDDEN} ! {HIDDEN}"
    element, name, value = first.groups()
    # An @ further on: a password with a space in it, perhaps.
    shown = f" {name}{without_secrets(value)}" if name and "@" not in text[first.end() :] else ""
    return f"{element}{shown} ! {HIDDEN}"
