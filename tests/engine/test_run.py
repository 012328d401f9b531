"""The port that a container is asked at."""

from __future__ import annotations

import pytest

from drydock.engine.runtime import Run


@pytest.mark.parametrize(
    ("port", "environment", "listening"),
    [
        (8080, {}, 8080),
        (8080, {"PORT": "8000"}, 8000),  # the start script listens there
        (8080, {"PORT": "http"}, 8080),  # which it refuses by name
        (None, {"PORT": "8000"}, None),
    ],
)
def test_a_port_in_the_environment_is_the_one_that_is_asked(
    port: int | None, environment: dict[str, str], listening: int | None
) -> None:
    assert Run("shop:dev", port=port, environment=environment).listening == listening
