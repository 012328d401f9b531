"""Checks on the making of an image: its layers' instructions, and the RUN lines of its Dockerfile."""

import re
from collections.abc import Iterable, Iterator

from drydock.gates.expectations.findings import Finding
from drydock.image import Layer
from drydock.project.dockerfile import instructions
from drydock.secrets import leaks

_UPDATE = re.compile(r"\bapt(?:-get)? (?:-\S+ )*update\b")
_INSTALL = re.compile(r"\bapt(?:-get)? .*\binstall\b")
_UPGRADE = re.compile(r"\bapt(?:-get)? (?:-\S+ )*(?:dist-upgrade|full-upgrade)\b")
# A command of its own, not a word of a path or an option.
_SUDO = re.compile(r"(?:^|[;&|]\s*|\s)sudo\s+[\w/-]")
_PIPED = re.compile(r"\b(?:curl|wget)\b[^;&]*\|\s*(?:\S*/)?(?:sh|bash|python3?)\b")
# Commands that install from an index, and options that verify the packages.
_INSTALLERS = re.compile(r"\b(?:pip3? install|uv pip (?:install|sync)|uv sync|uv build|poetry install)\b")
_VERIFIED = re.compile(r"--require-hashes|--frozen|--locked|--no-index|\bpoetry install\b")


def check_layers(layers: Iterable[Layer]) -> Iterator[Finding]:
    for number, layer in enumerate(layers):
        text = layer.instruction
        subject = text[:60]
        # The lowest layer of a published base is always an ADD of its root file system.
        if number and text.startswith("ADD "):
            yield Finding("add", subject, "ADD fetches and unpacks unseen; COPY does neither")
        yield from _commands(text, subject)
        if leaks(layer.created_by):
            text = "the history contains something that looks like a secret"
            yield Finding("history-secret", subject, text)


def check_dockerfile(text: str) -> Iterator[Finding]:
    """Yield the faults in a Dockerfile's RUN instructions, such as unverified downloads."""
    for one in instructions(text):
        if one.keyword != "RUN":
            continue
        subject = f"line {one.line}"
        script = one.script.replace("\n", " && ")
        instruction = " ".join(f"RUN {one.text} {script}".split())
        yield from _commands(instruction, subject)
        if _PIPED.search(instruction):
            yield Finding("unverified", subject, "runs a download without verifying it")
        for command in re.split(r"&&|\|\||;", instruction):
            if (found := _INSTALLERS.search(command)) and not _VERIFIED.search(command):
                yield Finding("unverified", subject, f"`{found[0]}` checks neither hashes nor a lock file")
        if leaks(instruction):
            yield Finding("history-secret", subject, "contains something that looks like a secret")


def _commands(text: str, subject: str) -> Iterator[Finding]:
    if _UPDATE.search(text) and not _INSTALL.search(text):
        yield Finding("update-alone", subject, "updates the package lists and installs nothing from them")
    if _UPGRADE.search(text):
        yield Finding("upgrade", subject, "upgrades the whole system: build on a newer base instead")
    if _SUDO.search(text):
        yield Finding("sudo", subject, "uses sudo, which a build does not need")
