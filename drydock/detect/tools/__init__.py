"""The tools that declare, lock and install dependencies; their callers know none of them by name."""

from __future__ import annotations

from drydock.detect.model import Dependencies
from drydock.detect.tools.base import About as About
from drydock.detect.tools.base import Rows
from drydock.detect.tools.base import Source as Source
from drydock.detect.tools.base import Step as Step
from drydock.detect.tools.base import Tool as Tool
from drydock.detect.tools.base import Upgrade as Upgrade
from drydock.detect.tools.pdm import Pdm
from drydock.detect.tools.pip import Pylock, Pyproject, Requirements
from drydock.detect.tools.pipenv import Pipenv
from drydock.detect.tools.poetry import Poetry
from drydock.detect.tools.setuptools import DECLARATIONS as DECLARATIONS
from drydock.detect.tools.setuptools import SETUP as SETUP
from drydock.detect.tools.setuptools import Setuptools
from drydock.detect.tools.uv import Uv

# A pyproject.toml without a lock, and drydock's own lock for projects that have none.
MANIFEST, LOCKED_BY_UV = Pyproject(), Requirements()
LOCKING: tuple[Tool, ...] = (Uv(), Poetry(), Pdm(), Pipenv(), Pylock())
PLAIN: tuple[Tool, ...] = (LOCKED_BY_UV, Setuptools())
TOOLS: tuple[Tool, ...] = (MANIFEST, *LOCKING, *PLAIN)
BY_KIND = {tool.kind: tool for tool in TOOLS}


def of(dependencies: Dependencies) -> Tool:
    return BY_KIND[dependencies.kind]


def about(data: Rows) -> About:
    """Combine all tools' facts about the build in a pyproject.toml."""
    every = [tool.about(data) for tool in TOOLS]
    return About(
        next((one.name for one in every if one.name), ""),
        tuple(file for one in every for file in one.files),
        any(one.plugins for one in every),
        next((one.generated for one in every if one.generated), ""),
        any(one.version_from_git for one in every),
    )
