"""All facts about the production image also hold with the official layout."""

from __future__ import annotations

import pytest

from drydock.workspace import Workspace
from tests.container.test_production import *  # noqa: F403 - its tests, with the image below


@pytest.fixture(scope="module")
def image(workspace: Workspace) -> str:
    return workspace.built("production").image_id
