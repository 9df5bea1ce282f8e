from __future__ import annotations

import pytest

from edgefake import InputError
from edgefake.config import HealthConfig


@pytest.mark.parametrize("port", [-1, 65536])
def test_health_has_a_port_that_there_is(port: int) -> None:
    assert HealthConfig(port=65535).port == 65535
    with pytest.raises(InputError, match=f"65535 .*got {port}"):
        HealthConfig(port=port)
