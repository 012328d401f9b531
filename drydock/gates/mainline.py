"""Build the main branch's last commit where the history has no image of it, as in a fresh clone."""

from datetime import UTC, datetime

from drydock.build.errors import NoBuildx
from drydock.detect.errors import Undecided
from drydock.detect.project import load
from drydock.engine.errors import EngineGone
from drydock.errors import DrydockError, Interrupted, NoSpace
from drydock.gates.budget import GATE
from drydock.gates.errors import CouldNotCheck
from drydock.image import Image
from drydock.project import Project, git
from drydock.project.errors import UnknownTarget
from drydock.project.model import DOCKERFILES
from drydock.workspace import Workspace

CHANNEL = "mainline"
# Errors that the commit cannot have caused.
NOT_ITS_FAULT = (EngineGone, Interrupted, NoBuildx, NoSpace)


def image(workspace: Workspace, target: str) -> tuple[str, Image] | None:
    """Build and measure a target at the main branch's last commit; None without such a commit or target."""
    branch = workspace.project.main_branch
    commit = git.last(workspace.project.root, branch, ingredients(workspace.project))
    if commit.committed is None:
        return None
    name = f"{branch} of {datetime.fromtimestamp(commit.committed, UTC):%Y-%m-%d}"
    top, prefix = git.place(workspace.project.root)
    with git.worktree(top, commit.revision) as folder:
        workspace.say(f"no image of {branch} has passed here yet: building {name} to weigh growth by")
        try:
            return name, workspace.of(load(folder / prefix), CHANNEL).measured(target)
        except (Undecided, UnknownTarget):
            return None
        except NOT_ITS_FAULT:
            raise
        except DrydockError as error:
            fact = error.fact.format(**error.values)
            raise CouldNotCheck(
                gate=GATE,
                summary=f"{name}, which growth is measured by, does not build: {fact}",
                how=f"fix {branch}, or leave over-main out of [tool.drydock.budgets] until then",
                evidence=error.evidence,
            ) from error


def ingredients(project: Project) -> tuple[str, ...]:
    """Return git's patterns for an image's sources: neither tests nor documents."""
    folder = project.source.relative_to(project.root).as_posix()
    recipe = ("image", "drydock/container", "pyproject.toml", "drydock.toml")
    return (*DOCKERFILES, "*.dockerignore", *recipe, folder, f":(exclude){folder}/tests", ":(exclude)*.md")
