"""The image's contents, seen from its container and from its history."""

from __future__ import annotations

import json

from tests.support.systems import Systems

BUILDERS = {"gcc", "cc", "g++", "c++", "ld", "as", "make", "cargo", "rustc", "uv", "pip", "pip3"}
SHELLS_AND_FETCHERS = {
    "curl",
    "wget",
    "sh",
    "bash",
    "dash",
    "busybox",
    "apt",
    "apt-get",
    "dpkg",
    "perl",
    "git",
}
TEST_TOOLS = {"pytest", "coverage", "hypothesis", "schemathesis", "mypy", "ruff", "pip", "setuptools"}
# Every file name below /, and every installed distribution, as the container sees them.
LOOK = """
import importlib.metadata, json, os
names = {name for root, _, files in os.walk("/") if not root.startswith(("/proc", "/sys")) for name in files}
found = {distribution.name.lower() for distribution in importlib.metadata.distributions()}
print(json.dumps({"user": os.getuid(), "names": sorted(names), "distributions": sorted(found)}))
"""


def test_production_comes_from_several_stages_without_root_builders_or_test_tools(
    neighbourhood: Systems,
) -> None:
    code, output = neighbourhood.run_to_end({}, "python3", "-c", LOOK)
    assert code == 0, output
    seen = json.loads(output)
    assert seen["user"] > 10000
    assert "python3" in seen["names"]
    assert set(seen["names"]) & (BUILDERS | SHELLS_AND_FETCHERS | {"pytest"}) == set()
    assert "fastapi" in seen["distributions"]
    assert set(seen["distributions"]) & TEST_TOOLS == set()
    # Build commands ran in other stages: the last one only copies.
    history = neighbourhood.engine.sdk.images.get(neighbourhood.image).history()
    steps = [entry["CreatedBy"] for entry in history]
    assert sum(step.startswith("COPY") for step in steps) >= 3
    assert not [step for step in steps if step.startswith(("RUN", "|", "/bin/sh"))]
