"""All that an application stands on."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from edgefake.serve.judging import Served, Workers
from edgefake.serve.keys import Keys
from edgefake.serve.limits import Limits
from edgefake.serve.metrics import Metrics
from edgefake.serve.refusals import Refusal


@dataclass(frozen=True, slots=True)
class Service:
    """Workers, who may call them, and what is told of them."""

    workers: Workers
    limits: Limits
    keys: Keys
    metrics: Metrics

    def start(self) -> None:
        self.workers.start()

    def close(self) -> None:
        """Finish what was begun."""
        self.workers.close()

    def served(self) -> Served:
        """What is served, once it is ready. Raises ``Refusal`` before and after."""
        served = self.workers.served
        if served is None or not self.workers.ready:
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "the model is being loaded: try again in a moment", retry_after_s=1)
        return served
