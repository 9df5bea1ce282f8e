"""Run by a Python that has ``homeassistant``: reads a discovery message, has Home Assistant's MQTT integration check it as it
does with those that come, and tells what its entities make of states.
"""

from __future__ import annotations

import asyncio
import json
import sys
from importlib.util import find_spec
from typing import Any
from unittest.mock import MagicMock


async def main() -> None:
    if find_spec("hass_nabucasa") is None:  # its cloud, which has no part in this and is heavy to install
        sys.modules["hass_nabucasa"] = MagicMock()
    from homeassistant.components.mqtt import binary_sensor, image, sensor
    from homeassistant.components.mqtt.discovery import _parse_device_payload
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.template import Template

    payload = sys.stdin.read()
    told = _parse_device_payload(HomeAssistant("/tmp"), payload, "edgefake_door", None)
    assert told, "not taken"
    schemas = {"binary_sensor": binary_sensor, "sensor": sensor, "image": image}
    found: dict[str, Any] = {}
    for component in told["components"].values():
        platform = component.pop("platform")
        for shared in ("device", "origin", "availability_topic", "availability", "qos"):
            if shared in told:
                component.setdefault(shared, told[shared])
        checked = schemas[platform].DISCOVERY_SCHEMA(dict(component))
        if platform == "image":
            found[platform] = {"topic": checked["image_topic"], "content_type": checked["content_type"]}
            continue
        template = checked["value_template"]
        assert isinstance(template, Template)
        found[platform] = {
            str(verdict): str(template.async_render({"value_json": {"verdict": verdict, "p_fake": p_fake}}, parse_result=False))
            for verdict, p_fake in ((None, None), ("fake", 0.93), ("real", 0.02), ("unsure", 0.5))
        }
    print(json.dumps(found))


if __name__ == "__main__":
    asyncio.run(main())
