"""A small client of the OCI distribution API: the registry itself says what it holds."""

from __future__ import annotations

import hashlib
import json
import re
import ssl
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx2

from drydock.publish.credentials import Credentials
from drydock.publish.errors import (
    LoginRefused,
    PushDenied,
    RegistryFailed,
    RegistryFault,
    RegistryUnreachable,
)
from drydock.publish.login import Login
from drydock.publish.reference import HUB, Reference
from drydock.publish.retry import WAITS, NetworkFault, Retry, ServerFault, retrying

TIMEOUT = httpx2.Timeout(30.0, connect=10.0)
CERTIFICATES = Path("/etc/docker/certs.d")
Result = TypeVar("Result")
# Docker Hub's API answers under another name than the one in references.
API_HOSTS = {HUB: "registry-1.docker.io"}

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIGURATION = "application/vnd.oci.image.config.v1+json"
# Answers about a thing that is not there, or about an upload that is not as far as was said.
ABSENT = (httpx2.codes.NOT_FOUND, httpx2.codes.RANGE_NOT_SATISFIABLE)
MANIFEST_TYPES = (
    OCI_MANIFEST,
    OCI_INDEX,
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)


@dataclass(frozen=True)
class Manifest:
    """A manifest as the registry holds it."""

    media_type: str
    content: bytes

    @property
    def digest(self) -> str:
        """``sha256:…``, computed here and not taken from the registry's word."""
        return digest_of(self.content)

    @property
    def document(self) -> Mapping[str, Any]:
        """The parsed content."""
        document: Mapping[str, Any] = json.loads(self.content)
        return document

    @property
    def config(self) -> str:
        """The digest of the image's configuration; empty for an index."""
        return str(self.document.get("config", {}).get("digest", ""))

    @property
    def layers(self) -> list[tuple[str, int]]:
        """The digest and the compressed bytes of each layer, the lowest first; none for an index."""
        return [(layer["digest"], layer["size"]) for layer in self.document.get("layers", [])]


