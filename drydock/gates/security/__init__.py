"""Hold Dockerfile and image against hadolint, checkov, Trivy and image/expectations.toml."""

from drydock.gates.security.gate import FACTS, judge

__all__ = ["FACTS", "judge"]
