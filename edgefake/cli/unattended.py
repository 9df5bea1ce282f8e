"""What the commands have in common that run as a service."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from edgefake.cli.terminal import complain
from edgefake.errors import InputError
from edgefake.service.notify import EX_CONFIG, Notifier


@contextmanager
def configuring(notifier: Notifier) -> Iterator[None]:
    """What is wrong with the configuration ends a service of systemd with a code after which it is not started again."""
    try:
        yield
    except InputError as error:
        if not notifier.is_there:
            raise
        complain(f"error: {error}")
        raise SystemExit(EX_CONFIG) from error
