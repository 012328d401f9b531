"""Carry receipts from one job of a CI run to the next."""

from __future__ import annotations

from pathlib import Path

from invoke import Context

from drydock.errors import BadCommandLine
from drydock.tasks.offer import offer, pipeline


@offer(
    "receipts: {action} {file}",
    action="export: write those of the project's built images; import: take over all of a file",
    file="the file, signed with the key in DRYDOCK_RECEIPTS_KEY",
)
def receipts(
    c: Context, action: str, file: str, project: str = "", quiet: bool = False, json: bool = False
) -> None:
    """Export the gates' receipts for the next job of a CI run, or import them there."""
    from drydock.report import print_json
    from drydock.state import exchange

    if action not in ("export", "import"):
        how = "say `drydock receipts export FILE` or `drydock receipts import FILE`"
        raise BadCommandLine(problem=f"{action!r} is neither export nor import", how=how)
    exchange.key()  # a missing one is reported before any image is measured
    if action == "import":
        names = exchange.take(Path(file))
    else:
        names = exchange.export(_contents(project, quiet or json), Path(file))
    if json:
        print_json({"action": action, "file": file, "receipts": names})
    else:
        print(f"{action}ed {', '.join(names)}")


def _contents(project: str, hushed: bool) -> set[str]:
    from drydock.engine.errors import ImageMissing
    from drydock.image import content_digest
    from drydock.project import TARGETS

    pipe = pipeline(project, hushed)
    found = set()
    for target in TARGETS:
        try:
            found.add(content_digest(pipe.measure(pipe.project.reference(target))))
        except ImageMissing:
            continue
    return found
