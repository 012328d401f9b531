"""Make an equivalent of `python:X.Y-slim` from Debian packages, with mmdebstrap.

A Python that no Debian release has is the one that uv manages, in /usr/local on the stable release.
"""

import hashlib
import io
import json
import os
import re
import shutil
import sys
import tarfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from drydock import command, osrelease, programs, temporary
from drydock.base.errors import BaseNotMade, PythonNotFetched
from drydock.engine import Engine, apt
from drydock.errors import Interrupted, NoSpace

KIND_LABEL = "dev.drydock.base.kind"
WANTED = re.compile(
    r"(?:docker\.io/)?(?:library/|local/)?python:(?P<version>3\.\d+)(?:\.\d+)?(?P<variant>-slim\S*)?"
)

# Each Python's Debian release. Testing also has the Python after its own.
TESTING = "forky"
RELEASES = {"3.9": "bullseye", "3.11": "bookworm", "3.13": "trixie", "3.14": TESTING, "3.15": TESTING}
NEXT = "3.15"
# The release below a Python that no release has.
STABLE = "trixie"

# The official slim image has these in addition to Debian's essential packages.
PACKAGES = (
    *("ca-certificates", "netbase", "python-is-python3", "python3", "python3-pip", "python3-venv", "tzdata"),
)

# The official slim image lacks these too. dpkg never unpacks them, in apt's later runs either.
EXCLUDED = (
    "/usr/share/doc/*",
    "/usr/share/info/*",
    "/usr/share/locale/*",
    "/usr/share/man/*",
    # The official image lets pip install into the system.
    "/usr/lib/python3*/EXTERNALLY-MANAGED",
)
INCLUDED = ("/usr/share/doc/*/copyright",)

# These belong to this machine and this minute. Bytecode holds time stamps.
REMOVED = "etc/resolv.conf etc/hostname var/log/* var/cache/ldconfig/* var/cache/debconf/* var/lib/dpkg/*-old"
TIDY = (
    f'cd "$1" && rm -rf {REMOVED} && find usr -name __pycache__ -prune -exec rm -rf {{}} +',
    'chroot "$1" python3 -B -c "import ssl, sqlite3, ctypes, pip"',
)

# Debian's packages of these would bring its own Python too.
NEXT_PACKAGES = ("ca-certificates", "netbase", f"python{NEXT}", f"python{NEXT}-venv", "tzdata")
PIP = """set -- /usr/share/python-wheels/pip-*.whl
python3 "$1/pip" install --quiet --no-index --root-user-action=ignore "$1\""""
NEXT_STEPS = (
    f'ln -s python{NEXT} "$1/usr/bin/python3" && ln -s python3 "$1/usr/bin/python"',
    f"chroot \"$1\" sh -c '{PIP}'",
)

UV_PACKAGES = ("ca-certificates", "netbase", "tzdata")
# `{0}` is the folder into which uv unpacked, and whose name it wrote into some files.
UV_STEPS = (
    'cp --recursive --no-dereference "{0}/." "$1/usr/local/"',
    'grep -rlIF "{0}" "$1/usr/local" | xargs --no-run-if-empty sed --in-place "s|{0}|/usr/local|g"',
    'cd "$1/usr/local" && rm -f BUILD lib/python3.*/EXTERNALLY-MANAGED && ln -sf python3 bin/python',
    'chroot "$1" ldconfig',
)
FETCH = ("python", "install", "--no-config", "--no-bin", "--install-dir")

# The time of files that the installation writes: Debian 13's release.
EPOCH = 1754697600

ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
}
# Docker's names of architectures where Debian's and the kernel's (QEMU's and uv's, too) differ from them.
DEBIAN = {"arm": "armhf", "386": "i386", "ppc64le": "ppc64el"}
UNAME = {"arm64": "aarch64", "amd64": "x86_64", "386": "i386"}
EMULATORS = Path("/proc/sys/fs/binfmt_misc")
NEEDED_BYTES = 1_000_000_000


@dataclass(frozen=True)
class Plan:
    reference: str  # the new image's tag
    wanted: str  # the image that it replaces
    release: str  # the Debian release with the wanted Python
    sources: tuple[str, ...]  # lines for apt's sources.list
    architecture: str  # in Docker's spelling
    packages: tuple[str, ...] = PACKAGES  # in addition to Debian's essential ones
    hooks: tuple[str, ...] = tuple(f"--customize-hook={line}" for line in TIDY)  # options of mmdebstrap
    emulated: bool = False  # whether the architecture is not this machine's
    fetched: str = ""  # uv's name of a Python that Debian lacks
    # Its OCI configuration, without the environment.
    runs: Mapping[str, object] = field(default_factory=lambda: {"Cmd": ["python3"]})


