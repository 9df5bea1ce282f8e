"""Serving the page: Streamlit, told to keep to itself."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from edgefake.app import settings
from edgefake.app.limits import MAX_UPLOAD_MB
from edgefake.app.settings import Settings
from edgefake.errors import InputError
from edgefake.text import printable

SCRIPT = Path(__file__).with_name("main.py")

OPTIONS = {
    "browser.gatherUsageStats": False,
    "client.showErrorDetails": "none",
    "client.showErrorLinks": False,
    "client.toolbarMode": "minimal",
    # Its welcome asks a server of Amazon for this machine's address.
    "logger.hideWelcomeMessage": True,
    "logger.level": "warning",
    "runner.magicEnabled": False,
    "server.enableStaticServing": False,
    "server.fileWatcherType": "none",
    "server.headless": True,
    "server.maxUploadSize": MAX_UPLOAD_MB,
    "theme.dark.primaryColor": "#5b94f5",
    "theme.light.primaryColor": "#2f6fde",
}
"""Of Streamlit; a ``config.toml`` of the user yields to them."""


def serve(chosen: Settings, *, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve the page at ``host`` and ``port`` (0: a free one) until SIGINT or SIGTERM; ``ready`` is told its address once it
    answers.

    Raises ``InputError`` where Streamlit is missing, or nothing can be served there.
    """
    if find_spec("streamlit") is None:
        raise InputError("streamlit is not installed (it needs Python 3.11 or later): pip install 'edgefake[app]'")
    port = free_port(host, port)
    from starlette.formparsers import MultiPartParser
    from streamlit import net_util
    from streamlit.web import bootstrap

    MultiPartParser.spool_max_size = (MAX_UPLOAD_MB + 1) << 20  # else uploads above 1 MB go to disk
    net_util.get_external_ip = lambda: None  # asks Amazon who this is, to tell whether a foreign page may call it
    settings.use(chosen)
    options = {**OPTIONS, "server.address": host, "server.port": port, "browser.serverAddress": host}
    bootstrap.load_config_options({name.replace(".", "_"): value for name, value in options.items()})
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    threading.Thread(target=_tell_when_open, args=(host, port, lambda: ready(url)), daemon=True).start()
    bootstrap.run(str(SCRIPT), False, [], {})


def _tell_when_open(host: str, port: int, ready: Callable[[], None]) -> None:
    """Streamlit has no event for that."""
    while True:
        try:
            socket.create_connection((host, port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return ready()


def free_port(host: str, port: int) -> int:
    """``port``, or a free one where it is 0. Raises ``InputError`` unless it can be listened at on ``host``."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.socket(family, kind) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of one that ended linger for a minute
            trial.bind(address)
            trial.listen()
            return int(trial.getsockname()[1])
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{printable(host)}:{port} cannot be listened at ({reason}): choose another --port or --host") from error
