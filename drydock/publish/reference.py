"""Image references by the rules of docker and of the OCI distribution specification."""

import ipaddress
import re
from dataclasses import dataclass, replace
from typing import Self

from drydock.publish.errors import IllegalReference, IllegalTag

HUB = "docker.io"
MOST_NAME_CHARACTERS = 255
LAST_PORT = 65535

_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*")
_LABEL = r"(?:[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9])"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:]+\])(?::(?P<port>[0-9]+))?")
_IMAGE_ID = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Reference:
    """An image's place, always with its registry, so that references can be compared."""

    registry: str  # host, with a port if one is named; ``docker.io`` by default
    repository: str  # path on the registry; on Docker Hub with its ``library/``
    tag: str = ""
    digest: str = ""

    @property
    def name(self) -> str:
        return f"{self.registry}/{self.repository}"

    @property
    def host(self) -> str:
        """The registry's host without port, and without the brackets of an IPv6 address."""
        if self.registry.startswith("["):
            return self.registry[1 : self.registry.index("]")]
        return self.registry.partition(":")[0]

    @property
    def loopback(self) -> bool:
        """Whether the registry's name is a loopback address or ``localhost``."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def with_tag(self, tag: str) -> Self:
        """Return another tag's reference in the same repository."""
        return replace(self, tag=check_tag(tag), digest="")

    def with_digest(self, digest: str) -> Self:
        """Return a digest's reference in the same repository."""
        return replace(self, tag="", digest=digest)

    def __str__(self) -> str:
        return f"{self.name}{':' if self.tag else ''}{self.tag}{'@' if self.digest else ''}{self.digest}"


def check_tag(tag: str) -> str:
    """Return a tag, or raise IllegalTag if it violates the OCI grammar."""
    if _TAG.fullmatch(tag):
        return tag
    if len(tag) > 128:
        raise IllegalTag(tag=f"{tag[:40]}…", problem=f"it has {len(tag)} characters")
    wrong = sorted(set(re.sub(r"[A-Za-z0-9_.-]", "", tag)))
    if not tag:
        raise IllegalTag(tag=tag, problem="it is empty")
    problem = f"it contains {' and '.join(map(repr, wrong))}" if wrong else f"it begins with {tag[0]!r}"
    raise IllegalTag(tag=tag, problem=problem)


def parse(text: str) -> Reference:
    """Parse a reference as docker does.

    The part before the first slash is a registry if it has a dot, a colon or an upper-case letter, or is
    ``localhost``. Otherwise it belongs to the repository, and the registry is Docker Hub.
    """
    rest, at, digest = text.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        raise IllegalReference(reference=text, problem=f"{digest!r} is not a digest")
    name, colon, tag = rest.rpartition(":")
    if not colon or "/" in tag:
        # The only colon, if any, precedes the registry's port.
        name, colon, tag = rest, "", ""
    registry, repository = _split(name)
    host = _HOST.fullmatch(registry)
    if host is None:
        raise IllegalReference(reference=text, problem=f"{registry!r} is not a host")
    if host["port"] and not 1 <= int(host["port"]) <= LAST_PORT:
        raise IllegalReference(reference=text, problem=f"{host['port']} is not a port (1 to {LAST_PORT})")
    for component in repository.split("/"):
        if not _COMPONENT.fullmatch(component):
            raise IllegalReference(reference=text, problem=f"{component!r} is not a part of a repository")
    if len(f"{registry}/{repository}") > MOST_NAME_CHARACTERS:
        raise IllegalReference(reference=text, problem=f"it has over {MOST_NAME_CHARACTERS} characters")
    if _IMAGE_ID.fullmatch(name):
        raise IllegalReference(reference=text, problem="64 hexadecimal digits are an image id")
    return Reference(registry, repository, check_tag(tag) if colon else "", digest)


def _split(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    if slash and (first == "localhost" or re.search(r"[.:A-Z]", first)):
        registry, repository = first, rest
    else:
        registry, repository = HUB, name
    if registry == f"index.{HUB}":
        registry = HUB
    if registry == HUB and "/" not in repository:
        repository = f"library/{repository}"
    return registry, repository
