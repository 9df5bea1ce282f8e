"""Fetching one file over HTTP."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request

from edgefake.errors import ModelStoreError

ATTEMPTS = 3
TIMEOUT_S = 30.0
PAUSE_S = 0.5
"""Before the second attempt; doubled before each further one."""


def download(url: str, *, max_bytes: int) -> bytes:
    """The body at ``url``, at most ``max_bytes`` of it. After a broken connection, a time-out or a 5xx answer it is tried again.

    Raises ``ModelStoreError`` when the address is unusable, the server refuses, or every attempt failed.
    """
    if not url.startswith(("http://", "https://")):
        raise ModelStoreError(
            f"cannot download {url!r}: set EDGEFAKE_MODEL_URL to an address that starts with https:// or http://"
        )
    failure: Exception | None = None
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE_S * 2 ** (attempt - 1))
        try:
            return _get(url, max_bytes)
        except (OSError, http.client.HTTPException) as error:
            failure = error
    raise ModelStoreError(f"{url} could not be fetched in {ATTEMPTS} attempts ({failure}): check the network") from failure


def _get(url: str, max_bytes: int) -> bytes:
    """One attempt: ``ModelStoreError`` for what another attempt would not change, else the network's own exceptions."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as response:
            announced = response.headers.get("Content-Length", "")
            data: bytes = response.read(max_bytes)
    except urllib.error.HTTPError as error:
        if error.code >= 500 or error.code in (408, 429):
            raise
        raise ModelStoreError(
            f"{url} could not be fetched (HTTP {error.code} {error.reason}): check EDGEFAKE_MODEL_URL"
        ) from error
    except (ValueError, http.client.InvalidURL) as error:
        raise ModelStoreError(f"{url!r} is no usable address ({error}): check EDGEFAKE_MODEL_URL") from error
    # http.client does not report a body that ends early when it is read up to a limit.
    if announced.isdigit() and len(data) < min(int(announced), max_bytes):
        raise ConnectionError(f"the connection closed after {len(data)} of {announced} bytes")
    return data
