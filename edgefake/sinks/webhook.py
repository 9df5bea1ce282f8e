"""Events or results posted to a web address; ``docs/schema.md`` has the keys of the body."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from edgefake.errors import InputError, SinkError
from edgefake.pixels import Pixels
from edgefake.secrets import without_secrets
from edgefake.sinks.base import Every, Sink, TryLater, checked_every
from edgefake.streaming.events import Event
from edgefake.streaming.pictures import PictureKind
from edgefake.streaming.result import FrameResult
from edgefake.text import printable

TIMEOUT_S = 3.0
"""The server may be silent for so long before the attempt counts as failed."""


class WebhookSink(Sink):
    """Posts each event, or each result with ``every="frame"``, as JSON to ``url``, with ``headers`` such as
    ``{"Authorization": "Bearer …"}``.

    2xx is delivered. When the server is away, is silent for ``TIMEOUT_S``, or answers 408, 429 or 5xx, the same result is posted
    again, later; the queue before this sink keeps those behind it. Any other answer, redirections too, loses the result. A server
    that took a result but whose answer was lost gets it twice. Raises ``InputError`` for an unusable address or header.
    """

    name = "webhook"

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        every: Every = "event",
        picture: PictureKind | None = None,
    ) -> None:
        self.every, self.picture = checked_every(every), picture
        self._server = _checked_server(url)
        for name, value in (headers or {}).items():
            if not name or not (name + value).isprintable() or not (name + value).isascii():
                raise InputError(f"expected HTTP headers of printable ASCII characters, got another one in {name!r}")
        self._url = url
        self._headers = {"Content-Type": "application/json", "User-Agent": "edgefake", **(headers or {})}
        self._opener = urllib.request.build_opener(_NoRedirect)

    def send(self, frame: Pixels | None, result: FrameResult) -> None:
        self._post(result.to_dict())

    def send_event(self, event: Event) -> None:
        self._post(event.to_dict())

    def _post(self, message: dict[str, Any]) -> None:
        body = json.dumps(message).encode()
        request = urllib.request.Request(self._url, body, self._headers, method="POST")
        try:
            with self._opener.open(request, timeout=TIMEOUT_S):
                pass
        except urllib.error.HTTPError as error:
            error.close()
            answer = f"the webhook at {self._server} answers {error.code} {http.client.responses.get(error.code, '')}".rstrip()
            if error.code >= 500 or error.code in (408, 429):
                raise TryLater(f"{answer}: check the server") from error
            raise SinkError(f"{answer}: check its address and headers") from error
        except (OSError, http.client.HTTPException) as error:
            reason = printable(without_secrets(str(getattr(error, "reason", None) or error)))
            raise TryLater(
                f"the webhook at {self._server} cannot be reached ({reason}): check address, network and server"
            ) from error


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Followed, a redirection would turn the POST into a GET without the result."""

    def redirect_request(self, *args: object) -> None:
        return None


def _checked_server(url: str) -> str:
    """The server and port of ``url``: what messages may show of an address whose path can be a secret."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = None
    if not usable or not url.isascii() or not url.isprintable() or " " in url:
        raise InputError(  # it may be a secret: it is not shown
            "expected a webhook's address like https://HOST/PATH in ASCII without spaces, got another: write spaces as %20"
        )
    if "@" in parts.netloc:
        raise InputError(
            "the webhook's address holds a name or password: leave them out, and pass them as a header from Python, to "
            'edgefake.watch as sinks=[edgefake.sinks.WebhookSink(url, headers={"Authorization": "Basic …"})]'
        )
    return parts.netloc
