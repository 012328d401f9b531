"""Every message that a user can be shown, with its exit code.

An error is one line, ``error: <fact>; <what to do next>``, after whatever evidence it carries (a build step's
last lines, a container's log). Exit codes are unique, so that a script can tell errors apart:

====== ==========================================
  2-9   the command line
 10-19  the Docker Engine and its tools
 20-29  base images
 30-39  the project and its configuration
 40-49  builds
 50-59  images, tags and labels
 60-69  registries
 70-76  gates
 77-79  releases
 80-84  the history and the report
 85-89  signatures, and what they vouch for
 90-99  Kubernetes and the tools of gates
====== ==========================================
"""

from __future__ import annotations

from typing import ClassVar


class DrydockError(Exception):
    """A user's mistake or a fault of the surroundings: shown without a traceback.

    Args:
        evidence: Lines to show before the message, such as the end of a log.
        values: What the class's ``fact`` and ``next_step`` templates name.
    """

    exit_code: ClassVar[int] = 1
    fact: ClassVar[str] = "{message}"
    next_step: ClassVar[str] = ""

    def __init__(self, *, evidence: str = "", **values: object) -> None:
        self.evidence = evidence.rstrip()
        self.values = values
        message = self.fact.format(**values)
        if next_step := self.next_step.format(**values):
            message = f"{message}; {next_step}"
        super().__init__(message)

    def __str__(self) -> str:
        return f"error: {self.args[0]}"


# --- the command line ---------------------------------------------------------------------------------------


class UnknownTask(DrydockError):
    exit_code = 3
    fact = "there is no task `{task}`"
    next_step = "{how}"


class UnknownOption(DrydockError):
    exit_code = 4
    fact = "`{task}` has no option `{option}`"
    next_step = "{how}"


class UnknownSession(DrydockError):
    exit_code = 5
    fact = "there is no session `{session}`"
    next_step = "{how}"


class BadCommandLine(DrydockError):
    exit_code = 6
    fact = "{problem}"
    next_step = "{how}"


# --- the Docker Engine and its tools ------------------------------------------------------------------------


class NoEngine(DrydockError):
    exit_code = 10
    fact = "no Docker Engine answers ({tried})"
    next_step = "{how}"


class EngineGone(DrydockError):
    exit_code = 11
    fact = "the Docker Engine at {host} stopped answering"
    next_step = "look at its log, start it again (`./run true` does) and repeat the command"


class NoBuildx(DrydockError):
    exit_code = 12
    fact = "the docker CLI has no buildx plugin"
    next_step = "install it (Debian 13: docker-buildx, Docker's own packages: docker-buildx-plugin)"


class NoSpace(DrydockError):
    exit_code = 13
    fact = "no space left on the device during {during}"
    next_step = "free some with `invoke clean` and `docker buildx prune`, then repeat the command"


class EngineInstallFailed(DrydockError):
    exit_code = 14
    fact = "installing a Docker Engine failed: {reason}"
    next_step = "install one by hand or set DOCKER_HOST to one that runs"


class EngineStartFailed(DrydockError):
    exit_code = 15
    fact = "the Docker Engine did not start: {reason}"
    next_step = "read {log}"


class CommandMissing(DrydockError):
    exit_code = 16
    fact = "the program {program} is not installed"
    next_step = "{how}"


class MachineWarns(DrydockError):
    exit_code = 17
    fact = "{count} of the findings above may break a task"
    next_step = "do what their arrows say"


class MachineFails(DrydockError):
    exit_code = 18
    fact = "{count} of the findings above break builds"
    next_step = "do what their arrows say, the first one first"


# --- base images --------------------------------------------------------------------------------------------


class NoBase(DrydockError):
    exit_code = 20
    fact = "base image {reference} is not on the engine, cannot be pulled ({pull}) nor be made here ({make})"
    next_step = "pull or load it where there is a registry, or name another one with PYTHON_IMAGE"


class BaseNotMade(DrydockError):
    exit_code = 21
    fact = "making {reference} from Debian packages failed: {reason}"
    next_step = "mend what the lines above show and try again, or name another base with PYTHON_IMAGE"


# --- the project and its configuration ----------------------------------------------------------------------


class NoProject(DrydockError):
    exit_code = 30
    fact = "{path} {problem}"
    next_step = "name the project's folder with --project"


class BadConfiguration(DrydockError):
    exit_code = 31
    fact = "{where}: {problem}"
    next_step = "{how}"


class LockMissing(DrydockError):
    exit_code = 32
    fact = "{source} has no lock file (looked for {looked_for})"
    next_step = "make one with `{command}`"


class LockStale(DrydockError):
    exit_code = 33
    fact = "{lock} does not match {manifest}: {mismatch}"
    next_step = "make it anew with `{command}`"


class Undecided(DrydockError):
    exit_code = 34
    fact = "{count} of the facts about {path} cannot be decided from its files"
    next_step = "decide them as the lines above say"


class FilesDiffer(DrydockError):
    exit_code = 35
    fact = "what stands in {root} differs from what would be written: {names}"
    next_step = "read the difference above, and overwrite them with --force"


