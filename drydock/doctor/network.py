"""Examine the path from builds to the network: proxies, certificates, names, registry, clocks."""

import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from drydock.doctor.engine import skew
from drydock.doctor.finding import Finding, failure, ok, unknown, warning
from drydock.engine import Engine
from drydock.engine.runtime import Run, started
from drydock.errors import DrydockError
from drydock.project import Project
from drydock.project.network import ca_bundle, index_variable, proxy_variables
from drydock.publish.errors import LoginRefused, PushDenied, RegistryUnreachable
from drydock.secrets import plain_urls

ANSWER_SECONDS = 10.0
LOOPBACK = ("localhost", "127.0.0.1")
# Patterns of pip's errors, each with its meaning and the advice; the first match counts.
COMPLAINTS = (
    (
        r"name resolution|Name or service not known|getaddrinfo|NameResolutionError|nodename nor servname",
        "a container cannot resolve names",
        'give the engine DNS servers that answer: `"dns": [...]` in daemon.json (a VPN or a resolver on '
        "127.0.0.53 is the usual cause)",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|SSLError|ssl certificate",
        "a container does not trust the package index's certificate",
        "name the CA bundle of your network in SSL_CERT_FILE: builds get that file as a secret",
    ),
    (
        r"ProxyError|Cannot connect to proxy",
        "a container does not reach the proxy",
        "name the proxy by an address that containers reach, not by this machine's loopback",
    ),
)


