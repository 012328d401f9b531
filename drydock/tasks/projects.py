"""Find out about a project, and write its files."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from drydock.errors import BadCommandLine
from drydock.spelling import spelled
from drydock.tasks.offer import Given, offer, voice

if TYPE_CHECKING:
    from drydock.build.outline import Taken


@offer(
    "reading {project}",
    shared=("project", "json"),
    option="KEY=VALUE that wins over the files, such as entry-point=shop.main:app; may be repeated",
    outline="also ask BuildKit what this Dockerfile takes: build arguments, secrets and SSH agents",
)
def explain(given: Given, option: list[str] | None = None, outline: str = "") -> None:
    """Explain how a project is built and started, citing file and line for each fact."""
    from drydock import detect
    from drydock.build.plan import key_values
    from drydock.detect.errors import Undecided
    from drydock.project.configuration import configured, options, words

    root = Path(given.project)
    stated = configured(root) | words(options(key_values("--option", tuple(option or ()))))
    found = detect.detect(root, stated)
    content, lines = detect.as_json(found), detect.explain_lines(found)
    if outline:
        taken = _outline(root / outline)
        content["outline"] = taken if isinstance(taken, str) else [asdict(one) for one in taken]
        if isinstance(taken, str):
            lines.append(detect.line(outline, f"was not asked what it takes: {taken}"))
        else:
            lines += [detect.line(one.kind, str(one), f"{outline}:{one.line}") for one in taken]
    given.answer(content, map(spelled, lines))
    if found.conflicts or found.blockers:
        raise Undecided(path=root, count=len(found.conflicts) + len(found.blockers))


def _outline(dockerfile: Path) -> list[Taken] | str:
    from drydock.build.outline import outline
    from drydock.engine import connect

    if not dockerfile.is_file():
        raise BadCommandLine(problem=f"there is no file {dockerfile}", how="name one below the project")
    return outline(connect(), dockerfile)


@offer(
    "reading {project}",
    shared=("project",),
    option="KEY=VALUE for the configuration, such as entry-point=shop.main:app; may be repeated",
    with_="also write: compose, expectations, github, gitlab, hook, kubernetes or tasks; may be repeated",
    vendor="write the scripts of the build too, so that a plain `docker build .` needs nothing else",
    dry_run="show the files, and write nothing",
    force="overwrite edits instead of merging them",
    lock="lock dependencies that have no lock file (--no-lock: install them as they are declared)",
)
def init(
    given: Given,
    option: list[str] | None = None,
    with_: list[str] | None = None,
    vendor: bool = False,
    dry_run: bool = False,
    force: bool = False,
    lock: bool = True,
) -> None:
    """Write Dockerfile and .dockerignore down, and a lock where there is none; merge them later."""
    from drydock import recipe
    from drydock.build.plan import key_values
    from drydock.report.init import show
    from drydock.report.progress import waiting

    outcome = recipe.init(
        Path(given.project),
        key_values("--option", tuple(option or ())),
        extras=with_ or (),
        vendor=vendor,
        dry_run=dry_run,
        force=force,
        lock=lock,
        patience=waiting,
    )
    show(outcome, dry_run=dry_run)


@offer("finding the scripts of the build", shared=())
def scripts(given: Given) -> None:
    """Print the folder with the build's scripts, for `docker build --build-context drydock=FOLDER`."""
    from drydock.recipe import packaged

    print(packaged.folder())


@offer(
    "locking the dependencies",
    shared=("project", "quiet"),
    upgrade="let every pin move (--upgrade), or that of one package (--upgrade NAME)",
)
def lock(given: Given, upgrade: str | bool = False) -> None:
    """Make or renew the locks of the application and its tests; other pins stay as they are."""
    from drydock.detect.tools import Upgrade
    from drydock.progress import unseen
    from drydock.recipe import locking
    from drydock.report.init import show_locks
    from drydock.report.progress import waiting

    asked = Upgrade(upgrade is True, (upgrade,) if isinstance(upgrade, str) and upgrade else ())
    patience = unseen if given.quiet else waiting
    show_locks(locking.lock(Path(given.project), asked, voice(given.quiet), patience))


@offer(
    "printing the schema of the configuration",
    shared=(),
    pyproject="print one for pyproject.toml, which checks [tool.drydock] there",
)
def schema(given: Given, pyproject: bool = False) -> None:
    """Print the JSON schema of drydock.toml or [tool.drydock], for editors."""
    from drydock.project import schema

    print(schema.pyproject() if pyproject else schema.text())
