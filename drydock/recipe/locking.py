"""Make or renew all locks of a project at once; a pin moves only if the declaration or a person asks."""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from drydock import detect, programs, project, recipe
from drydock.detect import Findings
from drydock.detect.requirements import LOCKED_FROM
from drydock.detect.sources import declares
from drydock.detect.tools import LOCKING, Tool, Upgrade
from drydock.detect.tree import Tree, join
from drydock.nearest import suggestion
from drydock.progress import Patience, Say, silent, unseen
from drydock.project.lock import pins, requirements_pins
from drydock.recipe import markers, resolution, resolve, writing
from drydock.recipe.blueprint import BUILD_HEAD, BUILD_LOCK, MAINTAINED, TEST_LOCK, missing_server
from drydock.recipe.errors import NotInLock, NotLocked
from drydock.recipe.resolve import LOCK, NOTHING, STDOUT, STYLE
from drydock.recipe.writing import Change
from drydock.toml import table

PYLOCK = "pylock.toml"
# Comments at the top of a lock, and its lines about package indexes.
HEAD = re.compile(r"\A(?:[#-].*\n|[ \t]*\n)*")
COMMAND = re.compile(
    r"^#\s+(?:printf '%s\\n' (?P<wanted>.*) \| )?(?:uv pip compile|pip-compile) (?P<words>.*)$", re.M
)
OUTPUT = ("-o", "--output-file")


@dataclass(frozen=True)
class Renewed:
    """A lock file with its earlier versions (None for a new file) and its present ones."""

    path: str
    old: Mapping[str, str] | None
    new: Mapping[str, str]
    changed: bool


@dataclass(frozen=True)
class Origin:
    """The source of a lock."""

    words: tuple[str, ...]  # for `uv pip compile`
    wanted: str = ""  # requirements on its standard input


def lock(
    folder: Path, upgrade: Upgrade = NOTHING, say: Say = silent, patience: Patience = unseen
) -> tuple[Renewed, ...]:
    """Make or renew all locks of a project, or change none of them."""
    found = detect.detect(folder, project.configured(folder))
    root = found.root
    place = _place(found)
    top = root / place
    tree = Tree(top)
    named = [tool for tool in LOCKING if tool.locking(tree, upgrade) is not None]
    used = [tool for tool in named if (top / tool.lock).is_file()]
    plain = _requirements(top)
    if not used and not plain:
        used = [tool for tool in named if tool.governs(tree)][:1]
    upgrade = Upgrade(upgrade.all, tuple(str(canonicalize_name(name)) for name in upgrade.names))
    _check(root, place, used, plain, upgrade)
    texts: dict[str, str] = {}
    with patience("asking the package index"):
        if plain:
            texts |= _renewed(found, place, plain, upgrade)
        elif not used:
            texts |= _made(found)
        if place != "." and (root / LOCK).is_file() and "dependencies" in project.metadata(root):
            groups = table(Tree(root).toml("pyproject.toml"), "dependency-groups")
            # The lock above an application's folder has all developers' requirements.
            inputs = ("pyproject.toml", *(f"--group={name}" for name in groups))
            python = f"--python-version={_oldest_python(root, found)}"
            old = _read(root / LOCK) or ""
            texts[LOCK] = _compiled(root, LOCK, old, Origin((*STYLE, python, *inputs)), upgrade)
        if (build := _read(root / BUILD_LOCK)) is not None:
            texts[BUILD_LOCK] = _build_lock(top, build, upgrade)
        paths = [*texts, *(join(place, tool.lock) for tool in used)]
        before = {path: _read(root / path) for path in paths}
        with _kept(root, before):
            for tool in used:
                _run(tool, top, upgrade, say)
            writing.write_down(root, writing.changes(root, texts))
        after = {path: _read(root / path) for path in paths}
    return tuple(
        Renewed(path, held(path, text), held(path, after[path]) or {}, text != after[path])
        for path, text in before.items()
    )


def _place(found: Findings) -> str:
    """Return the folder of the locks: the declaration's, or without one the configured source."""
    if found.dependencies:
        return found.dependencies.value.folder
    return str(project.table(found.root).get("source", "."))


def _requirements(top: Path) -> list[str]:
    """Return the locks that `uv pip compile` writes, the application's first."""
    found = [name for name in (LOCK, PYLOCK) if (top / name).is_file()]
    plain = top / "requirements.txt"
    if not found and plain.is_file() and _said(_head(_read(plain) or "")):
        found = [plain.name]
    return found


