"""Every fact about the production image holds on the official layout as well."""

from __future__ import annotations

import pytest

from drydock.workspace import Pipeline
from tests.container.test_production import *  # noqa: F403 - its tests, of the image below


@pytest.fixture(scope="module")
def image(pipeline: Pipeline) -> str:
    return pipeline.built("production").image_id
