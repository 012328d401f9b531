"""Checks on an image's configuration."""

import re
from collections.abc import Iterator, Mapping

from drydock.gates.expectations.findings import Finding
from drydock.gates.expectations.model import Health, Metadata
from drydock.image import Config
from drydock.secrets import is_secret, leaks

NANOSECONDS = 1_000_000_000
# A volume over one of these hides or exposes system files (dockle DKL-DI-0002).
SENSITIVE = ("/", "/dev", "/etc", "/proc", "/sys", "/usr", "/var", "/boot", "/root", "/run", "/lib", "/bin")


def check(config: Config, expected: Metadata) -> Iterator[Finding]:
    """Yield a configuration's faults in general, and its deviations from the project's expectations."""
    yield from _user(config, expected)
    yield from _environment(config, expected)
    yield from _start(config, expected)
    yield from _surface(config, expected)
    yield from _labels(config, expected)
    yield from _health(config.healthcheck, expected.health)


def matches(wanted: str, found: str) -> bool:
    """Compare a text with an expected one, which after ``~`` is a regular expression for the whole text."""
    return bool(re.fullmatch(wanted[1:], found)) if wanted.startswith("~") else wanted == found


def _differs(check: str, wanted: object, found: object) -> Iterator[Finding]:
    if wanted is not None and wanted != found:
        yield Finding(check, "image", f"{found!r}, not {wanted!r}")


def _user(config: Config, expected: Metadata) -> Iterator[Finding]:
    user = config.user.split(":")[0]
    if user in ("", "0", "root"):
        yield Finding("user", "image", f"runs as {user or 'root'}")
    elif not user.isdigit():
        # Kubernetes cannot verify runAsNonRoot against a name.
        yield Finding("user", "image", f"{user!r} is a name; a number is needed")
    yield from _differs("user", expected.user, config.user)


def _values(check: str, wanted: Mapping[str, str], found: Mapping[str, str]) -> Iterator[Finding]:
    for name, text in wanted.items():
        if name not in found:
            yield Finding(check, name, f"is not set; {text!r} is expected")
        elif not matches(text, found[name]):
            yield Finding(check, name, f"is {found[name]!r}, not {text!r}")


def _environment(config: Config, expected: Metadata) -> Iterator[Finding]:
    for name, value in config.variables.items():
        if value and (is_secret(name, value) or leaks(value)):
            yield Finding("env-secret", name, "looks like a secret, and is in the image for all to read")
        if name in expected.env_absent:
            yield Finding("env", name, "is set")
    yield from _values("env", expected.env, config.variables)


def _start(config: Config, expected: Metadata) -> Iterator[Finding]:
    start = config.entrypoint or config.cmd
    if not start:
        yield Finding("entrypoint", "image", "has neither ENTRYPOINT nor CMD")
    # `/bin/sh -c` as process 1 does not pass SIGTERM on.
    if start[:1] and start[0].rsplit("/", 1)[-1] in ("sh", "bash", "dash", "ash") and "-c" in start[1:2]:
        yield Finding("shell-form", "image", f"starts through a shell: {' '.join(start)}")
    yield from _differs("entrypoint", expected.entrypoint, config.entrypoint)
    yield from _differs("cmd", expected.cmd, config.cmd)
    yield from _differs("workdir", expected.workdir, config.working_dir)
    yield from _differs("stop-signal", expected.stop_signal, config.stop_signal)
    if config.stop_signal in ("SIGKILL", "9"):
        yield Finding("stop-signal", "image", "SIGKILL gives the application no time to finish its work")


def _surface(config: Config, expected: Metadata) -> Iterator[Finding]:
    for port in config.exposed_ports:
        number = int(port.split("/")[0])
        if number == 22:
            yield Finding("ports", port, "is SSH's: enter a container through the engine")
        elif number < 1024:
            yield Finding("ports", port, "needs a privilege that the container does not have")
    for volume in config.volumes:
        if volume in SENSITIVE:
            yield Finding("sensitive-volume", volume, "is a folder of the system")
    yield from _differs("ports", _sorted(expected.ports), config.exposed_ports)
    yield from _differs("volumes", _sorted(expected.volumes), tuple(sorted(config.volumes)))
    if config.on_build:
        yield Finding("on-build", "image", f"leaves a trigger to images built on it: {config.on_build[0]}")
    if expected.architectures is not None and config.architecture not in expected.architectures:
        text = f"is {config.architecture!r}, none of {expected.architectures}"
        yield Finding("architecture", "image", text)


def _sorted(texts: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return None if texts is None else tuple(sorted(texts))


def _labels(config: Config, expected: Metadata) -> Iterator[Finding]:
    yield from _values("labels", expected.labels, config.labels)
    for key, value in config.labels.items():
        if leaks(value):
            yield Finding("labels", key, "contains something that looks like a secret")


def _health(found: Mapping[str, object], expected: Health) -> Iterator[Finding]:
    test = found.get("Test")
    if not isinstance(test, list) or test[:1] == ["NONE"] or not test:
        yield Finding("healthcheck", "image", "has no HEALTHCHECK")
        return
    if test[0] == "CMD-SHELL":
        yield Finding("healthcheck", "image", f"runs through a shell: {test[-1]}")
    elif expected.test is not None and tuple(test[1:]) != expected.test:
        yield Finding("healthcheck", "image", f"{tuple(test[1:])!r}, not {expected.test!r}")
    for key, most in (("Interval", expected.interval), ("Timeout", expected.timeout)):
        seconds = float(str(found.get(key) or 30 * NANOSECONDS)) / NANOSECONDS
        if seconds > most:
            yield Finding("healthcheck", key.lower(), f"is {seconds:g} s, more than {most} s")
    if (retries := int(str(found.get("Retries") or 3))) > expected.retries:
        yield Finding("healthcheck", "retries", f"are {retries}, more than {expected.retries}")
