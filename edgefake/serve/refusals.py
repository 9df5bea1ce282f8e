"""Requests that are not answered as they were meant: a status and one sentence."""

from __future__ import annotations

from http import HTTPStatus

CLIENT_GONE = 499
"""Not sent, as nobody is there: what metrics count it as."""

FAULT = "a fault of the service, which its log tells: try again"


class Refusal(Exception):
    """Becomes ``{"error": sentence}`` with ``status``."""

    def __init__(self, status: int, sentence: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence
        self.headers: dict[str, str] = {}
        if retry_after_s is not None:
            self.headers["Retry-After"] = str(retry_after_s)
        if status == HTTPStatus.UNAUTHORIZED:
            self.headers["WWW-Authenticate"] = "Bearer"

    @property
    def body(self) -> dict[str, str]:
        return {"error": self.sentence}
