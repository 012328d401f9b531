"""A small client of the OCI distribution API."""

import hashlib
import ipaddress
import json
import re
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx2

from drydock.publish.credentials import Credentials, Login
from drydock.publish.errors import (
    DigestDiffers,
    LoginRefused,
    PushDenied,
    RegistryFailed,
    RegistryFault,
    RegistryUnreachable,
)
from drydock.publish.event import Retry
from drydock.publish.reference import HUB, Reference

Result = TypeVar("Result")

TIMEOUT = httpx2.Timeout(30.0, connect=10.0)
# Seconds before the second, third and fourth attempt: long enough for a registry's restart behind a balancer,
# short enough for a waiting user.
WAITS = (1.0, 3.0, 9.0)
# The longest wait that a registry may ask for with Retry-After.
LONGEST_WAIT = 120.0
CERTIFICATES = Path("/etc/docker/certs.d")
# Docker Hub's API has another host than the one in references.
API_HOSTS = {HUB: "registry-1.docker.io"}

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIGURATION = "application/vnd.oci.image.config.v1+json"
MANIFEST_TYPES = (
    OCI_MANIFEST,
    OCI_INDEX,
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
# Statuses that callers of `once` handle: a missing object, a body too large, an upload at another offset.
READABLE = (httpx2.codes.NOT_FOUND, httpx2.codes.CONTENT_TOO_LARGE, httpx2.codes.RANGE_NOT_SATISFIABLE)


class NetworkFault(Exception):
    """The network failed, perhaps only for a moment."""

    wait = 0.0


class ServerFault(NetworkFault):
    """The server failed or is overloaded; `wait` holds the seconds it asks for."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


def retrying(
    action: Callable[[], Result],
    tell: Callable[[Retry], None] = lambda _: None,
    waits: Sequence[float] = WAITS,
    sleep: Callable[[float], None] = time.sleep,
) -> Result:
    """Repeat an action that raises NetworkFault, reporting each wait; other exceptions end it at once."""
    attempts = len(waits) + 1
    for number, wait in enumerate(waits, start=2):
        try:
            return action()
        except NetworkFault as fault:
            asked = max(wait, fault.wait)
            tell(Retry(number, attempts, asked, str(fault)))
            sleep(asked)
    try:
        return action()
    except NetworkFault as fault:
        raise type(fault)(f"{fault} ({attempts} attempts)") from fault


@dataclass(frozen=True)
class Manifest:
    """A manifest with its exact bytes, from which its digest is made."""

    media_type: str
    content: bytes

    @property
    def digest(self) -> str:
        """``sha256:…``, computed here instead of trusting the registry."""
        return digest_of(self.content)

    @property
    def document(self) -> Mapping[str, Any]:
        document: Mapping[str, Any] = json.loads(self.content)
        return document

    @property
    def config(self) -> str:
        """The digest of the image's configuration; empty for an index."""
        return str(self.document.get("config", {}).get("digest", ""))

    @property
    def descriptor(self) -> dict[str, Any]:
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.content)}


