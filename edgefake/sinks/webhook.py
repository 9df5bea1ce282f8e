"""Events or results posted to a web address; ``docs/schema.md`` has the keys of the body."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from typing import Any

from edgefake.errors import InputError, SinkError
from edgefake.pixels import Pixels
from edgefake.sinks.base import Every, Sink, TryLater, checked_every
from edgefake.streaming.events import Event
from edgefake.streaming.pictures import PictureKind
from edgefake.streaming.result import FrameResult
from edgefake.web import Away, Refused, ask, check_url, opener

_CREDENTIALS = (
    "leave them out, and pass them as a header from Python, to edgefake.watch as "
    'sinks=[edgefake.sinks.WebhookSink(url, headers={"Authorization": "Basic …"})]'
)
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
        self._server = check_url(url, "a webhook's address", credentials=_CREDENTIALS)
        for name, value in (headers or {}).items():
            if not name or not (name + value).isprintable() or not (name + value).isascii():
                raise InputError(f"expected HTTP headers of printable ASCII characters, got another one in {name!r}")
        self._url = url
        self._headers = {"Content-Type": "application/json", "User-Agent": "edgefake", **(headers or {})}
        self._opener = opener()

    def send(self, frame: Pixels | None, result: FrameResult) -> None:
        self._post(result.to_dict())

    def send_event(self, event: Event) -> None:
        self._post(event.to_dict())

    def _post(self, message: dict[str, Any]) -> None:
        body = json.dumps(message).encode()
        request = urllib.request.Request(self._url, body, self._headers, method="POST")
        try:
            ask(self._opener, request, timeout=TIMEOUT_S, max_bytes=0)
        except Refused as error:
            raise SinkError(f"the webhook at {self._server} answers {error}: check its address and headers") from error
        except Away as error:
            raise TryLater(f"the webhook at {self._server} {error}: check address, network and server") from error
