"""`nox -s security`: what dockle, CIS and container-structure-test ask of an image, and what they cannot."""

from drydock.gates.security.gate import GATE, run

__all__ = ["GATE", "run"]