def _made(found: Findings) -> Mapping[str, str]:
    """Lock a project that has no lock, with the versions of its earlier builds."""
    options = project.configured(found.root)
    blueprint = recipe.plan(recipe.decided(found.root, options))
    if not resolve.is_needed(blueprint):
        reason = f"{blueprint.lock} contains exact versions, but does not name their source"
        raise NotLocked(folder=found.root, reason=reason)
    return resolution.find(blueprint, unseen, fit="python" not in options).files


def _renewed(found: Findings, place: str, names: Sequence[str], upgrade: Upgrade) -> dict[str, str]:
    """Return the new texts of the application's locks and of the tests' lock beside them."""
    top = found.root / place
    texts = {}
    for name in names:
        origin = _origin(found, place, name)
        texts[join(place, name)] = _compiled(top, name, _read(top / name) or "", origin, upgrade)
    if PYLOCK in names:
        return texts
    name = names[0]
    old = _read(top / TEST_LOCK)
    if old is None and (found.root / BUILD_LOCK).is_file() and not resolve.test_inputs(top):
        return texts
    tested, mark, build = (old or "").partition(BUILD_HEAD)
    own = _said(_head(tested))
    shared = [word for word in origin.words if word.startswith(("--python-version", "--no-emit-package"))]
    with resolve.constrained(texts[join(place, name)]) as chosen:
        if own:
            tests = Origin((*own.words, chosen), own.wanted)
        elif old is None or old.startswith(resolve.TEST_HEAD):
            tests = Origin((*STYLE, *shared, chosen, *resolve.test_inputs(top)), resolve.TEST_TOOLS)
        else:  # the application's requirements together with the tests'
            tests = Origin((*origin.words, chosen, *resolve.test_inputs(top)), origin.wanted)
        text = _compiled(top, TEST_LOCK, tested, tests, upgrade)
    if old is None:
        indexes = re.findall(r"^-.*\n", _head(texts[join(place, name)]), re.M)
        text = "".join([resolve.TEST_HEAD, *indexes, text])
    if mark:
        text += _build_lock(top, mark + build, upgrade)
    return {**texts, join(place, TEST_LOCK): text}


def _compiled(top: Path, path: str, old: str, origin: Origin, upgrade: Upgrade) -> str:
    """Return a lock's new text, with its old head and with old markers that are equivalent."""
    text = resolve.compiled(top, origin.words, origin.wanted, path, old, upgrade)
    return _with_command(_head(old), origin, path) + markers.kept(old, text)


def _with_command(head: str, origin: Origin, path: str) -> str:
    """Update the requirements in a head's command: those of setup.py and setup.cfg are part of it."""
    said = _said(head)
    if not said or (said.wanted == origin.wanted and {*said.words} == {*origin.words}):
        return head
    inputs = [word for word in origin.words if word not in STYLE]
    command = resolve.again(inputs, origin.wanted, STDOUT if f" -o {STDOUT}\n" in head else path)
    return re.sub(rf"{COMMAND.pattern}\n", lambda _: command, head, count=1, flags=re.M)


def _head(text: str) -> str:
    found = HEAD.match(text)
    return found.group() if found else ""


def _said(head: str) -> Origin | None:
    """Return the origin in a lock's head, None without one."""
    if not (found := COMMAND.search(head)):
        return None
    words = iter(shlex.split(found["words"]))
    kept = []
    for word in words:
        if word in OUTPUT:
            next(words, None)
        elif word != "-" and not word.startswith(tuple(f"{option}=" for option in OUTPUT)):
            kept.append(word)
    kept += [word for word in ("--no-header", "--quiet") if word not in kept]
    return Origin(tuple(kept), "".join(f"{line}\n" for line in shlex.split(found["wanted"] or "")))


def _origin(found: Findings, place: str, name: str) -> Origin:
    """Return a lock's origin: from its head, else the declaration beside it."""
    top = found.root / place
    head = _head(_read(top / name) or "")
    said = _said(head)
    if said and any((top / word).is_file() or word.startswith("--group") for word in said.words):
        return _without_folders(found, place, said)
    of_head = re.search(rf"^{LOCKED_FROM}(\S+):$", head, re.M)
    declaration = of_head[1] if of_head else _declaration(top, name)
    again = detect.detect(found.root, project.configured(found.root) | {"lock": join(place, declaration)})
    if said:
        words = said.words
    else:
        form = ["--format=pylock.toml"] if name == PYLOCK else []
        python = f"--python-version={_oldest_python(top, found)}"
        words = (*STYLE, python, *resolve.not_itself(top), *form)
    if again.dependencies:
        words = tuple(dict.fromkeys((*words, *resolve.left_out(again.dependencies.value.local))))
    if again.dependencies is None:
        return Origin((*words, declaration))
    asked = again.dependencies.value
    if not asked.by_text:
        return Origin((*words, *resolve.inputs_of(asked)))
    server = missing_server(again) if said else ""
    return Origin(words, "".join(f"{line}\n" for line in (*asked.requirements, server) if line))


