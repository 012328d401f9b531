"""The programs `drydock` and `fastapi-drydock`: drydock's tasks as a command of their own."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line of this process."""
    # Answered here: an import of Invoke takes ten times as long.
    if sys.argv[1:] in (["--version"], ["-V"]):
        import drydock

        sys.stdout.write(f"drydock {drydock.version()}\n")
        return
    from drydock.cli.program import Drydock
    from drydock.tasks import namespace

    Drydock(name="drydock", binary="drydock", namespace=namespace).run()
