"""The only door to a cluster: kubectl, on the context that the user means."""

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drydock import command, programs
from drydock.deploy.errors import NoCluster
from drydock.errors import CommandMissing
from drydock.progress import Say, silent

# The first kubectl whose kustomize knows everything that the manifests use.
OLDEST_MINOR = 27
ANSWER_SECONDS = 10
REMOVAL_SECONDS = 180.0
_MINOR = re.compile(r'"gitVersion":\s*"v1\.(\d+)')


def find(say: Say = silent) -> Path:
    """Return the user's own kubectl, or the locked one where that is missing or too old."""
    version = ""
    with suppress(CommandMissing):
        version = command.run(["kubectl", "version", "--client", "--output=json"], check=False).stdout
    minor = _MINOR.search(version)
    chosen = programs.program if minor and int(minor[1]) >= OLDEST_MINOR else programs.tool
    return chosen("kubectl", say)


@dataclass(frozen=True)
class Kubectl:
    program: Path
    context: str = ""  # the context of the kubeconfig; the current one when empty

    def run(
        self, *args: str, stdin: str | None = None, check: bool = True, timeout: float | None = None
    ) -> command.Completed:
        chosen = [f"--context={self.context}"] if self.context else []
        return command.run([str(self.program), *chosen, *args], stdin=stdin, check=check, timeout=timeout)

    def json(self, *args: str) -> Any:
        """Return the answer of ``kubectl get`` as JSON values; None for a missing object."""
        done = self.run("get", *args, "--ignore-not-found", "--output=json", check=False)
        if done.code != 0:
            raise NoCluster(context=self.context or "the current one", reason=_reason(done))
        return json.loads(done.stdout) if done.stdout.strip() else None

    def place(self) -> str:
        """Return the context's name and its server's address, which people check before they deploy."""
        view = json.loads(self.run("config", "view", "--minify", "--output=json").stdout)
        return f"{view['current-context']} at {view['clusters'][0]['cluster']['server']}"

    def begin_removal(self, namespace: str) -> None:
        """Start to delete a namespace; its pods get a second to end."""
        self.run("delete", "namespace", namespace, "--ignore-not-found", "--wait=false")
        # Such a namespace takes no new pods.
        self.run(*_pods(namespace), "--wait=false")

    def remove(self, namespace: str) -> None:
        """Delete a namespace and wait until it is gone."""
        self.begin_removal(namespace)
        self.run(*_pods(namespace), "--wait", timeout=REMOVAL_SECONDS)
        # A cluster that saw pods there looks again after half of their usual grace period, or after a change.
        self.run("annotate", "namespace", namespace, "drydock/pods=gone", "--overwrite", check=False)
        self.run("delete", "namespace", namespace, "--ignore-not-found", "--wait", timeout=REMOVAL_SECONDS)

    def items(self, *args: str) -> Sequence[Any]:
        found = self.json(*args)
        return [] if found is None else list(found.get("items", [found]))


def _pods(namespace: str) -> list[str]:
    return ["delete", "pods", "--all", f"--namespace={namespace}", "--grace-period=1"]


def connect(context: str = "", say: Say = silent) -> Kubectl:
    """Return a kubectl whose cluster answers."""
    kubectl = Kubectl(find(say), context)
    done = kubectl.run("version", "--output=json", f"--request-timeout={ANSWER_SECONDS}s", check=False)
    if done.code == 0 and "serverVersion" in done.stdout:
        return kubectl
    shown = context or kubectl.run("config", "current-context", check=False).stdout.strip() or "no context"
    raise NoCluster(context=shown, reason=_reason(done))


def _reason(done: command.Completed) -> str:
    return (done.stderr.strip().splitlines() or ["no answer"])[-1].removeprefix("error: ")
