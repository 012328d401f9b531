"""Errors about registries, labels and signatures."""

from drydock.errors import DrydockError, Exit


class IllegalTag(DrydockError, exit_code=Exit.USAGE):
    fact = "{tag!r} is not a valid image tag: {problem}"
    next_step = "use at most 128 letters, digits, `_`, `.` and `-`, and begin with a letter, a digit or `_`"


class IllegalReference(DrydockError, exit_code=Exit.USAGE):
    fact = "{reference!r} is not a valid image reference: {problem}"
    next_step = "write it as [REGISTRY/]REPOSITORY[:TAG][@DIGEST], the repository in lower case"


class NoVersion(DrydockError, exit_code=Exit.CONFIGURATION):
    fact = "the project declares no version and has no commit, so its image has no name"
    next_step = "declare a version in pyproject.toml, commit, or name one with --version"


class IllegalVersion(DrydockError, exit_code=Exit.USAGE):
    fact = "{version!r} is not a version that can be ordered"
    next_step = "give the project one such as 1.4.2 or 1.5.0rc1"


class LabelsNotApplied(DrydockError, exit_code=Exit.IMAGE):
    fact = "the labels of {reference} were not changed: {reason}"
    next_step = "build the image again with `drydock build`"


class PlatformTwice(DrydockError, exit_code=Exit.USAGE):
    fact = "{count} of the images are for {platform}"
    next_step = "name one image for each platform"


class LabelsDiffer(DrydockError, exit_code=Exit.REFUSED):
    fact = "labels of {reference} are missing or wrong ({count})"
    next_step = "write them with `drydock label --apply`"


class RegistryUnreachable(DrydockError, exit_code=Exit.REGISTRY):
    fact = "registry {registry} cannot be reached: {reason}"
    next_step = "check its name and the network, then repeat the command"


class LoginRefused(DrydockError, exit_code=Exit.CREDENTIALS):
    fact = "registry {registry} refuses {user}: {reason}"
    next_step = "log in with `docker login {registry}` and repeat the command"


class PushDenied(DrydockError, exit_code=Exit.CREDENTIALS):
    fact = "registry {registry} denies access to {repository}: {reason}"
    next_step = "ask for permission to push there, or push to another repository"


class RegistryFailed(DrydockError, exit_code=Exit.REGISTRY):
    fact = "registry {registry} fails: {reason}"
    next_step = "read its log, then repeat the command: layers that arrived are not sent again"


class DigestDiffers(DrydockError, exit_code=Exit.REGISTRY):
    fact = "{reference} on the registry is {found}, not the local image {wanted}"
    next_step = "another push may have moved the tag: look at it, then push again"


class RegistryFault(DrydockError, exit_code=Exit.REGISTRY):
    fact = "registry {registry} answered {status} to {request}: {reason}"
    next_step = "check that it is an OCI registry and read its log"


class DirtyImage(DrydockError, exit_code=Exit.REFUSED):
    fact = "{reference} was built from a working tree with uncommitted changes"
    next_step = "commit and build again, or push with --allow-dirty"


class MadeBase(DrydockError, exit_code=Exit.REFUSED):
    fact = "{reference} is built on a base image made on this machine, and {registry} is on another machine"
    next_step = "build on a published base, or push with --allow-made-base"


class BadCredentials(DrydockError, exit_code=Exit.CREDENTIALS):
    fact = "the docker configuration's credentials for {registry} cannot be read: {reason}"
    next_step = "fix it, or log in again with `docker login {registry}`"


class SigningFailed(DrydockError, exit_code=Exit.SIGNATURE):
    fact = "{reference} was not signed: {reason}"
    next_step = "check the key, or without one the network to the identity provider, and repeat the command"


class NotVerified(DrydockError, exit_code=Exit.SIGNATURE):
    fact = "{reference} has no signature by {signer}: {reason}"
    next_step = "do not deploy it; sign it with `drydock sign` if it is yours"


class CosignNotInstalled(DrydockError, exit_code=Exit.MACHINE):
    fact = "cosign is not installed and cannot be fetched here: {reason}"
    next_step = "install it (Debian 13: cosign) and repeat the command"


class CosignLacks(DrydockError, exit_code=Exit.MACHINE):
    fact = "this cosign reaches no key such as {key}: it was built without {plugin}"
    next_step = (
        "install that program, or sigstore's own cosign, which has Google's, Azure's and Vault's inside"
    )


class KeyUnusable(DrydockError, exit_code=Exit.CREDENTIALS):
    fact = "the key {key} cannot be used: {reason}"
    next_step = "name with --key a file that `drydock keys` wrote; COSIGN_PASSWORD opens the private one"


class NoIdentity(DrydockError, exit_code=Exit.CREDENTIALS):
    fact = "nothing says who signs: no key, no identity of a CI job, and no terminal to log in on"
    next_step = (
        "name a key with --key, or give the job an identity: `id-token: write` on GitHub, SIGSTORE_ID_TOKEN"
    )


class KeyNotMade(DrydockError, exit_code=Exit.CREDENTIALS):
    fact = "no key was made: {reason}"
    next_step = "set COSIGN_PASSWORD, or check the key's address and the access to it, and repeat the command"


class NotPulled(DrydockError, exit_code=Exit.REGISTRY):
    fact = "{reference} is neither on this engine nor on its registry"
    next_step = "check its name, or build it with `drydock build`"
