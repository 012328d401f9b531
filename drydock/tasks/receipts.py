"""Carry receipts from one job of a CI run to the next."""

from pathlib import Path

from drydock.errors import BadCommandLine
from drydock.tasks.offer import RESULT, Given, offer


@offer(
    "receipts: {action} {file}",
    shared=RESULT,
    action="export: write those of the project's built images; import: take over all of a file",
    file="the file, signed with the key in DRYDOCK_RECEIPTS_KEY",
)
def receipts(given: Given, action: str, file: str) -> None:
    """Export the gates' receipts for the next job of a CI run, or import them there."""
    from drydock.state import exchange

    if action not in ("export", "import"):
        how = "say `drydock receipts export FILE` or `drydock receipts import FILE`"
        raise BadCommandLine(problem=f"{action!r} is neither export nor import", how=how)
    exchange.key()  # a missing one is reported before any image is measured
    path = Path(file)
    names = exchange.take(path) if action == "import" else exchange.export(_contents(given), path)
    content = {"action": action, "file": file, "receipts": names}
    given.answer(content, [f"{action}ed {', '.join(names)}"])


def _contents(given: Given) -> set[str]:
    from drydock.engine.errors import ImageMissing
    from drydock.image import content_digest
    from drydock.project import TARGETS

    found = set()
    for target in TARGETS:
        try:
            found.add(content_digest(given.pipe.measure(given.pipe.project.reference(target))))
        except ImageMissing:
            continue
    return found
