"""Where a server listens."""

from __future__ import annotations

import pytest

from edgefake import InputError
from edgefake.serve.app import make_app
from edgefake.serve.server import Server, is_loopback
from tests.edgefake.serve.serving import Serving


def test_a_port_in_use(served: Serving) -> None:
    with pytest.raises(InputError, match=f"127.0.0.1:{served.port} .*--port"):
        Server(make_app(served.service), port=served.port)


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 70000), ("no.such.host.invalid", 0), ("192.0.2.1", 0)])
def test_no_such_address(served: Serving, host: str, port: int) -> None:
    with pytest.raises(InputError, match="--host"):
        Server(make_app(served.service), host=host, port=port)


def test_addresses_of_this_machine_alone() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.1.2.3", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.0.1", "127.example.com", "door", "")))
