"""Try again what a network broke, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

Result = TypeVar("Result")

# Seconds before the second, third and fourth attempt: long enough for a registry's restart behind a balancer,
# short enough that a person still waits.
WAITS = (1.0, 3.0, 9.0)


class NetworkFault(Exception):
    """The network failed in a way that may be gone a moment later."""


class ServerFault(NetworkFault):
    """The network is well, and the server behind it failed; that may be gone a moment later as well."""


@dataclass(frozen=True)
class Retry:
    """The next attempt after a network fault."""

    attempt: int
    attempts: int
    wait: float
    reason: str


def retrying(
    action: Callable[[], Result],
    tell: Callable[[Retry], None] = lambda _: None,
    waits: Sequence[float] = WAITS,
    sleep: Callable[[float], None] = time.sleep,
) -> Result:
    """Call an action until it gets past the network."""
    attempts = len(waits) + 1
    for number, wait in enumerate(waits, start=2):
        try:
            return action()
        except NetworkFault as fault:
            tell(Retry(number, attempts, wait, str(fault)))
            sleep(wait)
    try:
        return action()
    except NetworkFault as fault:
        raise type(fault)(f"{fault} ({attempts} attempts)") from fault
