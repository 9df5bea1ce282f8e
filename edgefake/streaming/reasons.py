"""Why something cannot be watched, when OpenCV says no more than that it cannot be opened."""

from __future__ import annotations

import re
import socket
from urllib.parse import urlsplit

TIMEOUT_S = 2.0
"""How long a server that gave no picture is asked why."""
HEAD_BYTES = 1 << 20
"""So much of the beginning of a file is looked at, as FFmpeg does before it says what it is."""

_PLAYLISTS = (b"ffconcat version", b"#extm3u", b"<mpd", b"<smil", b"[reference]", b"rtsptext", b"c=in ip", b"[playlist]")
_PICTURES = (b"\xff\xd8\xff", b"\x89PNG", b"II*\0", b"MM\0*", b"\0\0\0\x0cjP")
_PORTS = {"http": 80, "https": 443, "rtsp": 554, "rtsps": 322}
_SOUNDS = (b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf1", b"\xff\xf9", b"fLaC", b"OggS", b"#!AMR", b"MThd")


def why_not_a_video(head: bytes) -> str | None:
    """What the beginning of a file shows that is no video, as the end of a sentence; None when it may be one.

    A text that names other files (a playlist) is told before FFmpeg opens it: it would play those under this one's name.
    """
    if not head:
        return "is empty (0 bytes): get the whole file"
    text = _without_id3(head).split(b"\0", 1)[0].lower()
    if any(mark in text for mark in _PLAYLISTS):
        return "is a playlist, not a video: give the videos that it names"
    if len(text) == len(head) and _is_text(head[:4096]):
        return "is a text, not a video"
    return None


def is_picture(head: bytes) -> bool:
    """Whether a file begins as a picture, animated or not; so does a sequence of JPEGs."""
    boxes = (b"ftypavif", b"ftypavis", b"ftypheic", b"ftypmif1")
    return head.startswith(_PICTURES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP") or head[4:12] in boxes


def why_not_opened(head: bytes, tail: bytes) -> str:
    """Why FFmpeg could not open a file that begins and ends so, as the end of a sentence."""
    if head.startswith(_SOUNDS) or (head[:4] == b"RIFF" and head[8:12] == b"WAVE"):
        return "holds sound and no picture"
    if is_picture(head):
        return "is a picture: judge it with `edgefake predict`"
    known = head + tail
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free"):
        if b"moov" not in known:
            return "is cut short, its index is missing: get the whole file"
        if b"soun" in known and b"vide" not in known:
            return "holds sound and no picture"
    if head.startswith(b"\x1a\x45\xdf\xa3") and b"A_" in head and b"V_" not in head:
        return "holds sound and no picture"
    return "is damaged, cut short or no video that FFmpeg can read: get the whole file"


def why_silent(url: str) -> tuple[str, bool]:
    """Why an address (its protocol in lower case) gives no picture, as the end of a sentence; and whether it may do so later.

    HTTP and RTSP servers are asked once more for that, without the user and password.
    """
    address = re.sub(r"(?<=://)[^/?#]*@", "", url)  # as FFmpeg: what urlsplit refuses, a password may hold
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        host = port = None
    if not host or not port or parts.scheme not in _PORTS:
        return "does not answer: check that it is there, not in use elsewhere, and that you may open it", True
    try:
        with socket.create_connection((host, port), TIMEOUT_S) as plain:
            code = _ask(plain, parts.scheme, f"{host}:{port}", f"{parts.path or '/'}?{parts.query}".rstrip("?"))
    except socket.gaierror:
        return "is not found: no machine has this name, check it and the network", True
    except ConnectionRefusedError:
        return "does not answer: the machine is there, but nothing serves at this port", True
    except (OSError, ValueError):
        return "does not answer: check its address, and that the machine is on and can be reached", True
    if code in (401, 403):
        if address != url:
            return f"does not accept the user and password given (it answers {code})", False
        return f"wants a user and password (it answers {code}): give USER:PASSWORD@ before the host", False
    if code in (404, 410):
        return f"is not there: the server knows no such path (it answers {code})", True
    if code >= 400:
        return f"cannot be watched: the server answers {code}", True
    return "answers, but with nothing that FFmpeg can read as a video", False


def _ask(connection: socket.socket, scheme: str, host: str, target: str) -> int:
    """The status with which the server answers a request without a password; 0 when it says nothing that can be understood."""
    if scheme in ("https", "rtsps"):
        import ssl  # 3 ms, and seldom needed

        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # as FFmpeg; the query may be secret, and was sent so
        connection = context.wrap_socket(connection)
    if scheme.startswith("http"):
        request = f"GET {target} HTTP/1.0\r\nHost: {host}\r\n\r\n"
    else:
        request = f"DESCRIBE {scheme}://{host}{target} RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\n\r\n"
    connection.sendall(request.encode())
    words = connection.recv(256).split(None, 2)
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0


def _without_id3(head: bytes) -> bytes:
    """``head`` behind the tags that FFmpeg passes over before it looks what a file is."""
    while head[:3] == b"ID3" and len(head) >= 10:
        a, b, c, d = head[6:10]
        head = head[10 + (a << 21 | b << 14 | c << 7 | d) :]
    return head


def _is_text(data: bytes) -> bool:
    try:
        shown = data.decode("utf-8", "strict" if len(data) < 4096 else "ignore")
    except UnicodeDecodeError:
        return False
    return len(shown) > 0.9 * len(data) and all(sign.isprintable() or sign in "\r\n\t\f" for sign in shown)
