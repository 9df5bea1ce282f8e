"""Pages, read as a browser reads them."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser

import cv2
import numpy as np

from edgefake.pixels import Pixels

ADDRESSES = {"src", "href", "srcset", "xlink:href", "action", "formaction", "poster", "data", "background", "ping", "cite"}


class Page(HTMLParser):
    """The text of a page, its elements, and every address in it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.elements, self.addresses, self.handlers = "", [], [], []  # type: ignore[var-annotated]
        self._hidden = False
        self.feed(html)
        self.close()
        style = " ".join(re.findall(r"<style>(.*?)</style>", html, re.DOTALL))
        self.addresses += re.findall(r"(?:url\(|@import)\s*['\"]?([^'\")\s;]+)", style)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self._hidden = tag == "style"
        for name, value in attrs:
            if name in ADDRESSES:
                self.addresses.append(value or "")
            if name.startswith("on"):
                self.handlers.append(name)

    def handle_endtag(self, tag: str) -> None:
        self._hidden = False

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.text += f" {data}"

    @property
    def pictures(self) -> list[Pixels]:
        """Those in it, decoded."""
        found = []
        for address in self.addresses:
            data = base64.b64decode(address.partition(";base64,")[2])
            found.append(np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), np.uint8))
        return found

    def check(self) -> None:
        """It holds all that it shows, and runs nothing."""
        assert all(re.match("data:image/(jpeg|png);base64,", address) for address in self.addresses), self.addresses
        assert not {"script", "iframe", "object", "embed", "link", "base", "form", "a"} & {*self.elements}
        assert not self.handlers
