"""Build an image, and see its base."""

from drydock.tasks.offer import PLATFORM, RESULT, Given, offer, voice


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

    options = Options(
        target=given.target,
        no_cache=no_cache,
        builder=builder,
        cache_from=tuple(cache_from or ()),
        cache_to=tuple(cache_to or ()),
        build_args=key_values("--build-arg", tuple(build_arg or ())),
    )
    # Each under a name of its own: few image stores hold several platforms under one.
    pipes = [given.pipe.on(one) for one in platform.split(",")]
    results = [pipe.build(options.but(reference=pipe.reference(given.target))) for pipe in pipes]
    from drydock.report import console, print_json
    from drydock.report.build import as_json, show

    if given.json:
        found = [as_json(pipe, result) for pipe, result in zip(pipes, results, strict=True)]
        print_json(found[0] if len(found) == 1 else {"builds": found})
    else:
        for pipe, result in zip(pipes, results, strict=True):
            show(console(), pipe, result)


@offer("looking for the base image", shared=RESULT, rebuild="make or pull it again", platform=PLATFORM)
def base(given: Given, rebuild: bool = False, platform: str = "") -> None:
    """Show which base image is used and why."""
    from dataclasses import asdict

    from drydock import base

    engine, project = given.pipe.engine, given.pipe.project
    found = base.resolve(engine, project, rebuild=rebuild, say=voice(given.quiet), platform=platform)
    given.answer(asdict(found), [base.describe(found)])