def reference(wanted: str, platform: str = "") -> str:
    """Return the local tag of an image's equivalent, which names a platform that is asked for."""
    name = wanted.removeprefix("docker.io/").removeprefix("library/").removeprefix("local/")
    tagged = f"{name}{'' if ':' in name else ':latest'}-{architecture(platform)}" if platform else name
    return f"local/{tagged}"


def architecture(platform: str) -> str:
    """Return the architecture of a platform, such as ``linux/arm64/v8``."""
    return platform.split("/")[1] if "/" in platform else platform


def is_testing(wanted: str) -> bool:
    """Tell whether an image's equivalent would be of Debian's testing release."""
    match = WANTED.fullmatch(wanted)
    return match is not None and RELEASES.get(match["version"]) == TESTING


def plan(engine: Engine, wanted: str, platform: str = "") -> Plan | str:
    """Return the plan for making an image here, or the reason why that is impossible."""
    match = WANTED.fullmatch(wanted)
    if not match:
        return f"only python:X.Y-slim can be made, not {wanted}"
    version = match["version"]
    made = plan_of(engine, wanted, RELEASES.get(version, STABLE), platform)
    if isinstance(made, str):
        return made
    if version not in RELEASES:
        kind = UNAME.get(made.architecture, made.architecture)
        return replace(made, packages=UV_PACKAGES, fetched=f"cpython-{version}-linux-{kind}")
    if version == NEXT:
        return replace(made, packages=NEXT_PACKAGES, hooks=hooks(*NEXT_STEPS, *TIDY))
    return made


def hooks(*lines: str) -> tuple[str, ...]:
    """Return mmdebstrap's options for shell lines that run when the packages are installed."""
    return tuple(f"--customize-hook={line}" for line in lines)


def plan_of(engine: Engine, wanted: str, release: str, platform: str = "") -> Plan | str:
    """Return the plan for an image of one Debian release, or the reason why it cannot be made here."""
    if sys.platform != "linux" or not osrelease.is_debian_family():
        return "that takes a Debian-family machine"
    if os.geteuid() != 0:
        return "that takes root"
    kind = architecture(platform) or str(engine.version["Arch"])
    emulated = kind != (own := machine())
    if emulated and not (EMULATORS / f"qemu-{UNAME.get(kind, kind)}").exists():
        return (
            f"it would be for {kind}, and this machine, {own}, runs no such programs without qemu-user-static"
        )
    here = osrelease.codename()
    lines = tuple(apt.sources(apt.repositories(), here, release))
    if not lines:
        return "no Debian mirror is configured here"
    if release == TESTING:
        # Testing's lists are good for a week, and a mirror's copy may be older.
        lines = tuple(line.replace("[", "[check-valid-until=no ", 1) for line in lines)
    return Plan(reference(wanted, platform), wanted, release, lines, kind, emulated=emulated)


def machine() -> str:
    """Return this machine's architecture in Docker's spelling."""
    debian = command.run(["dpkg", "--print-architecture"]).stdout.strip()
    return {"armel": "arm", **{theirs: ours for ours, theirs in DEBIAN.items()}}.get(debian, debian)


def arguments(plan: Plan, folder: Path) -> list[str]:
    return [
        "mmdebstrap",
        "--variant=minbase",
        "--format=tar",
        f"--include={','.join(plan.packages)}",
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in EXCLUDED),
        *(f"--dpkgopt=path-include={pattern}" for pattern in INCLUDED),
        '--aptopt=APT::Install-Recommends "false"',
        *plan.hooks,
        # It looks for an emulator where Debian's packages put one, and not for a registered one.
        *(
            (f"--architectures={DEBIAN.get(plan.architecture, plan.architecture)}", "--skip=check/qemu")
            if plan.emulated
            else ()
        ),
        plan.release,
        str(folder / "rootfs.tar"),
        *plan.sources,
    ]


def make(engine: Engine, plan: Plan, say: Callable[[str], None]) -> None:
    """Make the image and load it into the engine."""
    began = time.monotonic()
    lasts = "six minutes, under emulation" if plan.emulated else "half a minute"
    say(f"making {plan.reference} from Debian {plan.release}'s packages (about {lasts})")
    _ensure_mmdebstrap(plan, say)
    try:
        with temporary.folder("base") as folder:
            # mmdebstrap's chroot is made here too, and its _apt user must be able to enter it.
            folder.chmod(0o755)
            if shutil.disk_usage(folder).free < NEEDED_BYTES:
                raise NoSpace(during=f"the making of {plan.reference}")
            if plan.fetched:
                plan = _fetched(plan, folder, say)
            try:
                _bootstrap(plan, folder, say)
            finally:
                _unmount(folder)
            say("  loading it into the engine")
            write_archive(folder / "image.tar", folder / "rootfs.tar", configuration(plan), plan.reference)
            _load(engine, folder / "image.tar", plan)
            # The image's own date never changes; the engine records the time of this tag.
            engine.sdk.images.get(plan.reference).tag(plan.reference)
    except KeyboardInterrupt:
        raise Interrupted(during=f"the making of {plan.reference}") from None
    say(f"made {plan.reference} in {time.monotonic() - began:.0f} s")


