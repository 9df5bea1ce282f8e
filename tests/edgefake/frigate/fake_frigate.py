"""A stand-in for Frigate: an HTTP server with its routes, and its messages, in the form that its documentation gives them.

Written from the documentation of Frigate 0.14 to 0.17; no answer was recorded from a real one.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "eyJhbGciOiJIUzI1NiJ9.fake"


@dataclass
class FakeFrigate:
    """What it has, and how it behaves; all may be changed while it runs."""

    version: str = "0.16.1-e664cb2"
    pictures: dict[str, bytes] = field(default_factory=dict)
    """Clean snapshots by id."""
    clips: dict[str, bytes] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    """What /api/events answers."""
    login: tuple[str, str] | None = None
    """User and password, where it asks for them."""
    status: int | None = None
    """What it answers to everything, where it is out of order."""
    pause: threading.Event = field(default_factory=threading.Event)
    """Set: it answers; until then it is slow."""
    refuses_labels: bool = False
    """Whether its user may write none."""
    labels: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The sub labels that were written."""
    requests: list[str] = field(default_factory=list)
    """``METHOD /path`` of each."""
    logins: int = 0

    def __enter__(self) -> FakeFrigate:
        self.pause.set()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"frigate": self}))
        self.port = self.http.server_port
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.pause.set()
        self.http.shutdown()
        self.http.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def asked(self, text: str) -> int:
        """How many requests had ``text`` in them."""
        return sum(text in request for request in self.requests)


class _Handler(BaseHTTPRequestHandler):
    frigate: FakeFrigate

    def do_GET(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _answer(self, body: Any) -> None:
        frigate, parts = self.frigate, urlsplit(self.path)
        frigate.requests.append(f"{self.command} {parts.path}")
        frigate.pause.wait(30)
        if frigate.status is not None:
            return self._send(frigate.status, {"success": False, "message": "out of order"})
        if parts.path == "/api/login":
            return self._log_in(body)
        if frigate.login and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self._send(401, {"detail": "Unauthorized"})
        match parts.path.split("/")[2:]:
            case ["version"]:
                self._send(200, frigate.version.encode(), "text/plain")
            case ["events"]:
                after = float(parse_qs(parts.query).get("after", ["0"])[0])
                self._send(200, [row for row in frigate.rows if row["start_time"] > after])
            case ["events", id, "clip.mp4"]:
                self._file(frigate.clips.get(id), "video/mp4")
            case ["events", id, name] if name == self._snapshot_name():
                self._file(frigate.pictures.get(id), f"image/{name.rpartition('.')[2]}")
            case ["events", id, "sub_label"] if self.command == "POST":
                self._sub_label(id, body)
            case _:
                self._send(404, {"detail": "Not Found"})

    def _snapshot_name(self) -> str:
        return "snapshot-clean." + ("webp" if self.frigate.version >= "0.17" else "png")

    def _file(self, data: bytes | None, kind: str) -> None:
        if data is None:
            return self._send(404, {"success": False, "message": "Event not found"})
        self._send(200, data, kind)

    def _sub_label(self, id: str, body: Any) -> None:
        if self.frigate.refuses_labels:
            return self._send(403, {"detail": "Access denied"})
        score = body.get("subLabelScore")
        if not isinstance(body.get("subLabel"), str) or len(body["subLabel"]) > 100 or not (score is None or 0 < score <= 1):
            return self._send(422, {"detail": "Unprocessable Entity"})
        self.frigate.labels[id] = body
        self._send(200, {"success": True, "message": f"Event {id} sub label set to {body['subLabel']}"})

    def _log_in(self, body: Any) -> None:
        if (body["user"], body["password"]) != self.frigate.login:
            return self._send(401, {"message": "Login failed"})
        self.frigate.logins += 1
        self._send(200, {}, cookie=f"frigate_token={TOKEN}; HttpOnly; Path=/")

    def _send(self, status: int, body: Any, kind: str = "application/json", cookie: str | None = None) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        if cookie:
            self.send_header("Set-Cookie", cookie)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


def message(id: str, kind: str = "update", *, snapshot: float | None = 100.0, **changes: Any) -> bytes:
    """At ``frigate/events``, in the form of Frigate 0.14 and later: a person at the left of a frame of 320×240."""
    after = {
        "id": id,
        "camera": "front_door",
        "frame_time": 1607123962.08,
        "snapshot": snapshot
        and {
            "frame_time": snapshot,
            "box": [0, 0, 200, 240],
            "area": 48000,
            "region": [0, 0, 320, 320],
            "score": 0.87,
            "attributes": [],
        },
        "label": "person",
        "sub_label": None,
        "top_score": 0.95,
        "false_positive": False,
        "start_time": time.time(),
        "end_time": time.time() if kind == "end" else None,
        "score": 0.87,
        "box": [10, 0, 210, 240],
        "area": 48000,
        "ratio": 0.8,
        "region": [0, 0, 320, 320],
        "active": True,
        "stationary": False,
        "motionless_count": 0,
        "position_changes": 2,
        "current_zones": ["yard"],
        "entered_zones": ["yard"],
        "has_clip": True,
        "has_snapshot": snapshot is not None,
        "attributes": {},
        **changes,
    }
    return json.dumps({"type": kind, "before": after, "after": after}).encode()


def row(id: str, **changes: Any) -> dict[str, Any]:
    """Of ``/api/events``."""
    return {
        "id": id,
        "label": "person",
        "sub_label": None,
        "camera": "front_door",
        "start_time": time.time(),
        "end_time": time.time(),
        "false_positive": None,
        "zones": [],
        "thumbnail": None,
        "has_clip": True,
        "has_snapshot": True,
        "plus_id": None,
        "retain_indefinitely": False,
        "data": {"box": [0.0, 0.0, 0.7, 1.0], "region": [0, 0, 1, 1], "score": 0.87, "top_score": 0.95, "type": "object"},
        **changes,
    }
