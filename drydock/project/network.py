"""Find this machine's network settings for builds: proxies, certificates and package indexes."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

CA_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
# Predefined by BuildKit: they reach RUN steps without entering the history or the cache keys.
PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "FTP_PROXY", "ALL_PROXY")
# The variables that set uv's or pip's package index; the first that is set counts.
INDEX_VARIABLES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")
# uv's variables for the user and the password of an index in [[tool.uv.index]].
NAMED_INDEX = re.compile(r"UV_INDEX_\w+_(USERNAME|PASSWORD)")


INDEX_LINE = re.compile(r"^\s*(?:-i|--index-url|--extra-index-url|-f|--find-links)[ =].*$", re.MULTILINE)
VARIABLE = re.compile(r"\$\{(\w+)\}")


def ca_bundle(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the host's CA bundle, which builds behind a TLS-inspecting proxy need; None without one."""
    named = [environment.get("SSL_CERT_FILE"), environment.get("REQUESTS_CA_BUNDLE"), *CA_BUNDLES]
    return next((path for name in named if name and (path := Path(name)).is_file()), None)


def proxy_variables(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the proxy settings by their upper-case names, in whichever case they are set."""
    found = {name: environment.get(name) or environment.get(name.lower()) for name in PROXY_VARIABLES}
    return {name: text for name, text in found.items() if text}


def index_variable(environment: Mapping[str, str] = os.environ) -> str:
    """Return the name of the variable that sets a package index; empty if none is set."""
    return next((name for name in INDEX_VARIABLES if environment.get(name)), "")


def index_credentials(root: Path, environment: Mapping[str, str] = os.environ) -> str:
    """Return the variables with users and passwords of a project's indexes, one a line.

    They are those of named indexes, and those that its requirements files spell as `${NAME}`.
    """
    files = (path for pattern in ("*requirements*", "requirements/*") for path in root.glob(pattern + ".*"))
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in files if path.is_file()]
    spelled = {name for text in texts for line in INDEX_LINE.findall(text) for name in VARIABLE.findall(line)}
    return "".join(
        f"{name}={text}\n"
        for name, text in sorted(environment.items())
        if NAMED_INDEX.fullmatch(name) or name in spelled
    )
