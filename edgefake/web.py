"""One request over HTTP, and what can become of it: an answer, a refusal, or nobody there."""

from __future__ import annotations

import http.client
import ssl
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from edgefake.errors import InputError
from edgefake.secrets import without_secrets
from edgefake.text import printable

MAX_ANSWER = 1 << 20
_PART = 1 << 16


class Away(Exception):
    """Nobody answers, or not now: the same request may succeed later. Its text goes on from a server's name, without secrets."""


class Refused(Exception):
    """An answer that is none of 2xx, and would be the same again."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(status_text(status))
        self.status = status
        self.body = body


def status_text(status: int) -> str:
    """Such as ``404 Not Found``."""
    return f"{status} {http.client.responses.get(status, '')}".rstrip()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Followed, a redirection would turn a POST into a GET without its body, and could take credentials to another server."""

    def redirect_request(self, *args: object) -> None:
        return None


def opener(ca_file: str | Path | None = None) -> urllib.request.OpenerDirector:
    """Makes requests and follows no redirection; ``ca_file`` (PEM) has the certificates to trust in the place of the system's.

    Raises ``InputError`` when it is unusable.
    """
    if ca_file is None:
        return urllib.request.build_opener(_NoRedirect)
    try:
        context = ssl.create_default_context(cafile=str(ca_file))
    except OSError as error:
        raise InputError(f"{printable(ca_file)} is no file of certificates ({error}): give a PEM file") from error
    return urllib.request.build_opener(_NoRedirect, urllib.request.HTTPSHandler(context=context))


def ask(
    asker: urllib.request.OpenerDirector, request: urllib.request.Request, *, timeout: float, max_bytes: int = MAX_ANSWER
) -> tuple[bytes, http.client.HTTPMessage]:
    """The body and the headers of an answer of 2xx that is whole within about ``timeout`` seconds.

    With 0 ``max_bytes`` the body is not read.

    Raises ``Away`` when there is none, or it is 408, 429 or 5xx, ``Refused`` for any other.
    """
    until = time.monotonic() + timeout
    try:
        with asker.open(request, timeout=timeout) as answer:
            return _body(answer, until, max_bytes) if max_bytes else b"", answer.headers
    except urllib.error.HTTPError as error:
        with error:
            if error.code >= 500 or error.code in (408, 429):
                raise Away(f"answers {status_text(error.code)}") from error
            raise Refused(error.code, _beginning(error)) from error
    except (OSError, http.client.HTTPException) as error:
        reason = str(getattr(error, "reason", None) or error) or type(error).__name__
        raise Away(f"cannot be reached ({printable(without_secrets(reason))})") from error


def check_url(url: str, what: str, *, credentials: str) -> str:
    """The server and port of ``url``: what messages may show of an address whose path can be a secret.

    ``what`` names it in errors, ``credentials`` says where a name and a password belong. Raises ``InputError``.
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = None
    if not usable or not url.isascii() or not url.isprintable() or " " in url:
        raise InputError(  # it may be a secret: it is not shown
            f"expected {what} like https://HOST/PATH in ASCII without spaces, got another: write spaces as %20"
        )
    if "@" in parts.netloc:
        raise InputError(f"{what} holds a name or password: {credentials}")
    return parts.netloc


def _body(answer: http.client.HTTPResponse, until: float, max_bytes: int) -> bytes:
    """All of it; a server that dribbles would never run into the time limit of a single read."""
    parts, size = [], 0
    while part := answer.read1(_PART):
        parts.append(part)
        size += len(part)
        if size > max_bytes:
            raise Away(f"answers with more than {max_bytes >> 20} MB")
        if time.monotonic() > until:
            raise TimeoutError("timed out")
    if answer.length:  # what was announced and did not come
        raise http.client.IncompleteRead(b"".join(parts), answer.length)
    return b"".join(parts)


def _beginning(answer: urllib.error.HTTPError) -> bytes:
    try:
        return answer.read(_PART)
    except (OSError, http.client.HTTPException):
        return b""
