"""Lock a project's dependencies with uv: exact versions with hashes."""

import re
import shlex
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from packaging.version import Version

from drydock import command, programs, temporary, toml
from drydock.detect import Dependencies, requirements
from drydock.detect.requirements import LOCKED_FROM
from drydock.detect.tools import LOCKED_BY_UV, Upgrade
from drydock.detect.tree import decode, join
from drydock.recipe import wheels
from drydock.recipe.blueprint import BUILD_HEAD, TEST_LOCK, Blueprint, compared
from drydock.recipe.errors import NotLocked, NotResolved

LOCK = "requirements.lock"
# The output of a command in a part of a lock, which must not overwrite the rest.
STDOUT = "/dev/stdout"
TEST_FILE = re.compile(r"(.*[-_.])?(test|tests|testing|dev|development)([-_.].*)?\.txt")
TEST_GROUP = re.compile(r"test|tests|testing|dev")
# The tests' requirements if the project names none: pytest, and TestClient's HTTP client.
TEST_TOOLS = "pytest\nhttpx\n"
INDEX = re.compile(r"^\s*(?:-i|--index-url|--extra-index-url|-f|--find-links)[ =].*$", re.MULTILINE)
TEST_HEAD = "# What the tests need besides, locked by uv with the versions that ship.\n"
# The build requirements of a project that names none (PEP 517).
DEFAULT_BUILD = ("setuptools>=40.8.0",)
NOTHING = Upgrade()
# uv's exit code where no versions fit together.
NAME = re.compile(r"[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?", re.ASCII)
NO_SOLUTION = 1
# The operating system's number in an error of uv: the declaration is not at fault.
OS_ERROR = re.compile(r"\(os error \d+\)")
STYLE = ("--universal", "--generate-hashes", "--no-header", "--no-annotate", "--quiet")


def is_needed(blueprint: Blueprint) -> bool:
    """Tell whether a lock with hashes is missing, and uv can make one without running the project's code."""
    found = blueprint.dependencies
    if found.by_text:
        return bool(found.requirements)
    return not (found.locked and found.hashed)


def planned(blueprint: Blueprint) -> Blueprint:
    """Return the blueprint as if the dependencies were locked."""
    found = blueprint.dependencies
    path = join(found.folder, LOCK)
    kind = LOCKED_BY_UV.kind
    whole = replace(found, locked=True, hashed=True, export=())
    locked = replace(whole, kind=kind, tool="uv", files=(path, *found.archives), label=path, local=())
    return replace(
        blueprint,
        dependencies=locked,
        declared=compared(found.files) if found.comparable else (),
        test_lock=join(found.folder, TEST_LOCK) if _locks_tests(blueprint) else "",
        server="",
    )


def _locks_tests(blueprint: Blueprint) -> bool:
    """Tell whether the tests get a lock; an installed project must declare their requirements for it."""
    return not blueprint.installed or bool(test_inputs(blueprint.root / blueprint.dependencies.folder))


def fitted(blueprint: Blueprint) -> Blueprint:
    """Return the blueprint with the Python versions that all resolved packages have wheels for."""
    folder, inputs, wanted = _inputs(blueprint)
    pylock = _compile(folder, ["--format=pylock.toml", *inputs], wanted)
    choice = wheels.choose(pylock, (blueprint.python, *blueprint.python_also))
    listed = (requirements.wanted(text, "") for text in blueprint.dependencies.requirements)
    pins = {one.name for one in listed if one and one.pinned}
    lacking = next(iter(choice.values()))
    if blueprint.python_last and any(one.partition(" ")[0] in pins for one in lacking):
        choice = _older(blueprint, choice, len(lacking))
    first, *others = choice
    return replace(blueprint, python=first, python_also=tuple(others))


def _older(blueprint: Blueprint, choice: dict[str, list[str]], lacking: int) -> dict[str, list[str]]:
    """Return the choice of an older Python if more of what is pinned has wheels for it."""
    older = replace(blueprint, python=blueprint.python_last, python_also=())
    folder, inputs, wanted = _inputs(older)
    try:
        pylock = _compile(folder, ["--format=pylock.toml", *inputs], wanted)
    except NotLocked:
        return choice
    found = wheels.choose(pylock, (older.python,))
    return found if len(found[older.python]) < lacking else choice


