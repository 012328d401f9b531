from __future__ import annotations

import pytest

from drydock.publish.event import Retry
from drydock.publish.registry import NetworkFault, retrying


class Action:
    """Fails with the given exceptions, one in each call, and then succeeds."""

    def __init__(self, *faults: Exception) -> None:
        self.faults = list(faults)
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.faults:
            raise self.faults.pop(0)
        return "done"


def test_a_network_fault_is_tried_again_after_longer_and_longer_waits() -> None:
    slept: list[float] = []
    told: list[Retry] = []
    action = Action(NetworkFault("EOF"), NetworkFault("reset"))

    assert retrying(action, told.append, (1, 3, 9), slept.append) == "done"

    assert slept == [1, 3]
    assert told == [Retry(2, 4, 1, "EOF"), Retry(3, 4, 3, "reset")]


def test_another_error_ends_it_at_once() -> None:
    action = Action(PermissionError("denied"))

    with pytest.raises(PermissionError):
        retrying(action, waits=(1, 3, 9), sleep=lambda _: None)

    assert action.calls == 1


def test_the_last_fault_tells_how_many_attempts_there_were() -> None:
    action = Action(*[NetworkFault("EOF")] * 4)

    with pytest.raises(NetworkFault, match=r"^EOF \(4 attempts\)$"):
        retrying(action, waits=(1, 3, 9), sleep=lambda _: None)

    assert action.calls == 4
