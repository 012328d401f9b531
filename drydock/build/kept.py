"""Keep what steps say about the image: a builder repeats nothing of a step that it takes from its cache."""

import hashlib
from collections.abc import Iterable
from contextlib import suppress

from drydock import state
from drydock.build.events import Step
from drydock.build.plan import Options
from drydock.project import Project

LOCKS = ("*.lock", "requirements*.txt", "pylock*.toml")


def inputs(project: Project, options: Options) -> bytes:
    """Return a digest of what remarks depend on beside the step's own line: the base and the locks."""
    digest = hashlib.sha256(options.base.encode())
    for folder in sorted({project.root, project.source, *options.contexts.values()}):
        for path in sorted(path for pattern in LOCKS for path in folder.glob(pattern) if path.is_file()):
            digest.update(path.read_bytes())
    return digest.digest()


def repeat(steps: Iterable[Step], given: bytes) -> None:
    """Give cached steps the remarks of their last run, and keep those of the steps that ran."""
    for step in (step for step in steps if step.counts):
        name = hashlib.sha256(given + step.name.encode()).hexdigest()[:32]
        path = state.folder("remarks") / name
        # Without the folder a build only says less.
        with suppress(OSError):
            if step.cached:
                step.remarks = path.read_text(encoding="utf-8").splitlines()
                state.use(path)
            elif step.remarks:
                state.tidy("remarks")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("\n".join(step.remarks), encoding="utf-8")
            elif step.completed and not step.error:
                path.unlink(missing_ok=True)
