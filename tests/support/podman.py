"""A real Podman 5: a container of Debian 13 on the machine's engine, with a network and a store of its own.

drydock runs inside, on this Python, and finds neither a docker CLI nor BuildKit there.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from drydock import command
from drydock.engine import Engine
from drydock.project import ca_bundle
from tests.support.registry import configured

ROOT = Path(__file__).resolve().parents[2]
SOCKET = "/run/podman.sock"
PACKAGES = "podman buildah crun netavark aardvark-dns iptables nftables git"
# The kernel may allow less than Podman wants.
LIMITS = {"nofile": resource.RLIMIT_NOFILE, "nproc": resource.RLIMIT_NPROC}


@dataclass(frozen=True)
class Podman:
    container: str
    environment: Mapping[str, str]

    def run(self, words: Sequence[str], folder: Path, code: int = 0) -> command.Completed:
        """Run a command inside, and require its exit code."""
        variables = [f"--env={name}={text}" for name, text in self.environment.items()]
        done = command.run(
            ["docker", "exec", f"--workdir={folder}", *variables, self.container, *words], check=False
        )
        assert done.code == code, f"{words}: {done.code}\n{done.stdout}\n{done.stderr}"
        return done

    def drydock(self, *words: str, folder: Path, code: int = 0) -> command.Completed:
        return self.run([sys.executable, "-m", "drydock.cli", *words], folder, code)


@contextmanager
def podman(engine: Engine, base: str, folder: Path) -> Iterator[Podman]:
    """Run it, with a base image in its store; `folder` has the same path inside."""
    if Path(sys.base_prefix) == Path("/usr"):
        pytest.skip("this Python is a part of the system, and cannot be taken into a container")
    name = f"drydock-test-podman-{uuid.uuid4().hex[:12]}"
    ranges = [(limit, resource.getrlimit(number)[1]) for limit, number in LIMITS.items()]
    listed = ", ".join(f'"{limit}={most}:{most}"' for limit, most in ranges if most > 0)
    (folder / "containers.conf").write_text(f"[containers]\ndefault_ulimits = [{listed}]\n")
    shared = {ROOT, Path(sys.prefix).resolve(), Path(sys.base_prefix)}
    mounts = [f"--volume={path}:{path}:ro" for path in shared]
    mounts += [f"--volume={folder}:{folder}", "--volume=/var/lib/containers", "--tmpfs=/run"]
    mounts.append(f"--volume={folder / 'containers.conf'}:/etc/containers/containers.conf:ro")
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "PYTHONPATH": str(ROOT),
        "DOCKER_HOST": f"unix://{SOCKET}",
        "XDG_CACHE_HOME": str(folder / "cache"),
        "XDG_STATE_HOME": str(folder / "state"),
        "PODMAN_IGNORE_CGROUPSV1_WARNING": "1",
        # Root inside works in folders of this user.
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
    }
    if certificates := ca_bundle():
        mounts.append(f"--volume={certificates.resolve()}:/etc/ssl/certs/ca-certificates.crt:ro")
        environment["SSL_CERT_FILE"] = "/etc/ssl/certs/ca-certificates.crt"
    serve = (
        f"apt-get -qq update && apt-get -qq install --yes --no-install-recommends {PACKAGES} >/dev/null"
        f" && exec podman system service --time=0 unix://{SOCKET}"
    )
    start = ["docker", "run", "--detach", "--init", "--privileged", f"--name={name}", "--user=root", *mounts]
    start += ["--env=PODMAN_IGNORE_CGROUPSV1_WARNING=1", "--env=DEBIAN_FRONTEND=noninteractive"]
    command.run([*start, "--entrypoint=sh", base, "-c", serve])
    try:
        made = Podman(name, environment)
        waiting = f"until test -S {SOCKET}; do sleep 0.2; done"
        state = "{{.State.Status}}"
        while command.run(["docker", "exec", name, "timeout", "5", "sh", "-c", waiting], check=False).code:
            if command.run(["docker", "inspect", f"--format={state}", name]).stdout.strip() != "running":
                pytest.fail(command.run(["docker", "logs", name]).stderr)
        load = ["docker", "exec", "--interactive", name, "podman", "load", "--quiet"]
        with subprocess.Popen(load, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as loading:
            assert loading.stdin is not None
            for chunk in engine.sdk.images.get(base).save(named=base):
                loading.stdin.write(chunk)
        yield made
    finally:
        # Root inside owns what it wrote.
        command.run(["docker", "exec", name, "chmod", "--recursive", "a+rwX", str(folder)], check=False)
        command.run(["docker", "rm", "--force", "--volumes", name])


@contextmanager
def registry(inside: Podman, folder: Path) -> Iterator[str]:
    """Run a registry on the container's loopback interface, and yield its address."""
    made = configured(folder)
    command.run(
        ["docker", "cp", made.command[0], f"{inside.container}:/usr/local/bin/registry"],
    )
    serve = ["docker", "exec", "--detach", inside.container, "registry", *made.command[1:]]
    command.run(serve)
    yield made.address
