"""Errors about builds."""

from drydock.errors import DrydockError, Exit


class NoBuildx(DrydockError, exit_code=Exit.ENGINE):
    fact = "the docker CLI has no buildx plugin"
    next_step = "install it (Debian 13: docker-buildx, Docker's own packages: docker-buildx-plugin)"


class EngineTooOld(DrydockError, exit_code=Exit.ENGINE):
    fact = "{engine} at {host} is {version}, and cannot build: `RUN --network` came with {oldest}"
    next_step = "upgrade it, or build with --builder on one outside of it"


class DockerIsPodman(DrydockError, exit_code=Exit.ENGINE):
    fact = "the command docker is Podman's ({program}), and has no buildx for the engine at {host}"
    next_step = "install Docker's own (Debian 13: docker-cli, docker-buildx), or name Podman's in DOCKER_HOST"


class NoBuilder(DrydockError, exit_code=Exit.ENGINE):
    fact = "builder {builder} cannot build for this engine: {problem}"
    next_step = "choose one of `docker buildx ls` with --builder, `docker buildx use` or BUILDX_BUILDER"


class BuildFailed(DrydockError, exit_code=Exit.BUILD):
    fact = "build step {step!r} failed: {reason}"
    next_step = "fix what the lines above show and build again"
    silent = "it printed nothing; correct that step of the Dockerfile and build again"


class BadDockerfile(DrydockError, exit_code=Exit.BUILD):
    fact = "{dockerfile}: {problem}"
    next_step = "fix that line and build again"


class NotInContext(DrydockError, exit_code=Exit.BUILD):
    fact = "{dockerfile} reads {path}, which is not in the build context"
    next_step = "create it, or allow it in the ignore rules, which `drydock init` keeps up to date"


class StartNotPulled(DrydockError, exit_code=Exit.BASE):
    fact = "{dockerfile} starts from {image}, which cannot be pulled: {reason}"
    next_step = "check its name, the network and the login to its registry, or load the image into the engine"
