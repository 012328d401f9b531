"""Start an image for a look and show how to talk to it."""

from __future__ import annotations

import sys

from drydock.engine.runtime import Run, started
from drydock.gates.smoke import token
from drydock.report import console
from drydock.report.progress import waiting
from drydock.report.tables import key_values
from drydock.workspace import Workspace


def look(workspace: Workspace, target: str, port: int) -> None:
    """Run a target until Ctrl-C, restricted as in production."""
    project = workspace.project
    built = workspace.built(target)
    wanted = Run(
        built.image_id,
        port=project.port,
        host_port=port,
        environment=project.development.environment,
        owner="run",
    )
    with started(workspace.engine, wanted) as running:
        with waiting(f"waiting for {project.ready_path or 'an answer'}") as tell:
            seconds = running.wait_until_ready(project.ready_path, tell=tell)
        bearer = token(running, project)
        header = f" -H 'Authorization: Bearer {bearer}'" if bearer else ""
        shown = {
            "ready": f"in {seconds:.1f} s",
            "url": running.url,
            "docs": f"{running.url}/docs",
            "stop": "Ctrl-C",
        }
        key_values(console(), shown)
        # Outside of the table, which would wrap it: this line is there to be copied.
        sys.stdout.write(f"\ncurl -s{header} {running.url}{project.development.example_path}\n\n")
        sys.stdout.flush()
        try:
            for chunk in running.container.logs(stream=True, follow=True, tail=0):
                sys.stderr.buffer.write(chunk)
                sys.stderr.flush()
        except KeyboardInterrupt:
            running.stop()
            return
        raise running.exited("while it was being looked at")
