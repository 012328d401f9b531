"""Find out from evidence how to build and start a FastAPI project, without running any of it."""

from drydock.detect.detector import detect
from drydock.detect.explain import as_json, explain_lines, line
from drydock.detect.model import Dependencies, Findings, Setting

__all__ = ["Dependencies", "Findings", "Setting", "as_json", "detect", "explain_lines", "line"]