class Registry:
    """One registry and one user; use it as a context manager.

    Args:
        insecure: Do as docker does for insecure registries: verify no certificate, and use plain HTTP where
            HTTPS is not answered.
        certificates: The engine's folder with a folder of CA certificates for each registry.
    """

    def __init__(
        self,
        reference: Reference,
        credentials: Credentials,
        *,
        insecure: bool,
        certificates: Path = CERTIFICATES,
        waits: Sequence[float] = WAITS,
        tell: Callable[[Retry], None] = lambda _: None,
    ) -> None:
        self.name = reference.registry
        self._credentials = credentials
        self._waits = waits
        self._tell = tell
        self._insecure = insecure
        self._scheme = "https"
        self._client = httpx2.Client(
            verify=trust(certificates / self.name, insecure=insecure),
            auth=Login(credentials, insecure=insecure),
            timeout=TIMEOUT,
            follow_redirects=True,
            # A proxy to the outside does not reach this machine.
            trust_env=not reference.loopback,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def manifest(self, repository: str, reference: str) -> Manifest | None:
        """Return the manifest of a tag or digest, checked against the digest; None if it is missing."""
        path = f"{repository}/manifests/{reference}"
        response = self._ask("GET", path, headers={"Accept": ", ".join(MANIFEST_TYPES)})
        if response.status_code == httpx2.codes.NOT_FOUND:
            return None
        manifest = Manifest(response.headers.get("Content-Type", ""), response.content)
        if reference.startswith("sha256:") and manifest.digest != reference:
            raise self.fault(response, f"the content's digest is {manifest.digest}")
        return manifest

    def known(self, target: Reference) -> Manifest:
        """Return the manifest of a digest that the registry must have."""
        if (found := self.manifest(target.repository, target.digest)) is None:
            raise DigestDiffers(reference=target, found="missing", wanted=target.digest)
        return found

    def put_manifest(self, repository: str, reference: str, manifest: Manifest) -> None:
        """Store a manifest under a tag or its digest; the tag moves in one step."""
        path = f"{repository}/manifests/{reference}"
        headers = {"Content-Type": manifest.media_type}
        self._ask("PUT", path, headers=headers, content=manifest.content, missing_is_fault=True)

    def blob(self, repository: str, digest: str) -> bytes:
        """Return a blob that the registry must have, checked against its digest."""
        response = self._ask("GET", f"{repository}/blobs/{digest}")
        if response.status_code == httpx2.codes.NOT_FOUND:
            raise DigestDiffers(reference=f"{self.name}/{repository}", found="missing", wanted=digest)
        if (found := digest_of(response.content)) != digest:
            raise self.fault(response, f"the content's digest is {found}")
        return response.content

    def put_blob(self, repository: str, content: bytes) -> None:
        """Store a blob that fits into one request."""
        place = httpx2.URL(self.begin(repository)).copy_merge_params({"digest": digest_of(content)})
        headers = {"Content-Type": "application/octet-stream"}
        self._ask("PUT", str(place), headers=headers, content=content, missing_is_fault=True)

    def has_blob(self, repository: str, digest: str) -> bool:
        return self._ask("HEAD", f"{repository}/blobs/{digest}").is_success

    def begin(self, repository: str) -> str:
        """Begin a blob's upload and return its URL."""
        begun = self._ask("POST", f"{repository}/blobs/uploads/", missing_is_fault=True)
        return str(begun.url.join(begun.headers["Location"]))

    def mount(self, repository: str, digest: str, source: str) -> bool:
        """Mount a blob from another repository; return False if the registry cannot."""
        path = f"{repository}/blobs/uploads/?{httpx2.QueryParams({'mount': digest, 'from': source})}"
        try:
            return self._ask("POST", path).status_code == httpx2.codes.CREATED
        except (LoginRefused, PushDenied, RegistryFault):
            return False

    def referrers(self, repository: str, digest: str) -> Mapping[str, Any] | None:
        """Return the index of a manifest's referrers; None from a registry without the referrers API."""
        response = self._ask("GET", f"{repository}/referrers/{digest}")
        if response.status_code == httpx2.codes.NOT_FOUND:
            return None
        index: Mapping[str, Any] = response.json()
        return index

    def configurations(self, repository: str, manifest: Manifest) -> set[str]:
        """Return the digest of an image's configuration, or those of all images in an index."""
        found = {manifest.config} if manifest.config else set()
        for entry in manifest.document.get("manifests", []):
            if (image := self.manifest(repository, entry["digest"])) is not None:
                found |= self.configurations(repository, image)
        return found

    def tags(self, repository: str) -> list[str]:
        """Return the repository's tags; none if it does not exist."""
        found: list[str] = []
        path = f"{repository}/tags/list"
        while path:
            response = self._ask("GET", path)
            if response.status_code == httpx2.codes.NOT_FOUND:
                return found
            found += response.json().get("tags") or []
            path = response.links.get("next", {}).get("url", "").rpartition("/v2/")[2]
        return found

    def _ask(
        self, method: str, path: str, *, missing_is_fault: bool = False, **request: Any
    ) -> httpx2.Response:
        """Send a request, again after network faults, and return its answer: a success or 404."""
        response = self.persist(lambda: self.once(method, path, **request))
        missing = response.status_code == httpx2.codes.NOT_FOUND and not missing_is_fault
        if not response.is_success and not missing:
            raise self.fault(response)
        return response

    def persist(self, action: Callable[[], Result], tell: Callable[[Retry], None] | None = None) -> Result:
        """Repeat an action after network faults; the last one becomes an error for the user."""
        try:
            return retrying(action, tell or self._tell, self._waits)
        except ServerFault as fault:
            raise RegistryFailed(registry=self.name, reason=fault) from fault
        except NetworkFault as fault:
            raise RegistryUnreachable(registry=self.name, reason=fault) from fault

    def once(self, method: str, path: str, **request: Any) -> httpx2.Response:
        """Make one attempt and return its answer: a success, or a status in READABLE.

        `path` is below ``/v2/``, or a whole URL.
        """
        response = self._send(method, path, **request)
        status = response.status_code
        if response.is_server_error or status == httpx2.codes.TOO_MANY_REQUESTS:
            raise ServerFault(f"status {status}: {_reason(response)}", _asked_wait(response))
        if status == httpx2.codes.UNAUTHORIZED:
            raise LoginRefused(registry=self.name, user=self._credentials.described, reason=_reason(response))
        if status == httpx2.codes.FORBIDDEN:
            repository = _repository(response.request.url.path)
            raise PushDenied(registry=self.name, repository=repository, reason=_reason(response))
        if not response.is_success and status not in READABLE:
            raise self.fault(response)
        return response

    def _send(self, method: str, path: str, **request: Any) -> httpx2.Response:
        host = API_HOSTS.get(self.name, self.name)
        # The registry chooses the URL of an upload.
        url = path if "://" in path else f"{self._scheme}://{host}/v2/{path}"
        try:
            return self._client.request(method, url, **request)
        except httpx2.TransportError as error:
            tls = _tls_error(error)
            if isinstance(tls, ssl.SSLCertVerificationError):
                reason = f"its certificate is not trusted ({tls.verify_message})"
                raise RegistryUnreachable(registry=self.name, reason=reason) from error
            plain = tls and not isinstance(tls, ssl.SSLEOFError)
            if plain and self._insecure and "://" not in path and url.startswith("https"):
                # The answer was not TLS: use plain HTTP from now on.
                self._scheme = "http"
                return self._send(method, path, **request)
            raise NetworkFault(str(error) or type(error).__name__) from error

    def fault(self, response: httpx2.Response, reason: str = "") -> RegistryFault:
        """Return the error for an answer, with the registry's own words by default."""
        request = f"{response.request.method} {response.request.url.path}"
        reason = reason or _reason(response)
        return RegistryFault(registry=self.name, status=response.status_code, request=request, reason=reason)


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def is_insecure(target: Reference, settings: Mapping[str, Any]) -> bool:
    """Tell whether the engine uses a registry without verified TLS; drydock trusts it no further.

    Docker does so for the registries in its ``insecure-registries``, and for those on a network of that list,
    which always has 127.0.0.0/8; Podman's is empty. `settings` is the engine's ``RegistryConfig``.
    """
    named = (settings.get("IndexConfigs") or {}).get(target.registry)
    if named is not None:
        return not named.get("Secure", True)
    if target.loopback:
        return True
    networks = [ipaddress.ip_network(text) for text in settings.get("InsecureRegistryCIDRs") or []]
    try:
        addresses = {ipaddress.ip_address(row[4][0]) for row in socket.getaddrinfo(target.host, None)}
    except OSError:
        # A name that does not resolve is not local.
        return False
    return any(address in network for address in addresses for network in networks)


def trust(folder: Path, *, insecure: bool) -> ssl.SSLContext:
    """Return the trusted CAs: the system's, and those that the engine has for this registry.

    `folder` holds ``*.crt`` for CAs, and pairs of ``*.cert`` and ``*.key`` for this client.
    """
    context = ssl.create_default_context()
    for authority in sorted(folder.glob("*.crt")):
        context.load_verify_locations(authority)
    for certificate in sorted(folder.glob("*.cert")):
        context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _repository(path: str) -> str:
    return re.split(r"/(?:manifests|blobs|tags|referrers)/", path.removeprefix("/v2/"))[0]


def _asked_wait(response: httpx2.Response) -> float:
    """Return the seconds of a Retry-After header, a number or a date; 0 without one."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isdigit():
        return min(float(text), LONGEST_WAIT)
    try:
        seconds = (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return 0.0
    return min(max(seconds, 0.0), LONGEST_WAIT)


def _reason(response: httpx2.Response) -> str:
    """Return the registry's own words, else the status's name."""
    try:
        return "; ".join(f"{error.get('message') or error['code']}" for error in response.json()["errors"])
    except (ValueError, LookupError, TypeError, AttributeError):
        return response.reason_phrase.lower() or "no reason given"


def _tls_error(error: BaseException | None) -> ssl.SSLError | None:
    """Return the TLS failure that caused an exception, if any."""
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    return error
