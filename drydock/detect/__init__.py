"""Find out from evidence how to build and start a FastAPI project, without running any of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drydock.detect.detector import detect
    from drydock.detect.explain import as_json, explain_lines, line
    from drydock.detect.model import Dependencies, Findings, Setting

__all__ = ["Dependencies", "Findings", "Setting", "as_json", "detect", "explain_lines", "line"]


def __getattr__(name: str) -> object:
    """Import the detector at its first use: a build from a written Dockerfile needs none of it."""
    if name not in __all__:
        raise AttributeError(name)
    from drydock.detect import model

    if name in vars(model):
        return vars(model)[name]
    from drydock.detect import detector, explain

    return vars(detector if name == "detect" else explain)[name]