def configuration(plan: Plan) -> dict[str, object]:
    """Return the image's configuration: the official image's, with labels that mark it as drydock's."""
    return {
        "architecture": plan.architecture,
        "os": "linux",
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(EPOCH)),
        "config": {
            "Env": [f"{key}={value}" for key, value in ENVIRONMENT.items()],
            **plan.runs,
            "Labels": {
                "dev.drydock.base": "local",
                KIND_LABEL: "made",
                "dev.drydock.base.stands-in-for": plan.wanted,
            },
        },
    }


def write_archive(target: Path, layer: Path, configuration: Mapping[str, object], reference: str) -> str:
    """Write a root file system as an archive for `docker load`, and return the image's id.

    The same files give the same id; `docker import` would stamp the image with the current time.
    """
    with layer.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    complete = {
        **configuration,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        "history": [{"created": configuration["created"], "created_by": "drydock"}],
    }
    config = json.dumps(complete, sort_keys=True).encode()
    image_id = hashlib.sha256(config).hexdigest()
    manifest = [{"Config": f"{image_id}.json", "RepoTags": [reference], "Layers": [f"{digest}.tar"]}]
    with tarfile.open(target, "w") as archive:
        for name, content in ((f"{image_id}.json", config), ("manifest.json", json.dumps(manifest).encode())):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        archive.add(layer, f"{digest}.tar")
    return f"sha256:{image_id}"


def _ensure_mmdebstrap(plan: Plan, say: Callable[[str], None]) -> None:
    if shutil.which("mmdebstrap"):
        return
    say("  installing mmdebstrap")
    quiet = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    try:
        command.run(["apt-get", "-q", "update"], env=quiet)
        command.run(["apt-get", "-q", "install", "--yes", "--no-install-recommends", "mmdebstrap"], env=quiet)
    except command.CommandFailed as error:
        reason = f"mmdebstrap could not be installed: {error}"
        raise BaseNotMade(reference=plan.reference, reason=reason) from error


def _fetched(plan: Plan, folder: Path, say: Callable[[str], None]) -> Plan:
    """Fetch uv's Python, and return the plan that puts it into the image."""
    say(f"  fetching {plan.fetched} with uv")
    # A machine without a network is told so within a second.
    done = command.run(
        [programs.uv(), *FETCH, str(folder / "python"), plan.fetched],
        env={"UV_HTTP_RETRIES": "1"},
        check=False,
    )
    if done.code != 0:
        cause = done.last.strip().removeprefix("cause: ")
        raise PythonNotFetched(f"no Debian release has it, and uv cannot fetch {plan.fetched}: {cause}")
    [found] = (path for path in (folder / "python").glob("cpython-*") if not path.is_symlink())
    return replace(plan, hooks=hooks(*(line.format(found) for line in UV_STEPS), *TIDY))


def _bootstrap(plan: Plan, folder: Path, say: Callable[[str], None]) -> None:
    def show(line: str) -> None:
        if line.startswith("I: ") and line.endswith("..."):
            say(f"  {line.removeprefix('I: ').removesuffix('...')}")

    environment = {"SOURCE_DATE_EPOCH": str(EPOCH), "TMPDIR": str(folder), "LC_ALL": "C.UTF-8"}
    done = command.stream(arguments(plan, folder), command.by_line(show), env=environment)
    if done.code != 0:
        if "No space left on device" in done.stdout:
            raise NoSpace(during=f"the making of {plan.reference}")
        lines = done.stdout.splitlines()
        faults = [line for line in lines if line.startswith(("E: ", "Err:"))] or lines[-1:] or ["no output"]
        raise BaseNotMade(
            reference=plan.reference,
            reason=f"mmdebstrap exited with {done.code}: {faults[0].strip()}",
            evidence="\n".join(lines[-15:]),
        )


def _unmount(folder: Path) -> None:
    """Unmount what a killed mmdebstrap left; under emulation it takes longer than it is waited for."""
    below = f" {folder}/"
    lines = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    for place in [line.split(" ")[1] for line in reversed(lines) if below in line]:
        command.run(["umount", "--lazy", place], check=False)


def _load(engine: Engine, path: Path, plan: Plan) -> None:
    import docker

    before = {str(image.id) for image in engine.sdk.images.list(name=plan.reference)}
    with path.open("rb") as file:
        loaded = engine.sdk.images.load(file)
    for old in before - {image.id for image in loaded}:
        try:
            engine.sdk.images.remove(old, noprune=True)
        except docker.errors.APIError:
            continue  # an image is built on it, or a container runs from it