def _without_folders(found: Findings, place: str, said: Origin) -> Origin:
    """Return a lock's origin without the folders that its pyproject.toml has come to install since."""
    if "pyproject.toml" not in said.words:
        return said
    folders = (name for source in declares(Tree(found.root), place) for name in source.folders)
    new = (option for option in resolve.left_out(dict.fromkeys(folders)) if option not in said.words)
    return Origin((*said.words, *new), said.wanted)


def _declaration(top: Path, lock: str) -> str:
    """Return the name of the file that a lock without a head was resolved from."""
    manifest = project.metadata(top)
    names = ["requirements.in", "requirements.txt", "pyproject.toml", "setup.py", "setup.cfg"]
    if "dependencies" in manifest:
        names.insert(0, "pyproject.toml")
    if found := next((name for name in names if name != lock and (top / name).is_file()), ""):
        return found
    raise NotLocked(folder=top, reason=f"no file beside {lock} declares them")


def _oldest_python(top: Path, found: Findings) -> str:
    """Return the oldest Python that a declaration supports, else the image's."""
    try:
        wanted = SpecifierSet(str(project.metadata(top).get("requires-python", "")))
    except InvalidSpecifier:
        wanted = SpecifierSet()
    fits = [v for v in reversed(MAINTAINED) if wanted and (f"{v}.0" in wanted or f"{v}.99" in wanted)]
    return fits[0] if fits else found.python.value if found.python else MAINTAINED[0]


def _build_lock(top: Path, old: str, upgrade: Upgrade) -> str:
    """Return the new text of the lock of the project's build requirements."""
    said = _said(_head(old)) or Origin(STYLE)
    required = table(Tree(top).toml("pyproject.toml"), "build-system").get("requires", resolve.DEFAULT_BUILD)
    origin = Origin(said.words, "".join(f"{line}\n" for line in required))
    return _compiled(top, BUILD_LOCK, old, origin, upgrade)


def _run(tool: Tool, top: Path, upgrade: Upgrade, say: Say) -> None:
    litter = top / tool.litter
    clean = bool(tool.litter) and not litter.exists()
    try:
        for name, *rest in tool.locking(Tree(top), upgrade) or []:
            program = programs.uv() if name == "uv" else str(programs.tool(name, say))
            resolve.run(top, [program, *rest], settings=tool.settings)
    finally:
        if clean:
            litter.unlink(missing_ok=True)


@contextmanager
def _kept(root: Path, before: Mapping[str, str | None]) -> Iterator[None]:
    """Restore all locks on any exception: each tool writes its lock before the next one runs."""
    try:
        yield
    except BaseException:
        for path, text in before.items():
            if text is None and not (root / path).is_dir():
                (root / path).unlink(missing_ok=True)
            elif text is not None and _read(root / path) != text:
                writing.write_down(root, [Change(path, None, text)])
        raise


def _check(root: Path, place: str, used: Sequence[Tool], plain: Sequence[str], upgrade: Upgrade) -> None:
    """Refuse to upgrade a package that no lock holds."""
    paths = [join(place, name) for name in (*(tool.lock for tool in used), *plain, TEST_LOCK)]
    texts = {path: _read(root / path) for path in (*paths, LOCK, BUILD_LOCK)}
    known = {name for path, text in texts.items() for name in held(path, text) or {}}
    for name in upgrade.names:
        if name not in known:
            how = suggestion(name, known, "name a package that one of its locks contains")
            raise NotInLock(name=name, root=root, how=how)


def held(path: str, text: str | None) -> Mapping[str, str] | None:
    """Return the versions in a lock's text, None without a text."""
    name = path.rpartition("/")[2]
    if text is None:
        return None
    if name.endswith(".txt"):
        return requirements_pins(text)
    return pins(name, text) | (pins(name, text, "develop") if name == "Pipfile.lock" else {})


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None
