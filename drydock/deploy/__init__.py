"""From rendered manifests to a running Deployment: render, compare, apply, wait, explain, undo."""

from drydock.deploy.deployment import Deployed, deploy, undo
from drydock.deploy.render import overlays, render

__all__ = ["Deployed", "deploy", "overlays", "render", "undo"]
