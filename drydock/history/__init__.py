"""What was built and judged on this machine, for the trend of sizes and times.

`keep` writes, and never makes a build or a gate fail; `store` is the database, in the user's state folder;
its tables stand in `schema`.
"""

from drydock.history.model import Build, Judged, LayerSize, Origin, PackageSize, StepTime, Weighed
from drydock.history.store import History, reading

__all__ = [
    "Build",
    "History",
    "Judged",
    "LayerSize",
    "Origin",
    "PackageSize",
    "StepTime",
    "Weighed",
    "last",
    "reading",
]


def last(project: str, *, branch: str, target: str) -> Build | None:
    """Return the newest weighed build of a branch's committed state; None where this machine made none.

    Args:
        project: The image's name, as in `Project.image`.
        branch: The branch, such as ``main``.
        target: The Dockerfile stage.

    Raises:
        errors.HistoryUnreadable: There may be one, and it cannot be read.
    """
    with reading(History()) as history:
        return history.last(project, branch=branch, target=target)
