"""Every fact about the production image holds on the official layout as well."""

from __future__ import annotations

import pytest

from drydock.workspace import Workspace
from tests.container.test_production import *  # noqa: F403 - its tests, of the image below


@pytest.fixture(scope="module")
def image(workspace: Workspace) -> str:
    return workspace.built("production").image_id