class NotLocked(DrydockError):
    exit_code = 36
    fact = "the dependencies in {folder} cannot be locked: {reason}"
    next_step = "mend what the lines above show, or install them as they are declared with --no-lock"


class NoDockerfile(DrydockError):
    exit_code = 37
    fact = "{root} has no Dockerfile"
    next_step = "write one with `invoke init --project {root}`"


# --- builds -------------------------------------------------------------------------------------------------


class BuildFailed(DrydockError):
    exit_code = 40
    fact = "build step {step!r} failed: {reason}"
    next_step = "mend what the lines above show and build again"


class BadDockerfile(DrydockError):
    exit_code = 41
    fact = "{dockerfile}: {problem}"
    next_step = "mend that line and build again"


class UnknownTarget(DrydockError):
    exit_code = 42
    fact = "there is no target {target!r}"
    next_step = "choose one of {known}"


class Interrupted(DrydockError):
    exit_code = 130
    fact = "interrupted during {during}"
    next_step = "nothing was left behind; repeat the command when you like"


# --- images, tags and labels --------------------------------------------------------------------------------


class ImageMissing(DrydockError):
    exit_code = 50
    fact = "image {reference} is not on this engine"
    next_step = "build it with `invoke build`"


class IllegalTag(DrydockError):
    exit_code = 51
    fact = "{tag!r} is no legal image tag: {problem}"
    next_step = "use at most 128 letters, digits, `_`, `.` and `-`, and begin with none of the last two"


class IllegalReference(DrydockError):
    exit_code = 52
    fact = "{reference!r} is no legal image reference: {problem}"
    next_step = "write it as [REGISTRY/]REPOSITORY[:TAG][@DIGEST], the repository in lower case"


class IllegalVersion(DrydockError):
    exit_code = 53
    fact = "{version!r} is no version that can be ordered"
    next_step = "give the project one such as 1.4.2 or 1.5.0rc1"


class LabelsNotApplied(DrydockError):
    exit_code = 54
    fact = "the labels of {reference} were not changed: {reason}"
    next_step = "build the image anew with `invoke build`"


class DamagedImage(DrydockError):
    exit_code = 55
    fact = "{where} holds no whole image: {problem}"
    next_step = "save or export it anew"


class AmbiguousImage(DrydockError):
    exit_code = 56
    fact = "{where} holds {count} images: {choices}"
    next_step = "name one of them, or write an archive that holds only one"


class PlatformTwice(DrydockError):
    exit_code = 57
    fact = "{count} of the images are for {platform}"
    next_step = "name one image for each platform"


class LabelsDiffer(DrydockError):
    exit_code = 58
    fact = "{count} labels of {reference} are not what they should be"
    next_step = "write them with `invoke label --apply`"


class NoRegistry(DrydockError):
    exit_code = 59
    fact = "no registry is named"
    next_step = "give one with --registry or in [tool.drydock] registry"


# --- registries ---------------------------------------------------------------------------------------------


class RegistryUnreachable(DrydockError):
    exit_code = 60
    fact = "registry {registry} cannot be reached: {reason}"
    next_step = "check its name and the network, then repeat the command"


class LoginRefused(DrydockError):
    exit_code = 61
    fact = "registry {registry} refuses {user}: {reason}"
    next_step = "log in with `docker login {registry}` and repeat the command"


class PushDenied(DrydockError):
    exit_code = 62
    fact = "registry {registry} denies access to {repository}: {reason}"
    next_step = "ask for the right to push there, or push to another repository"


class RegistryFailed(DrydockError):
    exit_code = 63
    fact = "registry {registry} fails: {reason}"
    next_step = "read its log, then repeat the command: layers that arrived are not sent again"


class DigestDiffers(DrydockError):
    exit_code = 64
    fact = "{reference} on the registry is {found}, not the local image {wanted}"
    next_step = "somebody else may have pushed there: look at the tag, then push again"


class RegistryFault(DrydockError):
    exit_code = 65
    fact = "registry {registry} answered {status} to {request}: {reason}"
    next_step = "check that it is an OCI registry and read its log"


class DirtyImage(DrydockError):
    exit_code = 66
    fact = "{reference} was built from a working tree with uncommitted changes"
    next_step = "commit and build again, or push with --allow-dirty"


class MadeBase(DrydockError):
    exit_code = 67
    fact = "{reference} stands on a base image made on this machine, and {registry} is another one"
    next_step = "build on a published base, or push with --allow-made-base"


class BadCredentials(DrydockError):
    exit_code = 68
    fact = "the docker configuration's credentials for {registry} cannot be read: {reason}"
    next_step = "mend it, or log in anew with `docker login {registry}`"


class NotOnRegistry(DrydockError):
    exit_code = 69
    fact = "{reference} is not on its registry"
    next_step = "push it with `invoke push`"


# --- gates --------------------------------------------------------------------------------------------------


class GateFailed(DrydockError):
    exit_code = 70
    fact = "{gate}: {summary}"
    next_step = "{how}"


