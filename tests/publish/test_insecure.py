from __future__ import annotations

from typing import Any

import pytest

from drydock.publish.reference import parse
from drydock.publish.registry import is_insecure

ENGINE: dict[str, Any] = {
    "InsecureRegistryCIDRs": ["127.0.0.0/8"],
    "IndexConfigs": {
        "docker.io": {"Secure": True},
        "old.example:5000": {"Secure": False},
        "127.0.0.9:5000": {"Secure": True},
    },
}


@pytest.mark.parametrize(
    ("reference", "insecure"),
    [
        ("todo", False),
        ("127.0.0.1:5000/todo", True),
        ("localhost:5000/todo", True),
        ("old.example:5000/todo", True),
        ("old.example/todo", False),
        ("127.0.0.9:5000/todo", False),
        ("128.0.0.1:5000/todo", False),
        ("nowhere.invalid/todo", False),
    ],
)
def test_a_registry_is_trusted_as_the_engine_trusts_it(reference: str, insecure: bool) -> None:
    assert is_insecure(parse(reference), ENGINE) is insecure


@pytest.mark.parametrize(
    "settings", [{}, {"InsecureRegistryCIDRs": None, "IndexConfigs": None}, {"IndexConfigs": {}}]
)
def test_an_engine_that_lists_nothing_uses_this_machine_alone_without_tls(settings: dict[str, Any]) -> None:
    """Podman's lists are empty, whatever its own configuration says."""
    assert is_insecure(parse("127.0.0.1:5000/todo"), settings)
    assert is_insecure(parse("localhost:5000/todo"), settings)
    assert not is_insecure(parse("128.0.0.1:5000/todo"), settings)