def proxies(info: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> Finding:
    """Check that containers can use this machine's proxies, and that NO_PROXY covers loopback."""
    given = {name.upper(): text for name, text in environment.items() if text}
    used = {name: text for name, text in given.items() if name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")}
    engines = plain_urls(str(info.get("HttpsProxy") or info.get("HttpProxy") or ""))
    if not used:
        return ok("proxy", f"the engine's own, {engines}" if engines else "none")
    fact = ", ".join(f"{name}={plain_urls(text)}" for name, text in sorted(used.items()))
    excepted = [part.strip() for part in given.get("NO_PROXY", "").split(",")]
    if "*" not in excepted and (missing := [name for name in LOOPBACK if name not in excepted]):
        how = f"add {','.join(missing)} to NO_PROXY: or requests to local containers go to the proxy"
        return warning("proxy", f"{fact}, and NO_PROXY lacks {' and '.join(missing)}", how)
    for text in used.values():
        if (urlsplit(text if "//" in text else f"//{text}").hostname or "") in (*LOOPBACK, "::1"):
            seen = f"{fact}: this machine's loopback, which is another one inside a container"
            how = "name the proxy by an address that containers reach"
            return warning("proxy", seen, how)
    if not engines:
        seen = f"{fact}; builds get it, the engine has none for its own pulls"
        how = 'set `"proxies"` in daemon.json, or pull base images by hand'
        return warning("proxy", seen, how)
    return ok("proxy", f"{fact}; the engine has its own, {engines}")


def certificates(environment: Mapping[str, str] = os.environ) -> Finding:
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        if (named := environment.get(name)) and not Path(named).is_file():
            fact = f"{name} names {named}, which is not a file"
            return failure("certificates", fact, f"fix or unset {name}")
    bundle = ca_bundle(environment)
    if bundle is None:
        return failure("certificates", "no CA bundle", "install ca-certificates or set SSL_CERT_FILE")
    if not os.access(bundle, os.R_OK):
        return failure("certificates", f"{bundle} cannot be read", "let your user read it")
    if "-----BEGIN" not in bundle.read_text(encoding="utf-8", errors="replace"):
        return failure("certificates", f"{bundle} holds no certificate", "install ca-certificates again")
    return ok("certificates", f"{bundle}, passed to builds as a secret")


def registry(info: Mapping[str, Any], project: Project) -> Finding:
    """Ask the configured registry for a manifest, as the user of the docker configuration."""
    if not project.registry:
        return ok("registry", "none configured; name one with `push --registry`")
    from drydock.publish import credentials, reference
    from drydock.publish.registry import Registry, is_insecure

    try:
        target = reference.parse(f"{project.registry}/{project.image}:doctor")
        who = credentials.load(target.registry)
        insecure = is_insecure(target, info.get("RegistryConfig") or {})
        with Registry(target, who, insecure=insecure, waits=()) as asked:
            asked.manifest(target.repository, target.tag)
    except RegistryUnreachable as error:
        return warning("registry", str(error.values["reason"]), f"check {project.registry} and the network")
    except (LoginRefused, PushDenied):
        fact = f"{target.registry} refuses {who.described}"
        how = f"log in: `docker login {target.registry}`"
        return warning("registry", fact, how)
    except DrydockError as error:
        fact, _, advice = error.args[0].partition("; ")
        return warning("registry", fact, advice)
    if not (who.user or who.identity_token) and not target.loopback:
        fact = f"{target.registry} answers, but you are not logged in"
        how = f"`docker login {target.registry}`"
        return warning("registry", fact, how)
    return ok("registry", f"{target.registry} answers {who.described}")


def remote_clock(project: Project, environment: Mapping[str, str] = os.environ) -> Finding:
    """Compare this machine's clock with that of the package index or of the registry, by its HTTP Date."""
    index = environment.get(index_variable(environment), "")
    host = project.registry.split("/")[0]
    address = index or (f"https://{host}/v2/" if host else "")
    if not address:
        return unknown("remote clock", "no index and no registry is configured to compare with")
    import ssl

    import httpx2

    try:
        bundle = ca_bundle(environment)
        trust = ssl.create_default_context(cafile=str(bundle) if bundle else None)
        answer = httpx2.head(address, timeout=ANSWER_SECONDS, verify=trust)
        theirs = parsedate_to_datetime(answer.headers["Date"])
    except (httpx2.HTTPError, httpx2.InvalidURL, KeyError, ValueError, OSError) as error:
        fact = f"{plain_urls(address)} does not report its time: {error or type(error).__name__}"
        return unknown("remote clock", fact)
    whose = f"{urlsplit(address).hostname}'s"
    return skew("remote clock", whose, (theirs - datetime.now(UTC)).total_seconds())


def question(engine: Engine, image: str, environment: Mapping[str, str] = os.environ) -> Run:
    """Return a container that asks the package index, with the proxies and the CA bundle that builds get."""
    wanted = proxy_variables(environment)
    index = environment.get(index_variable(environment), "")
    if index:
        wanted["PIP_INDEX_URL"] = index
    mounts = {}
    # A file of this machine can only be mounted where the engine runs on it.
    if engine.host.startswith("unix://") and (bundle := ca_bundle(environment)):
        wanted["PIP_CERT"] = "/run/ca.pem"
        mounts["/run/ca.pem"] = str(bundle.resolve())
    command = ["python3", "-m", "pip", "index", "versions", "pip", "-vv", "--retries=0"]
    command += [f"--timeout={ANSWER_SECONDS:.0f}", "--disable-pip-version-check"]
    return Run(image, command=command, environment=wanted, owner="doctor", mounts=mounts)


def inside(engine: Engine, run: Run) -> Finding:
    """Let a container ask the package index, and explain a failure from pip's output."""
    try:
        with started(engine, run) as running:
            code = int(running.container.wait()["StatusCode"])
            said = running.log()
    except DrydockError as error:
        fact, _, advice = error.args[0].partition("; ")
        return failure("container", fact, advice)
    if code == 0:
        return ok("container", "reaches the package index: names, certificates, proxy")
    for pattern, fact, advice in COMPLAINTS:
        if re.search(pattern, said, re.IGNORECASE):
            return failure("container", fact, advice)
    last = said.splitlines()[-1] if said else f"exit code {code}"
    return warning("container", f"cannot ask the package index: {last[:200]}", "check that index by hand")
