"""Builds and verdicts of this machine, for the trend of sizes and times.

`keep` writes, and never makes a build or a gate fail; `store` is the database, in the user's state folder;
`schema` has its tables.
"""

from drydock.state.history.model import Build, Judged, LayerSize, Origin, PackageSize, StepTime, Weighed
from drydock.state.history.store import History, reading

__all__ = [
    "Build",
    "History",
    "Judged",
    "LayerSize",
    "Origin",
    "PackageSize",
    "StepTime",
    "Weighed",
    "reading",
]