def resolve(blueprint: Blueprint) -> dict[str, str]:
    """Resolve the dependencies for every supported Python; return the lock files' texts by path."""
    found = blueprint.dependencies
    folder, inputs, wanted = _inputs(blueprint)
    lock = _compile(folder, inputs, wanted)
    # The package index options of a requirements file: the lock needs them too.
    plain = [(blueprint.root / path).read_bytes() for path in found.files if path.endswith(".txt")]
    options = [line for data in plain for line in INDEX.findall(decode(data) or "")]
    indexes = "".join(f"{line.strip()}\n" for line in options)
    tests = ""
    if _locks_tests(blueprint):
        asked = [*_options(blueprint), *test_inputs(folder)]
        try:
            with constrained(lock) as chosen:
                tests = _compile(folder, [*asked, chosen], TEST_TOOLS)
        except NotLocked as error:
            if not is_unsolvable(error):
                raise
            # The newest versions for production do not suit the tests' pins: older ones may suit both.
            both = _compile(folder, [*inputs, *test_inputs(folder)], wanted + TEST_TOOLS)
            with constrained(both) as chosen:
                lock = _compile(folder, [*inputs, chosen], wanted)
                tests = _compile(folder, [*asked, chosen], TEST_TOOLS)
    files = {join(found.folder, LOCK): _head(found, inputs, wanted) + indexes + lock}
    return {**files, join(found.folder, TEST_LOCK): TEST_HEAD + indexes + tests} if tests else files


@contextmanager
def constrained(lock: str) -> Iterator[str]:
    """Yield the option that holds uv to a lock's exact versions; folders and repositories have none."""
    found = re.findall(r"^([A-Za-z0-9][\w.-]*)(?:\[[^]]*\])?(==[^\\\n]*)", lock, re.M)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as versions:
        versions.writelines(f"{name}{version}\n" for name, version in found)
        versions.flush()
        yield f"--constraints={versions.name}"


def build_tools(blueprint: Blueprint) -> str:
    """Resolve the project's ``[build-system]`` requirements.

    Returns:
        The lock's text; empty if a tool comes from a place without hashes.
    """
    folder = blueprint.root / blueprint.source
    required = toml.read(folder / "pyproject.toml").get("build-system", {}).get("requires", DEFAULT_BUILD)
    wanted = "".join(f"{line}\n" for line in required)
    inputs = [_oldest(blueprint)]
    lock = _compile(folder, inputs, wanted) if wanted else ""
    return BUILD_HEAD + again(inputs, wanted, STDOUT) + lock if is_hashed(lock) else ""


def _inputs(blueprint: Blueprint) -> tuple[Path, list[str], str]:
    """Return uv's working folder, its inputs there, and the requirements on its standard input."""
    found = blueprint.dependencies
    files = [] if found.by_text else inputs_of(found)
    wanted = "".join(f"{line}\n" for line in found.requirements if found.by_text)
    wanted += f"{blueprint.server}\n" if blueprint.server else ""
    return blueprint.root / found.folder, [*_options(blueprint), *files], wanted


def _options(blueprint: Blueprint) -> list[str]:
    found = blueprint.dependencies
    return [_oldest(blueprint), *not_itself(blueprint.root / found.folder), *left_out(found.local)]


def _oldest(blueprint: Blueprint) -> str:
    """Return the option to resolve for every supported Python."""
    return f"--python-version={min((blueprint.python, *blueprint.python_also), key=Version)}"


def _head(found: Dependencies, inputs: Sequence[str], wanted: str) -> str:
    """Return the comment that names the lock's source and the command to renew it."""
    declared = found.files[0].rpartition("/")[2]
    return f"{LOCKED_FROM}{declared}:\n{again(inputs, wanted, LOCK)}"


