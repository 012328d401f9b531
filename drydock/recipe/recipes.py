"""Render the parts of a Dockerfile that differ between projects: copies and installations."""

import posixpath
from collections.abc import Callable, Iterable, Sequence

from drydock.detect import Dependencies, tools
from drydock.detect.tools import Step
from drydock.detect.tree import common, folder_of, join
from drydock.progress import REMARK
from drydock.recipe.blueprint import Blueprint
from drydock.recipe.contents import is_below

CHECKED = "/tmp/check.txt"  # noqa: S108 - in a stage of the build
DOWNLOAD = "sh /install/download.sh"
# With the bytecode of `tools`: it is of the same files.
PYTHON = "python3 -X pycache_prefix=/drydock/pyc"
# Debian's archive keeps one version of each package, the patched one: pinning it would break the next build.
UNPINNED = "# hadolint ignore=DL3008,SC2046"
INSTALL = "DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends"
INCLUDE = "python3 -c 'import sysconfig as s; print(s.get_path(\"include\"))'"
HEADERS = f'\\\n        $([ -f "$({INCLUDE})/Python.h" ] || echo python3-dev)'
# The build context for locks outside of the project.
RESOLVED = "resolved"
MOUNTS = (
    "--mount=type=bind,from=tools,source=/install,target=/install",
    "--mount=type=cache,id=uv,target=/root/.cache/uv",
    "--mount=type=secret,id=ca --mount=type=secret,id=index --mount=type=secret,id=indexes",
)


def is_whole(blueprint: Blueprint) -> bool:
    """Tell whether the image ships one folder of the project, which can be copied whole."""
    return blueprint.base == blueprint.source


def besides(blueprint: Blueprint) -> list[str]:
    """Return the files that only a build reads, without the tests."""
    found = blueprint.dependencies
    files = [*found.files, *blueprint.declared, *filter(None, [blueprint.test_lock])]
    files += configuration(blueprint)
    files += blueprint.build_files if blueprint.installed else ()
    files += [blueprint.build_lock] if blueprint.build_lock else []
    return sorted(path for path in set(files) if path not in blueprint.resolved)


def configuration(blueprint: Blueprint) -> tuple[str, ...]:
    """Return the files that may configure pytest."""
    names = ("pyproject.toml", "pytest.ini", "tox.ini", "setup.cfg")
    paths = (join(blueprint.source, name) for name in names)
    return tuple(path for path in paths if (blueprint.root / path).is_file())


def unshipped(blueprint: Blueprint) -> list[str]:
    """Return the places of the context's files that a copy of the whole folder must not leave there."""
    names = [path for path in (*besides(blueprint), *blueprint.tests) if is_below(path, blueprint.base)]
    left = [path for path in names if not any(is_below(path, kept) for kept in blueprint.entries)]
    return sorted(f"/rootfs/app/{posixpath.relpath(path, blueprint.base)}" for path in left)


def check(blueprint: Blueprint, into: str) -> str:
    """Return the step that checks the installed packages' requirements.

    Only pip refuses packages that contradict each other; the other tools install their lock as it is. Where
    drydock adds to the lock, or takes another release of Python, the contradiction may be its own.
    """
    found = blueprint.dependencies
    checks = f"uv pip check {into}"
    if not tools.of(found).lock or blueprint.server or blueprint.python_release:
        return checks
    told = f"{REMARK}{found.label} contradicts a package in it: "
    said = f'sed "s|^The package |{told}|" {CHECKED}'
    return f"{checks} > {CHECKED} 2>&1 || {{ code=$?; {said}; [ $code = 1 ]; }}"


def words(blueprint: Blueprint) -> Step:
    """Return the words of the steps that install the dependencies."""
    found = blueprint.dependencies
    # An export's markers are evaluated for the lock's patch release.
    exported = tools.of(found).exports and blueprint.python_release
    release = f" --python-version={blueprint.python_release}" if exported else ""
    # Packages without a hash are refused if all have one.
    hashes = " --require-hashes" if found.hashed and not found.unhashed else ""
    return Step(locked(found, found.folder), locked(found, found.files[0]), DOWNLOAD, release, hashes)


def locked(found: Dependencies, path: str) -> str:
    """Return the place of a file of the declaration in the build."""
    return join("/locks", posixpath.relpath(path, lock_root(found)))


def lock_root(found: Dependencies) -> str:
    """Return the folder that becomes /locks: the deepest one with all files of the declaration."""
    return common([found.folder, *(folder_of(path) for path in found.files)])


def written(blueprint: Blueprint) -> str:
    """Return the folders that the application writes beside its code, in the tree that is divided."""
    return " ".join(f"/rootfs{folder}" for folder in (*blueprint.storage.folders, *blueprint.storage.opened))


def divide(blueprint: Blueprint, removed: Sequence[str]) -> str:
    """Return the step that removes paths, makes the folders that are written, and divides the tree."""
    commands = [f"rm -rf {' '.join(removed)}"] if removed else []
    if folders := written(blueprint):
        links = [f"ln -s {target} /rootfs{link}" for link, target in blueprint.storage.links.items()]
        commands.append(" && ".join([f"mkdir -p {folders}", *links, f'chown "${{UID}}:0" {folders}']))
    commands.append(f"{PYTHON} -m divide /rootfs /layers")
    return "RUN --network=none " + " && \\\n    ".join(commands)


def build_lock(blueprint: Blueprint) -> list[str]:
    """Return the mount of the lock of the build's tools."""
    lock = blueprint.build_lock
    origin = f"from={RESOLVED}," if lock in blueprint.resolved else ""
    return [f"--mount=type=bind,{origin}source={lock},target=/build.lock"] if lock else []


def apt(blueprint: Blueprint, packages: Sequence[str], computed: str = "") -> str:
    """Return the step that installs Debian packages."""
    names = [name for name in dict.fromkeys(packages) if name not in blueprint.system_doubtful]
    if doubtful := [name for name in dict.fromkeys(packages) if name in blueprint.system_doubtful]:
        # They were named for another Debian release: this one may lack some of these names.
        wanted = " ".join(f"-e {name}" for name in doubtful)
        names.append(f"\\\n        $(apt-cache pkgnames | grep -Fx {wanted})")
    install = " ".join([INSTALL, *names, *([computed] if computed else [])])
    return f"{UNPINNED}\nRUN apt-get update && {install} \\\n    && rm -rf /var/lib/apt/lists/*"


def run(*mounts: str, caller: Callable[[], str]) -> str:
    """Return one RUN of a block of the template that has a command on each line."""
    mounted = " ".join([*mounts[:1], *MOUNTS, *mounts[1:]])
    return "; \\\n    ".join([f"RUN {mounted} set -eu", *caller().splitlines()]) + "\n"


def copies(blueprint: Blueprint, paths: Iterable[str], base: str, target: str) -> str:
    """Return COPY instructions that keep each path's position below `base`."""
    files: dict[tuple[str, str], list[str]] = {}
    folders = []
    for path in dict.fromkeys(paths):
        relative = posixpath.relpath(path, base)
        if (blueprint.root / path).is_dir():
            folders.append(f"COPY {path} {join(target, relative)}")
        else:
            origin = f"--from={RESOLVED} " if path in blueprint.resolved else ""
            files.setdefault((origin, posixpath.dirname(relative)), []).append(path)
    lines = [
        f"COPY {origin}{' '.join(names)} {posixpath.join(target, parent).rstrip('/')}/"
        for (origin, parent), names in files.items()
    ]
    return "\n".join([*lines, *folders])
