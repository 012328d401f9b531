"""Build an image, and see its base."""

from __future__ import annotations

from drydock.tasks.offer import RESULT, Given, offer, voice


@offer(
    "preparing the build of {target}",
    no_cache="run every step again, with cache mounts of its own; yours stay as they are",
    platform="such as linux/arm64; several separated by commas are built one after another, for an index",
    builder="a buildx builder, such as a remote one; by default the selected one",
    cache_from="cache source in buildx's spelling; may be repeated",
    cache_to="cache destination in buildx's spelling; may be repeated",
    build_arg="KEY=VALUE for an ARG of the Dockerfile; may be repeated",
)
def build(
    given: Given,
    no_cache: bool = False,
    platform: str = "",
    builder: str = "",
    cache_from: list[str] | None = None,
    cache_to: list[str] | None = None,
    build_arg: list[str] | None = None,
) -> None:
    """Build the image; show its sizes and the steps that were cached."""
    from drydock.build.plan import Options, key_values
    from drydock.report import console, print_json
    from drydock.report.build import as_json, show

    options = Options(
        target=given.target,
        reference=given.reference,
        no_cache=no_cache,
        builder=builder,
        cache_from=tuple(cache_from or ()),
        cache_to=tuple(cache_to or ()),
        build_args=key_values("--build-arg", tuple(build_arg or ())),
    )
    several = tuple(filter(None, platform.split(",")))
    if len(several) < 2:
        results = [given.pipe.build(options.but(platforms=several))]
    else:
        # Each under a name of its own: few image stores hold several platforms under one.
        name = given.pipe.project.reference
        results = [
            given.pipe.build(options.but(platforms=(one,), reference=name(given.target, platform=one)))
            for one in several
        ]
    if given.json:
        found = [as_json(given.pipe, result) for result in results]
        print_json(found[0] if len(found) == 1 else {"builds": found})
    else:
        for result in results:
            show(console(), given.pipe, result)


@offer("looking for the base image", shared=RESULT, rebuild="make or pull it again")
def base(given: Given, rebuild: bool = False) -> None:
    """Show which base image is used and why."""
    from dataclasses import asdict

    from drydock import base

    found = base.resolve(given.pipe.engine, given.pipe.project, rebuild=rebuild, say=voice(given.quiet))
    given.answer(asdict(found), [base.describe(found)])
