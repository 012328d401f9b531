"""Hand the facts about an image to Gordon, Docker's assistant, where it is installed."""

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from drydock import command
from drydock.errors import CommandMissing
from drydock.project import Project
from drydock.verdict import Verdict

TITLE = "A question about the Docker image of a FastAPI backend."
WITHOUT = "Docker AI (Gordon) is not available; sign in to Docker Desktop to use it. Standard Docker is used."


def require() -> None:
    """Raise an error without Docker AI, before any measurement is wasted on it."""
    with suppress(CommandMissing):
        if "docker ai" in command.run(["docker", "ai", "--help"], check=False).stdout.lower():
            return
    raise CommandMissing(program="docker ai", how=WITHOUT)


def prompt(project: Project, question: str, sizes: Mapping[str, str], findings: Sequence[str]) -> str:
    known = "; ".join(f"{name} {size}" for name, size in sizes.items()) or "not measured"
    said = "\n".join(f"- {line}" for line in findings) or "- none"
    dockerfile = project.dockerfile.read_text(encoding="utf-8")
    return (
        f"{TITLE}\n\n{question}\n\nSizes: {known}\n\nFindings:\n{said}\n\n"
        f"Dockerfile:\n```dockerfile\n{dockerfile}```"
    )


def findings(verdicts: Iterable[Verdict]) -> list[str]:
    """Return the gates' verdicts, one line each, with details unless passed."""
    lines = []
    for one in verdicts:
        lines.append(f"{one.gate} {one.outcome.value}: {one.summary}")
        if not one.passed:
            lines += [f"{one.gate}: {detail}" for detail in one.details]
    return lines


def arguments(project: Project, text: str) -> list[str]:
    return ["docker", "ai", "-C", str(project.root), text]


def ask(project: Project, text: str) -> None:
    """Replace this process by Gordon, which is interactive and needs the terminal to itself."""
    chosen = arguments(project, text)
    os.execvp(chosen[0], chosen)  # noqa: S606 - an argument list; Gordon takes over the terminal
