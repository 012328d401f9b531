"""How far the engine trusts a registry, so that drydock's own questions trust it no further."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Mapping
from typing import Any

from drydock.publish.reference import Reference


def is_insecure(target: Reference, settings: Mapping[str, Any]) -> bool:
    """Tell whether the engine speaks to a registry without verified TLS.

    Docker does so for registries in its configuration's ``insecure-registries`` and for those on a network of
    that list, which always has 127.0.0.0/8.
    """
    named = (settings.get("IndexConfigs") or {}).get(target.registry)
    if named is not None:
        return not named.get("Secure", True)
    networks = [ipaddress.ip_network(text) for text in settings.get("InsecureRegistryCIDRs") or []]
    return any(address in network for address in _addresses(target) for network in networks)


def _addresses(target: Reference) -> Iterable[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    try:
        return {ipaddress.ip_address(row[4][0]) for row in socket.getaddrinfo(target.host, None)}
    except OSError:
        # A name that does not resolve is not local.
        return set()
