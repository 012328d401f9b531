"""Render the parts of a Dockerfile that differ between projects: copies and installations."""

import posixpath
import shlex
from collections.abc import Iterable, Sequence

from drydock.detect import Dependencies, tools
from drydock.detect.tools import Step
from drydock.detect.tree import common, folder_of, join
from drydock.progress import REMARK
from drydock.recipe.blueprint import BUILD_HEAD, Blueprint
from drydock.recipe.contents import is_below

WHEEL = "/tmp/wheel"  # noqa: S108 - in a stage of the build
BUILD_PINS = "/tmp/build.lock"  # noqa: S108 - as above
CHECKED = "/tmp/check.txt"  # noqa: S108 - as above
BUILD_MARK = BUILD_HEAD.partition(",")[0]
DOWNLOAD = "sh /install/download.sh"
WITHOUT_SETUPTOOLS = 12  # the first minor version of Python whose environments have none
# Debian's archive keeps one version of each package, the patched one: pinning it would break the next build.
UNPINNED = "# hadolint ignore=DL3008,SC2046"
INSTALL = "DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends"
INCLUDE = "python3 -c 'import sysconfig as s; print(s.get_path(\"include\"))'"
HEADERS = f'\\\n        $([ -f "$({INCLUDE})/Python.h" ] || echo python3-dev)'
# The build context for locks outside of the project.
RESOLVED = "resolved"
# Lets a step read a file of the build context at the same path below the root.
BIND = "--mount=type=bind,source={0},target=/{0}"
MOUNTS = (
    "--mount=type=cache,id=uv,target=/root/.cache/uv",
    "--mount=type=secret,id=ca --mount=type=secret,id=index --mount=type=secret,id=indexes",
)


def locks(blueprint: Blueprint) -> str:
    """Return the copies of all files that the dependencies' installation reads."""
    dependencies = blueprint.dependencies
    files = [*dependencies.files, *blueprint.declared]
    return _copies(blueprint, files, _lock_root(dependencies), "/")


def build_packages(blueprint: Blueprint) -> str:
    """Return the step that installs system packages for the build; empty for none."""
    packages = [*blueprint.system_build, *blueprint.system_run]
    return apt(blueprint, packages, HEADERS if blueprint.system_build else "") if packages else ""


def dependencies(blueprint: Blueprint) -> str:
    """Return the step that installs the dependencies."""
    found = blueprint.dependencies
    # Some tools write beside their inputs; the build discards those files.
    writable = ",rw" if tools.of(found).exports or not found.locked else ""
    return _run([f"--mount=type=bind,from=locks,target=/locks{writable}", *MOUNTS], _install(blueprint))


def copies(blueprint: Blueprint) -> str:
    """Return the copies of the files and folders to ship, each by its name."""
    return _copies(blueprint, blueprint.entries, blueprint.base, "/rootfs/app")


def is_whole(blueprint: Blueprint) -> bool:
    """Tell whether the image ships one folder of the project, which can be copied whole."""
    return blueprint.base == blueprint.source


def besides(blueprint: Blueprint) -> list[str]:
    """Return the files that only a build reads, without the tests."""
    found = blueprint.dependencies
    files = [*found.files, *blueprint.declared, *filter(None, [blueprint.test_lock])]
    files += [path for path in _configuration(blueprint) if (blueprint.root / path).is_file()]
    files += blueprint.build_files if blueprint.installed else ()
    files += [blueprint.build_lock] if blueprint.build_lock else []
    return sorted(path for path in set(files) if path not in blueprint.resolved)


def _configuration(blueprint: Blueprint) -> list[str]:
    names = ("pyproject.toml", "pytest.ini", "tox.ini", "setup.cfg")
    return [join(blueprint.source, name) for name in names]


def unshipped(blueprint: Blueprint) -> list[str]:
    """Return the places of the context's files that a copy of the whole folder must not leave there."""
    names = [path for path in (*besides(blueprint), *blueprint.tests) if is_below(path, blueprint.base)]
    left = [path for path in names if not any(is_below(path, kept) for kept in blueprint.entries)]
    return sorted(f"/rootfs/app/{posixpath.relpath(path, blueprint.base)}" for path in left)


def test_dependencies(blueprint: Blueprint) -> str:
    """Return the steps that install the tests' requirements which the image lacks."""
    found = blueprint.dependencies
    lock = "/locks/requirements-test.lock"
    files = [*found.files, *([blueprint.test_lock] if blueprint.test_lock else [])]
    steps = []
    if everything := tools.of(found).test_requirements(found, _step(blueprint), lock):
        steps.append(everything)
    install = f"{DOWNLOAD} uv pip install --python=/opt/venv --target=/opt/test --no-deps"
    if steps or blueprint.test_lock:
        steps += [
            f"python3 /install/difference.py {lock} /opt/venv > /locks/rest.txt",
            f"{install}{_release(blueprint)}{_hashes(found)} --requirement=/locks/rest.txt",
        ]
    if not blueprint.test_lock:
        # Development groups may not name pytest; shipped versions of its dependencies are used.
        steps += [
            "python3 /install/difference.py /install/pytest.txt /opt/venv --any-version > /locks/pytest.txt",
            f"[ -d /opt/test/pytest ] || {install} --require-hashes --requirement=/locks/pytest.txt",
        ]
    copies = _copies(blueprint, files, _lock_root(found), "/locks")
    return f"{copies}\n{_run(MOUNTS, steps)}"


def tests(blueprint: Blueprint) -> str:
    """Return the copies of the tests and of pytest's configuration; empty for none."""
    files = [name for name in _configuration(blueprint) if (blueprint.root / name).is_file()]
    return _copies(blueprint, [*files, *blueprint.tests], blueprint.base, "/app")