def again(inputs: Sequence[str], wanted: str, lock: str) -> str:
    """Return the line of a lock's comment with the command that makes it."""
    given = f"printf '%s\\n' {shlex.join(wanted.splitlines())} | " if wanted else ""
    words = ["uv", "pip", "compile", *STYLE, *inputs, *(["-"] if wanted else []), "-o", lock]
    return f"#   {given}{shlex.join(words)}\n"


def inputs_of(found: Dependencies) -> list[str]:
    """Return the inputs of uv's install command, which its resolution takes too."""
    return [word for word in found.install[3:] if word not in ("--requirement", "--require-hashes")]


def _compile(folder: Path, inputs: Sequence[str], wanted: str) -> str:
    return compiled(folder, [*STYLE, *inputs], wanted)


def compiled(
    folder: Path,
    words: Sequence[str],
    wanted: str,
    name: str = "",
    before: str = "",
    upgrade: Upgrade = NOTHING,
) -> str:
    """Return the text of a lock that uv resolves.

    Args:
        name: Its file's name.
        before: Its earlier text, whose pins stay.
    """
    args = [programs.uv(), "pip", "compile", *words, *(["-"] if wanted else [])]
    if not before or upgrade.all:
        return run(folder, args, wanted).stdout
    args += [f"--upgrade-package={name}" for name in upgrade.names]
    # uv reads pins from its output file, and takes the format from the file's name.
    with temporary.folder("lock") as place:
        copy = place / name
        copy.write_text(before, encoding="utf-8")
        run(folder, [*args, f"--output-file={copy}"], wanted)
        return copy.read_text(encoding="utf-8")


def run(
    folder: Path, args: Sequence[str], stdin: str = "", settings: Mapping[str, str] = MappingProxyType({})
) -> command.Completed:
    """Run a command that resolves dependencies, with its own variables."""
    try:
        return command.run(args, cwd=folder, stdin=stdin or None, env={**programs.UV_ENVIRONMENT, **settings})
    except command.CommandFailed as error:
        said = (error.completed.stderr.strip() or error.completed.stdout).strip()
        kind = NotResolved if OS_ERROR.search(said) else NotLocked
        raise kind(folder=folder, reason=_first(said), evidence=said) from error


def is_unsolvable(error: NotLocked) -> bool:
    """Tell whether no versions fit together, on one of the supported Pythons at least."""
    failed = error.__cause__
    return isinstance(failed, command.CommandFailed) and failed.completed.code == NO_SOLUTION


def _first(said: str) -> str:
    """Return the line with the error, without its prefix."""
    lines = said.splitlines() or ["no output"]
    return next((line for line in lines if line.startswith("error: ")), lines[-1]).removeprefix("error: ")


def is_hashed(lock: str) -> bool:
    """Tell whether every entry has a hash: a repository's has none, and pip wants all hashes or none."""
    entries = re.findall(r"^[A-Za-z0-9].*(?:\n[ \t].*)*", lock, re.MULTILINE)
    return all("--hash=" in entry for entry in entries)


def left_out(names: Iterable[str]) -> list[str]:
    """Return the options that lock only the requirements of some distributions, not themselves."""
    return [f"--no-emit-package={name}" for name in names]


def not_itself(folder: Path) -> list[str]:
    name = toml.read(folder / "pyproject.toml").get("project", {}).get("name")
    # uv refuses a name that is not a distribution's, which pip never reads beside a requirements file.
    return left_out([name] if isinstance(name, str) and NAME.fullmatch(name) else [])


def test_inputs(folder: Path) -> list[str]:
    """Return the options for the tests' requirements that the project declares."""
    files = sorted(path.relative_to(folder).as_posix() for path in folder.glob("*requirements*.txt"))
    files += sorted(path.relative_to(folder).as_posix() for path in folder.glob("requirements/*.txt"))
    named = [name for name in files if TEST_FILE.fullmatch(name.rpartition("/")[2])][:1]
    groups = toml.read(folder / "pyproject.toml").get("dependency-groups", {})
    return named + [f"--group={name}" for name in groups if TEST_GROUP.fullmatch(name)]
