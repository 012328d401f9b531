from __future__ import annotations

from drydock.gates.smoke import forbidden


def test_a_shell_is_forbidden_in_production_only() -> None:
    assert forbidden(["/usr/bin/sh"], "production") == ["/usr/bin/sh"]
    assert forbidden(["/usr/bin/sh"], "slim") == []


def test_build_tools_are_forbidden_everywhere() -> None:
    assert forbidden(["/usr/bin/gcc", "/opt/venv/bin/uv"], "slim") == ["/opt/venv/bin/uv", "/usr/bin/gcc"]


def test_only_programs_count() -> None:
    assert (
        forbidden(["/usr/share/doc/bash/sh", "/usr/lib/python3.13/pip", "/bin/python3"], "production") == []
    )
