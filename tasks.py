"""The tasks: `invoke --list` shows them, `invoke --help TASK` explains one."""

from drydock.tasks import namespace

__all__ = ["namespace"]
