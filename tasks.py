"""Invoke's table of contents: drydock's tasks, which `drydock` offers as a program of its own."""

from drydock.tasks import namespace

__all__ = ["namespace"]
