"""The tasks: `invoke --list` shows them, `invoke --help TASK` explains one."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from invoke import Collection, Context, Exit, task

from drydock import errors

# drydock's modules are imported inside the tasks: `invoke --list` and `--help` must answer at once.

HELP = {
    "project": "folder of the project (default: this one)",
    "json": "print the result as JSON on standard output",
    "target": "stage of the Dockerfile: production, slim, builder or test",
}
Body = TypeVar("Body", bound=Callable[..., None])


def guarded(body: Body) -> Body:
    """Show a DrydockError as its evidence and one line, and leave with its exit code."""

    @functools.wraps(body)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            body(*args, **kwargs)
        except errors.DrydockError as error:
            if error.evidence:
                print(error.evidence, file=sys.stderr)  # noqa: T201
            raise Exit(str(error), code=error.exit_code) from error
        except KeyboardInterrupt as error:
            stopped = errors.Interrupted(during=f"invoke {body.__name__.rstrip('_')}")
            raise Exit(f"\n{stopped}", code=stopped.exit_code) from error

    return run  # type: ignore[return-value]


def say(line: str) -> None:
    """Print a line of progress on standard error."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201


def pipeline(project: str, quiet: bool = False) -> Any:
    """Return the pipeline of a project on the engine that answers."""
    from drydock.engine import connect
    from drydock.pipeline import Pipeline
    from drydock.project import load

    loaded = load(Path(project))
    return Pipeline(connect(), loaded, say, quiet)


@task(
    iterable=["cache_from", "cache_to", "build_arg"],
    help=HELP
    | {
        "no-cache": "run every step anew, with cache mounts of its own: yours stay as they are",
        "platform": "such as linux/arm64; several separated by commas",
        "builder": "a buildx builder, such as a remote one",
        "cache-from": "cache source in buildx's spelling; may be repeated",
        "cache-to": "cache destination in buildx's spelling; may be repeated",
        "build-arg": "KEY=VALUE for an ARG of the Dockerfile; may be repeated",
    },
)
@guarded
def build(
    c: Context,
    target: str = "production",
    no_cache: bool = False,
    platform: str = "",
    builder: str = "",
    cache_from: list[str] | None = None,
    cache_to: list[str] | None = None,
    build_arg: list[str] | None = None,
    project: str = ".",
    json: bool = False,
) -> None:
    """Build the image and show what it weighs and which steps were cached."""
    from drydock.build.plan import Options, parse_build_args
    from drydock.report import console, print_json
    from drydock.report.build import as_json, show

    pipe = pipeline(project, quiet=json)
    options = Options(
        target=target,
        reference=pipe.project.reference(target),
        no_cache=no_cache,
        platforms=tuple(filter(None, platform.split(","))),
        builder=builder,
        cache_from=tuple(cache_from or ()),
        cache_to=tuple(cache_to or ()),
        build_args=parse_build_args(tuple(build_arg or ())),
    )
    result = pipe.build(options)
    if json:
        print_json(as_json(pipe, result))
    else:
        show(console(), pipe, result)


@task(
    help=HELP
    | {
        "version": "the version to tag (default: the one in pyproject.toml)",
        "allow-dirty": "do not append -dirty when the working tree has uncommitted changes",
    }
)
@guarded
def tag(
    c: Context, target: str = "production", version: str = "", project: str = ".", json: bool = False
) -> None:
    """Tag the built image by the project's version and commit."""
    from drydock.publish import source, tag, tags
    from drydock.report import print_json

    pipe = pipeline(project)
    state = source.read(pipe.project.root)
    names = tags.tags(version or pipe.project.version, state.revision, state.dirty)
    made = tag.apply(pipe.engine, pipe.project.reference(target), pipe.project.image, names)
    if json:
        print_json({"tags": made})
    else:
        print("\n".join(made))  # noqa: T201


@task
@guarded
def hooks(c: Context) -> None:
    """Install the pre-push hook, which runs container_tests and size_budget on what is pushed."""
    from drydock import command

    print(command.run(["pre-commit", "install", "--hook-type", "pre-push"]).stdout.strip())  # noqa: T201


@task(help=HELP)
@guarded
def doctor(c: Context, project: str = ".", json: bool = False) -> None:
    """Look at engine, buildx, disk, base, certificates and registry, and say what to do."""
    from dataclasses import asdict

    from drydock.doctor import examine
    from drydock.project import load
    from drydock.report import console, print_json
    from drydock.report.tables import findings

    found = list(examine(load(Path(project))))
    if json:
        print_json({"findings": [asdict(finding) for finding in found]})
    else:
        findings(console(), found)
    if any(not finding.ok for finding in found):
        raise Exit(code=2 if any(finding.fatal for finding in found) else 1)


@task(help=HELP)
@guarded
def clean(c: Context, project: str = ".") -> None:
    """Remove what drydock made for this project: containers, development images, its state."""
    from drydock.clean import clean
    from drydock.engine import connect
    from drydock.project import load

    removed = list(clean(connect(), load(Path(project))))
    print("\n".join(f"removed {line}" for line in removed) or "nothing to remove")  # noqa: T201


@task(name="stop")
@guarded
def engine_stop(c: Context) -> None:
    """Stop the Docker Engine that `./run` started, and no other."""
    from drydock.engine.install import stop

    if not stop(say):
        print("`./run` started no engine here")  # noqa: T201


@task(name="start")
@guarded
def engine_start(c: Context) -> None:
    """Make sure that a Docker Engine answers, installing and starting one where that is possible."""
    from drydock.engine.install import ensure

    print(f"the engine at {ensure(say).host} answers")  # noqa: T201