def _install(blueprint: Blueprint) -> list[str]:
    found = blueprint.dependencies
    step = _step(blueprint)
    into = step.into
    steps = tools.of(found).steps(found, step)
    if found.locked and blueprint.server == "uvicorn":
        # From drydock's own lock, as no requirement names another; the server uses the installed versions.
        steps += [
            "python3 /install/difference.py /install/uvicorn.txt /opt/venv --any-version > /tmp/server.txt",
            f"{DOWNLOAD} uv pip install {into} --no-deps --require-hashes --requirement=/tmp/server.txt",
        ]
    elif blueprint.server:
        steps.append(f"{DOWNLOAD} uv pip install {into} '{blueprint.server}'")
    if int(blueprint.python.partition(".")[2]) < WITHOUT_SETUPTOOLS:
        own = blueprint.resources
        asked = f"/install/setuptools.txt /opt/venv {shlex.quote(own) if own else ''}".rstrip()
        steps += [
            f"python3 /install/undeclared.py {asked} > /tmp/undeclared.txt",
            f"{DOWNLOAD} uv pip install {into} --no-deps --require-hashes --requirement=/tmp/undeclared.txt",
        ]
    if blueprint.declared:
        name = posixpath.relpath(blueprint.declared[0], _lock_root(found))
        # Nothing may be downloaded here: a requirement that the lock lacks is an error.
        steps.append(f"uv pip install {into} --quiet --no-index --requirement=/locks/{name}")
    if found.locked:
        steps.append(_check(blueprint, into))
    return steps


def _check(blueprint: Blueprint, into: str) -> str:
    """Return the step that checks the installed packages' requirements.

    Only pip refuses packages that contradict each other; the other tools install their lock as it is. Where
    drydock adds to the lock, or takes another release of Python, the contradiction may be its own.
    """
    found = blueprint.dependencies
    check = f"uv pip check {into}"
    if not tools.of(found).lock or blueprint.server or blueprint.python_release:
        return check
    told = f"{REMARK}{found.label} contradicts a package in it: "
    said = f'sed "s|^The package |{told}|" {CHECKED}'
    return f"{check} > {CHECKED} 2>&1 || {{ code=$?; {said}; [ $code = 1 ]; }}"


def _step(blueprint: Blueprint) -> Step:
    """Return the words of the steps that install the dependencies."""
    found = blueprint.dependencies
    root = _lock_root(found)
    folder, file = (join("/locks", posixpath.relpath(path, root)) for path in (found.folder, found.files[0]))
    return Step(folder, file, DOWNLOAD, _release(blueprint), _hashes(found))


def _release(blueprint: Blueprint) -> str:
    """Return the option that evaluates an export's markers for the lock's patch release."""
    release = blueprint.python_release if tools.of(blueprint.dependencies).exports else ""
    return f" --python-version={release}" if release else ""


def _hashes(found: Dependencies) -> str:
    """Return the option that refuses packages without a hash, if all have one."""
    return " --require-hashes" if found.hashed and not found.unhashed else ""


def _lock_root(found: Dependencies) -> str:
    """Return the folder that becomes /locks: the deepest one with all files of the declaration."""
    return common([found.folder, *(folder_of(path) for path in found.files)])


def installation(blueprint: Blueprint) -> str:
    """Return the step that installs the project itself."""
    mounts = [f"--mount=type=bind,source={blueprint.source},target=/project,rw", *MOUNTS]
    # In place: paths beside the modules stay valid, and the build adds its generated files.
    target = f"/rootfs{blueprint.import_path[0]}"
    variables = "".join(f"{name}=$APP_VERSION " for name in blueprint.version_variables)
    install = f"uv pip install --python=/opt/venv --no-deps --target={target}"
    leftovers = [f"{target}/bin", f"{target}/.lock"]
    if lock := blueprint.build_lock:
        origin = f"from={RESOLVED},source=" if lock in blueprint.resolved else "source="
        mounts.append(BIND.format(lock).replace("source=", origin))
        # The tests' lock names them in its last part.
        pins, steps = f"/{lock}", []
        if lock == blueprint.test_lock:
            pins, steps = BUILD_PINS, [f"sed -n '/^{BUILD_MARK}/,$p' /{lock} > {BUILD_PINS}"]
        steps += [
            f"{variables}{DOWNLOAD} uv build --wheel --python=/opt/venv --require-hashes"
            f" --build-constraints={pins} --out-dir={WHEEL} /project",
            f"{install} --no-index {WHEEL}/*.whl",
        ]
        leftovers.append(WHEEL)
    else:
        steps = [f"{variables}{DOWNLOAD} {install} /project"]
    return _run(mounts, [*steps, f"rm -rf {' '.join(leftovers)}"])


def apt(blueprint: Blueprint, packages: Sequence[str], computed: str = "") -> str:
    """Return the step that installs Debian packages."""
    names = [name for name in dict.fromkeys(packages) if name not in blueprint.system_doubtful]
    if doubtful := [name for name in dict.fromkeys(packages) if name in blueprint.system_doubtful]:
        # They were named for another Debian release: this one may lack some of these names.
        wanted = " ".join(f"-e {name}" for name in doubtful)
        names.append(f"\\\n        $(apt-cache pkgnames | grep -Fx {wanted})")
    install = " ".join([INSTALL, *names, *([computed] if computed else [])])
    return f"{UNPINNED}\nRUN apt-get update && {install} \\\n    && rm -rf /var/lib/apt/lists/*"


def _run(mounts: Iterable[str], steps: Sequence[str]) -> str:
    return "; \\\n    ".join([f"RUN {' '.join(mounts)} set -eu", *steps])


def _copies(blueprint: Blueprint, paths: Iterable[str], base: str, target: str) -> str:
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