class Registry:
    """One registry, seen by one user; use it as a context manager.

    Args:
        insecure: Whether to do as docker does for insecure registries: verify no certificate, and speak plain
            HTTP where HTTPS is not answered.
        certificates: The folder with a folder of CA certificates for each registry, as the engine has it.
    """

    def __init__(
        self,
        reference: Reference,
        credentials: Credentials,
        *,
        insecure: bool,
        certificates: Path = CERTIFICATES,
        waits: tuple[float, ...] = WAITS,
        tell: Callable[[Retry], None] = lambda _: None,
    ) -> None:
        self.name = reference.registry
        self._credentials = credentials
        self.waits = waits
        self._tell = tell
        self._insecure = insecure
        self._scheme = "https"
        self._client = httpx2.Client(
            verify=trust(certificates / self.name, insecure=insecure),
            auth=Login(credentials, insecure=insecure),
            timeout=TIMEOUT,
            follow_redirects=True,
            # A proxy for the outside does not lead to this machine itself.
            trust_env=not reference.loopback,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def manifest(self, repository: str, reference: str) -> Manifest | None:
        """Return what a tag or digest names; None where there is no such thing."""
        path = f"{repository}/manifests/{reference}"
        response = self._ask("GET", path, headers={"Accept": ", ".join(MANIFEST_TYPES)})
        if response.status_code == httpx2.codes.NOT_FOUND:
            return None
        manifest = Manifest(response.headers.get("Content-Type", ""), response.content)
        if reference.startswith("sha256:") and manifest.digest != reference:
            raise self._fault(response, f"the content's digest is {manifest.digest}")
        return manifest

    def put_manifest(self, repository: str, reference: str, manifest: Manifest) -> None:
        """Store a manifest under a tag or its digest; the tag moves in one step."""
        path = f"{repository}/manifests/{reference}"
        headers = {"Content-Type": manifest.media_type}
        self._ask("PUT", path, headers=headers, content=manifest.content, missing_is_fault=True)

    def blob(self, repository: str, digest: str) -> bytes | None:
        """Return a blob; None where there is no such thing."""
        response = self._ask("GET", f"{repository}/blobs/{digest}")
        if response.status_code == httpx2.codes.NOT_FOUND:
            return None
        if (found := digest_of(response.content)) != digest:
            raise self._fault(response, f"the content's digest is {found}")
        return response.content

    def put_blob(self, repository: str, content: bytes) -> str:
        """Store a blob, small enough for one request, unless it is there, and return its digest."""
        digest = digest_of(content)
        if not self.has_blob(repository, digest):
            place = httpx2.URL(self.begin(repository)).copy_merge_params({"digest": digest})
            headers = {"Content-Type": "application/octet-stream"}
            self._ask("PUT", str(place), headers=headers, content=content, missing_is_fault=True)
        return digest

    def has_blob(self, repository: str, digest: str) -> bool:
        """Tell whether a repository has a blob."""
        return self._ask("HEAD", f"{repository}/blobs/{digest}").is_success

    def begin(self, repository: str) -> str:
        """Begin the upload of a blob and return where its bytes go."""
        begun = self._ask("POST", f"{repository}/blobs/uploads/", missing_is_fault=True)
        return str(begun.url.join(begun.headers["Location"]))

    def mount(self, repository: str, digest: str, source: str) -> bool:
        """Let a repository have a blob of another one; return whether it has it now.

        A registry that knows no such way, or lets this user not see the other repository, says no.
        """
        path = f"{repository}/blobs/uploads/?{httpx2.QueryParams({'mount': digest, 'from': source})}"
        try:
            return self._ask("POST", path).status_code == httpx2.codes.CREATED
        except (LoginRefused, PushDenied, RegistryFault):
            return False

    def referrers(self, repository: str, digest: str) -> Mapping[str, Any] | None:
        """Return the index of what refers to a manifest; None from a registry without the referrers API."""
        response = self._ask("GET", f"{repository}/referrers/{digest}")
        if response.status_code == httpx2.codes.NOT_FOUND:
            return None
        index: Mapping[str, Any] = response.json()
        return index

    def layers(self, repository: str, manifest: Manifest) -> dict[str, int]:
        """Return the compressed bytes of each layer by its digest, of all images where it is an index."""
        found = dict(manifest.layers)
        for entry in manifest.document.get("manifests", []):
            if (image := self.manifest(repository, entry["digest"])) is not None:
                found |= self.layers(repository, image)
        return found

    def tags(self, repository: str) -> list[str]:
        """Return the repository's tags; none where there is no such repository."""
        found: list[str] = []
        path = f"{repository}/tags/list"
        while path:
            response = self._ask("GET", path)
            if response.status_code == httpx2.codes.NOT_FOUND:
                return found
            found += response.json().get("tags") or []
            following = response.links.get("next", {}).get("url", "")
            path = following.rpartition("/v2/")[2]
        return found

    def _ask(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        missing_is_fault: bool = False,
    ) -> httpx2.Response:
        """Send one request and return its answer, which is a good one or 404."""
        response = self.persist(
            lambda: retrying(
                lambda: self.once(method, path, headers=headers, content=content), self._tell, self.waits
            )
        )
        missing = response.status_code == httpx2.codes.NOT_FOUND and not missing_is_fault
        if not response.is_success and not missing:
            raise self._fault(response, _reason(response))
        return response

    def persist(self, action: Callable[[], Result]) -> Result:
        """Return what an action returns, which goes on over the network for as long as there is hope."""
        try:
            return action()
        except ServerFault as fault:
            raise RegistryFailed(registry=self.name, reason=fault) from fault
        except NetworkFault as fault:
            raise RegistryUnreachable(registry=self.name, reason=fault) from fault

    def once(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | Iterable[bytes] | None = None,
        timeout: httpx2.Timeout = TIMEOUT,
    ) -> httpx2.Response:
        """Make one attempt and return its answer: a good one, 404, or 416.

        Args:
            content: Its body; an iterable may be asked for the body more than once.
        """
        response = self._send(method, path, dict(headers or {}), content, timeout)
        if response.is_server_error:
            raise ServerFault(f"status {response.status_code}: {_reason(response)}")
        if response.status_code == httpx2.codes.UNAUTHORIZED:
            raise LoginRefused(registry=self.name, user=self._credentials.described, reason=_reason(response))
        if response.status_code == httpx2.codes.FORBIDDEN:
            raise PushDenied(
                registry=self.name,
                repository=_repository(response.request.url.path),
                reason=_reason(response),
            )
        if not response.is_success and response.status_code not in ABSENT:
            raise self._fault(response, _reason(response))
        return response

    def _send(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        content: bytes | Iterable[bytes] | None,
        timeout: httpx2.Timeout,
    ) -> httpx2.Response:
        host = API_HOSTS.get(self.name, self.name)
        # An upload goes where the registry says.
        url = path if "://" in path else f"{self._scheme}://{host}/v2/{path}"
        try:
            return self._client.request(method, url, headers=headers, content=content, timeout=timeout)
        except httpx2.TransportError as error:
            tls = _tls_error(error)
            if isinstance(tls, ssl.SSLCertVerificationError):
                reason = f"its certificate is not trusted ({tls.verify_message})"
                raise RegistryUnreachable(registry=self.name, reason=reason) from error
            if self._insecure and self._scheme == "https" and tls and not isinstance(tls, ssl.SSLEOFError):
                # Something answered, but not in TLS. From here on it is spoken to in plain HTTP.
                self._scheme = "http"
                return self._send(method, path, headers, content, timeout)
            raise NetworkFault(str(error) or type(error).__name__) from error

    def _fault(self, response: httpx2.Response, reason: str) -> RegistryFault:
        request = f"{response.request.method} {response.request.url.path}"
        return RegistryFault(registry=self.name, status=response.status_code, request=request, reason=reason)


def digest_of(content: bytes) -> str:
    """Return the digest of some content, as OCI writes it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def descriptor(manifest: Manifest) -> dict[str, Any]:
    """Return how another document refers to a manifest."""
    return {"mediaType": manifest.media_type, "digest": manifest.digest, "size": len(manifest.content)}


def _repository(path: str) -> str:
    """Return the repository that a request's path is about."""
    return re.split(r"/(?:manifests|blobs|tags|referrers)/", path.removeprefix("/v2/"))[0]


def trust(folder: Path, *, insecure: bool) -> ssl.SSLContext:
    """Return whom to trust: the system's CAs, and those that the engine is told of for this registry."""
    context = ssl.create_default_context()
    for authority in sorted(folder.glob("*.crt")):
        context.load_verify_locations(authority)
    for certificate in sorted(folder.glob("*.cert")):
        context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _reason(response: httpx2.Response) -> str:
    """Return the registry's own words, else the status in words."""
    try:
        return "; ".join(f"{error.get('message') or error['code']}" for error in response.json()["errors"])
    except (ValueError, LookupError, TypeError, AttributeError):
        return response.reason_phrase.lower() or "no reason given"


def _tls_error(error: BaseException | None) -> ssl.SSLError | None:
    """Return the failure of TLS that an exception of the client stems from, if it does."""
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    return error