class UnknownGate(DrydockError):
    exit_code = 74
    fact = "there is no gate {gate!r}"
    next_step = "choose one of {known}"


class CouldNotCheck(DrydockError):
    exit_code = 75
    fact = "{gate} could not look: {summary}"
    next_step = "{how}"


class ContainerExited(DrydockError):
    exit_code = 71
    fact = "the container of {image} exited with {code} {when}"
    next_step = "the lines above are the end of its log"


class NotReady(DrydockError):
    exit_code = 72
    fact = "the container of {image} did not answer 200 at {path} within {seconds:g} s (last: {last})"
    next_step = "the lines above are the end of its log"


class PortTaken(DrydockError):
    exit_code = 73
    fact = "port {port} of this machine is taken"
    next_step = "choose another with --port, or leave it out for a free one"


class ReceiptsMissing(DrydockError):
    exit_code = 76
    fact = "{reference} lacks a receipt of {reasons}"
    next_step = "run `nox -s {sessions}`"


# --- releases -----------------------------------------------------------------------------------------------


class NotReleasable(DrydockError):
    exit_code = 77
    fact = "version {version} cannot be released: {reason}"
    next_step = "{how}"


class VersionTaken(DrydockError):
    exit_code = 78
    fact = "{reference} is released already: it is {found}, and this image is {wanted}"
    next_step = "give the project a higher version, commit and release that"


class ReleaseRunning(DrydockError):
    exit_code = 79
    fact = "another process is at `invoke {command}`"
    next_step = "wait for its end, then repeat the command"


# --- the history and the report -----------------------------------------------------------------------------


class HistoryUnreadable(DrydockError):
    exit_code = 80
    fact = "the history in {path} cannot be read: {reason}"
    next_step = "move that file away: the next build begins a new one"


class NotWritten(DrydockError):
    exit_code = 81
    fact = "{path} cannot be written: {reason}"
    next_step = "name another place with --output"


# --- Kubernetes and the tools of gates ----------------------------------------------------------------------


class UnknownTool(DrydockError):
    exit_code = 90
    fact = "there is no lock file for the tool {tool!r}"
    next_step = "use one of {known}, or make one with `python -m drydock.programs PROGRAM REQUIREMENT`"


class ToolNotInstalled(DrydockError):
    exit_code = 91
    fact = "{tool} could not be installed: {reason}"
    next_step = "check that the Python package index can be reached, then repeat the command"


class NoCluster(DrydockError):
    exit_code = 92
    fact = "no cluster answers at context {context!r}: {reason}"
    next_step = "choose one with --context or KUBECONFIG (`kubectl config get-contexts` lists them)"


class NoOverlay(DrydockError):
    exit_code = 93
    fact = "there is no overlay {overlay!r}"
    next_step = "use one of {known}"


class RenderFailed(DrydockError):
    exit_code = 94
    fact = "kustomize refuses {overlay}: {reason}"
    next_step = "mend the file that it names"


class Placeholders(DrydockError):
    exit_code = 95
    fact = "overlay {overlay} still holds {count} examples in place of values of your own"
    next_step = "replace what the lines above show, or give the image with --image"


class SecretMissing(DrydockError):
    exit_code = 96
    fact = "Secret {name} is not in namespace {namespace}, and {workload} needs it"
    next_step = "make it: `kubectl create secret generic {name} --namespace={namespace} --from-file=KEY=FILE`"


class ApplyFailed(DrydockError):
    exit_code = 97
    fact = "the cluster refuses a manifest: {reason}"
    next_step = "mend it; `nox -s kubernetes` names most such faults without a cluster"


class RolloutFailed(DrydockError):
    exit_code = 98
    fact = "{workload} does not run: {cause}"
    next_step = "mend that and deploy again, or go back with `invoke deploy --undo`"


class NothingToUndo(DrydockError):
    exit_code = 99
    fact = "{workload} cannot go back: {reason}"
    next_step = "deploy the version that you want instead"


# --- signatures ---------------------------------------------------------------------------------------------


class SigningFailed(DrydockError):
    exit_code = 85
    fact = "{reference} was not signed: {reason}"
    next_step = "check the key, or without one the network to the identity provider, and repeat the command"


class NotVerified(DrydockError):
    exit_code = 86
    fact = "{reference} has no signature that {signer} made: {reason}"
    next_step = "do not deploy it; sign it with `invoke sign` if it is yours"


class CosignNotInstalled(DrydockError):
    exit_code = 87
    fact = "cosign is not installed and cannot be fetched here: {reason}"
    next_step = "install it (Debian 13: cosign) and repeat the command"


class KeyUnusable(DrydockError):
    exit_code = 88
    fact = "the key {key} cannot be used: {reason}"
    next_step = (
        "name with --key a file that `cosign generate-key-pair` wrote; COSIGN_PASSWORD opens the private one"
    )


class StaleImage(DrydockError):
    exit_code = 89
    fact = "{reference} was built from {found}, and the project is at {wanted}"
    next_step = "build it anew with `invoke build`; where its content stays, no gate runs again"
