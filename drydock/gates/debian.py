"""Ask Debian's own archive which of an image's packages have a security update.

A private apt root holds the image's package records and its release's lists; this machine's own lists are
neither used nor changed. A fault that Debian has not fixed yet is not found: it has no newer version.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from drydock import command, osrelease, temporary
from drydock.engine import apt
from drydock.errors import CommandMissing
from drydock.gates.expectations.findings import CouldNotAskError, Finding, Report
from drydock.image.components import Component, Components
from drydock.progress import Say

SOURCE = "Debian packages"
# A pending update names no vulnerability.
CHECK = "debian-security"
APT_SECONDS = 300.0
SECURITY = "-security"
_PACKAGE = re.compile(r"^(\S+):$", re.MULTILINE)
_VERSION = re.compile(r"^ (\*\*\*|   ) (\S+) -?\d+$")
_ORIGIN = re.compile(r"^ +-?\d+ (\S+)(?: (\S+))?")


def audit(components: Components, oldest: int, now: datetime, say: Say) -> Report:
    """Ask Debian's archive about every Debian package."""
    release = components.release
    codename = release.get("VERSION_CODENAME", "")
    fault = ""
    if release.get("ID") != "debian":
        name = release.get("PRETTY_NAME") or release.get("ID") or "without os-release"
        fault = f"the image is {name}, not Debian: its packages cannot be looked up"
    elif not codename:
        fault = "the image's os-release names no Debian release"
    elif not components.debian:
        fault = "the image is Debian and lists no Debian package"
    if fault:
        return Report(SOURCE, faults=(fault,))
    try:
        sources = source_lines(mirrors(), osrelease.codename(), codename)
        say(f"asking Debian's archive about {len(components.debian)} packages of {codename}")
        with temporary.folder("apt") as folder:
            policy = ask(folder, sources, components.debian, oldest, now)
            signed = signed_on(folder / "lists")
    except CouldNotAskError as error:
        return Report(SOURCE, faults=(f"Debian's archive could not be asked: {error}",))
    return replace(judge(components.debian, policy), facts={"debian_security_of": signed.isoformat()})


def mirrors() -> list[apt.Repository]:
    try:
        return apt.repositories()
    except (CommandMissing, command.CommandFailed) as error:
        raise CouldNotAskError(f"this machine has no apt that works ({error})") from error


def source_lines(known: Sequence[apt.Repository], host: str, codename: str) -> list[str]:
    """Return the apt sources of a release, from the mirrors that this machine uses."""
    lines = apt.sources(known, host, codename)
    if not any(line.split()[-2].endswith(SECURITY) for line in lines):
        raise CouldNotAskError("this machine's apt is configured with no mirror of Debian's security updates")
    return lines


def ask(
    folder: Path, sources: Sequence[str], packages: Sequence[Component], oldest: int, now: datetime
) -> str:
    """Fetch the lists of a release and return apt's policy for the packages."""
    names = [f"{one.name}:{one.architecture}" if one.architecture != "all" else one.name for one in packages]
    options = private_root(folder, sources, packages)
    check_age(folder / "lists", oldest, now)
    return apt_answer("apt-cache", *options, "policy", *names)


def apt_answer(*args: str) -> str:
    try:
        return command.run(args, env={"LC_ALL": "C"}, timeout=APT_SECONDS).stdout
    except command.CommandFailed as error:
        faults = [line for line in error.completed.stderr.splitlines() if line.startswith(("E:", "W:"))]
        raise CouldNotAskError("; ".join(faults[:2]) or str(error)) from error


def private_root(folder: Path, sources: Sequence[str], packages: Sequence[Component]) -> list[str]:
    """Write an apt root with a system's package records, fetch its lists, and return its options."""
    machines = Counter(one.architecture for one in packages if one.architecture not in ("", "all"))
    main = machines.most_common(1)[0][0] if machines else "amd64"
    settings = {
        "APT::Architecture": main,
        "APT::Architectures::": main,
        # Translations are of no use here.
        "Acquire::Languages": "none",
    }
    options = apt.root(folder, sources, "".join(map(_paragraph, packages)), settings)
    # Without --error-on, apt carries on with older lists when a mirror does not answer.
    apt_answer("apt-get", "-q", *options, *apt.LISTS_ALONE, "--error-on=any", "update")
    return options


def _paragraph(one: Component) -> str:
    return (
        f"Package: {one.name}\nStatus: install ok installed\nVersion: {one.version}\n"
        f"Architecture: {one.architecture or 'all'}\nMaintainer: none\nDescription: none\n\n"
    )


def check_age(lists: Path, oldest: int, now: datetime) -> None:
    """Check that the security suite's signature is at most `oldest` days old; apt has verified it."""
    signed = signed_on(lists)
    if (age := now - signed).days > oldest:
        when = f"{age.days} days ago, more than {oldest}: {signed:%a, %d %b %Y}"
        raise CouldNotAskError(f"the security suite was signed {when}")


def signed_on(lists: Path) -> datetime:
    """Return the signing date of the oldest list of security updates."""
    found = [path for path in sorted(lists.glob("*_InRelease")) if SECURITY in path.name]
    if not found:
        raise CouldNotAskError("apt fetched no list of security updates")
    dates = []
    for path in found:
        match = re.search(r"^Date: (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        if match is None:
            raise CouldNotAskError(f"{path.name} has no date")
        dates.append(parsedate_to_datetime(match[1]))
    return min(dates)


def judge(packages: Sequence[Component], policy: str) -> Report:
    """Decide from apt's policy, which lists each package's versions with their suites, the newest first."""
    known = dict(read_policy(policy))
    faults: list[str] = []
    findings: list[Finding] = []
    for package in packages:
        newer = known.get(package.name)
        if newer is None:
            faults.append(f"no suite of the release has a package {package.label}: it was not checked")
        elif newer:
            text = f"{package.label} has the security update {newer[0]}: build on a newer base"
            findings.append(Finding(CHECK, package.name, text, fixed_in=newer[0]))
    return Report(SOURCE, len(packages), tuple(findings), tuple(faults))


def read_policy(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each package of a suite with its newer security versions, from `apt-cache policy` in locale C."""
    parts = _PACKAGE.split(text)[1:]
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        newer: list[str] = []
        above, listed, version = True, False, ""
        installed = re.search(r"^ +Installed: (\S+)$", body, re.MULTILINE)
        for line in body.partition("Version table:")[2].splitlines():
            if match := _VERSION.match(line):
                version = match[2]
                above = above and match[1] != "***"
            elif (origin := _ORIGIN.match(line)) and origin[2]:
                # The component follows, as in trixie-security/main; the image's own records have no suite.
                listed = True
                secure = origin[2].split("/")[0].endswith(SECURITY)
                # Listed twice where the image's record of the version is shorter than the archive's.
                same = installed is not None and version == installed[1]
                if above and secure and not same and version not in newer:
                    newer.append(version)
        if listed:
            yield name.split(":")[0], tuple(newer)
