"""How this machine reaches the network: the variables and certificates that a build gets too."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

CA_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
# Predefined by BuildKit: they reach RUN steps without entering the history or the cache keys.
PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "FTP_PROXY", "ALL_PROXY")
# Where a person tells uv or pip which package index to use; the first that is set counts.
INDEX_VARIABLES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")
# uv's own names for the user and the password of an index that a project names in [[tool.uv.index]].
NAMED_INDEX = re.compile(r"UV_INDEX_\w+_(USERNAME|PASSWORD)")


def ca_bundle(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the host's CA bundle, which builds behind a TLS-inspecting proxy need; None if there is none."""
    named = [environment.get("SSL_CERT_FILE"), environment.get("REQUESTS_CA_BUNDLE"), *CA_BUNDLES]
    return next((path for name in named if name and (path := Path(name)).is_file()), None)


def proxy_variables(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the proxy settings by their upper-case names, however they are spelled."""
    found = {name: environment.get(name) or environment.get(name.lower()) for name in PROXY_VARIABLES}
    return {name: text for name, text in found.items() if text}


def index_variable(environment: Mapping[str, str] = os.environ) -> str:
    """Return the name of the variable that names a package index; empty where none is set."""
    return next((name for name in INDEX_VARIABLES if environment.get(name)), "")


def index_credentials(environment: Mapping[str, str] = os.environ) -> str:
    """Return the variables with users and passwords of named indexes, one a line; empty where none is set."""
    return "".join(
        f"{name}={text}\n" for name, text in sorted(environment.items()) if NAMED_INDEX.fullmatch(name)
    )
