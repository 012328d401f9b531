"""Choose the files that an image ships: all of the project's folder except development files."""

import os
import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

from drydock.detect.ignore import SECRET_NAMES, is_secret
from drydock.detect.tree import folder_of, join
from drydock.project import ignore

# Development files in the application's own folder.
FOLDERS = (
    *("tests", "test", "docs", "doc", "examples", "notebooks", "benchmarks", "node_modules", "__pycache__"),
    *("venv", "env", "dist", "build", "htmlcov", "site", "deploy", "k8s", "kubernetes", "helm", "charts"),
    *("terraform", "infra", "image", "screenshots", "*.egg-info", "*.dist-info"),
)
FILES = (
    *("*.md", "*.rst", "*.ipynb", "*.lock", "*.sh", "*.bat", "*.ps1", "*.mk", "*.log", "*.png", "*.jp*g"),
    *("*.gif", "*.svg", "*.mp4", "*.zip", "*.gz", "*.db", "*.sqlite*", "compose*.y*ml", "docker-compose*"),
    *("*[Dd]ockerfile*", "Makefile", "[Jj]ustfile", "Procfile", "Vagrantfile", "Jenkinsfile", "LICEN[CS]E*"),
    *("CHANGELOG*", "AUTHORS*", "NOTICE*", "CODEOWNERS", "pyproject.toml", "drydock.toml", "setup.py"),
    *("setup.cfg", "MANIFEST.in", "tox.ini", "pytest.ini", "mypy.ini", "Pipfile", "pylock.toml"),
    *("*requirements*.txt", "*requirements*.in", "runtime.txt", "conftest.py", "noxfile.py", "tasks.py"),
    *("test_*.py", "*_test.py", "mkdocs.y*ml", "codecov.y*ml", "fly.toml", "render.yaml", "vercel.json"),
    *("app.json", "heroku.yml", "package*.json", "tsconfig*.json", "renovate.json"),
    "sonar-project.properties",
)
# No image needs these, and no one else may read them.
NEVER = (
    *("**/__pycache__", "**/*.py[co]", "**/.git", "**/.venv", "**/node_modules"),
    *(f"**/{name}" for name in SECRET_NAMES),
)
_KEPT_OUT = ignore.rule(list(NEVER))
_CLASS = re.compile(r"\[([^\]]*)\]")
_TESTS = re.compile(r"tests?|conftest\.py|test_.*\.py|.*_test\.py")
# A folder with one of these is a separate program.
OTHER_PROGRAMS = ("package.json", "pyvenv.cfg", "Dockerfile", "go.mod", "Cargo.toml")


def entries(root: Path, source: str, needed: Iterable[str]) -> tuple[str, ...]:
    """Return the files and folders to ship, relative to the root."""
    listed = [name for name in _listing(root, source) if _is_shipped(root, name)]
    ignored = ignore.excluded(of_git(root, source), listed)
    found = [name for name in listed if name not in ignored]
    for path in sorted(needed):
        if (root / path).exists() and not any(is_below(path, kept) for kept in found):
            found.append(_whole(root, source, path))
    return tuple(sorted(dict.fromkeys(found)))


def of_git(root: Path, source: str) -> list[str]:
    """Convert the .gitignore rules of a context and a project to .dockerignore rules."""
    found: list[str] = []
    for place in dict.fromkeys([".", source]):
        file = root / place / ".gitignore"
        text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
        found += [_translated(pattern, place) for pattern in ignore.patterns(text)]
    return [rule for rule in dict.fromkeys(found) if "[" not in _CLASS.sub("", rule) and rule[-1] != "\\"]


def _class(found: re.Match[str]) -> str:
    """Convert a set of characters to Go's syntax; `?` for one with a hyphen at an end, which Go refuses."""
    inner = found[1].removeprefix("!").removeprefix("^")
    negated = "^" if inner != found[1] else ""
    return "?" if not inner or inner[0] == "-" or inner[-1] == "-" else f"[{negated}{inner}]"


def _translated(pattern: str, folder: str) -> str:
    """Convert git's rule, which matches at any depth unless it has a slash, to Docker's."""
    body = _CLASS.sub(_class, pattern.removeprefix("!").rstrip("/"))
    anywhere = "" if "/" in body else "**/"
    path = join(folder, f"{anywhere}{body.lstrip('/')}")
    return f"!{path}" if pattern.startswith("!") else path


def tests(root: Path, source: str, shipped: tuple[str, ...]) -> tuple[str, ...]:
    """Return the tests beside the application."""
    names = (name for name in _listing(root, source) if name not in shipped)
    return tuple(name for name in names if _TESTS.fullmatch(_last(name)))


def _listing(root: Path, folder: str) -> list[str]:
    with os.scandir(root / folder) as found:
        names = sorted(entry.name for entry in found if not entry.is_symlink() or _stays(root, entry.path))
    return [join(folder, name) for name in names if name.isprintable() and not set(name) & set("\"'\\$ ")]


def _stays(root: Path, path: str) -> bool:
    """Tell whether a symbolic link stays inside the context."""
    target = Path(os.path.realpath(path))
    return target.exists() and target.is_relative_to(os.path.realpath(root))


def _is_shipped(root: Path, path: str) -> bool:
    name = _last(path)
    if name.startswith("."):
        return False
    folder = (root / path).is_dir()
    if any(fnmatchcase(name, pattern) for pattern in (FOLDERS if folder else FILES)):
        return False
    if folder:
        return _holds_a_file(root, path) and not is_other_program(root / path)
    return _is_visible(root, path)


def _holds_a_file(root: Path, folder: str) -> bool:
    """Tell whether a build may see one of a folder's files."""
    for place, _, names in os.walk(root / folder):
        if any(_is_visible(root, Path(place, name).relative_to(root).as_posix()) for name in names):
            return True
    return False


def _is_visible(root: Path, path: str) -> bool:
    """Tell whether a build may see a file: example.env is no secret, and hidden with those all the same."""
    public = path.endswith((".pem", ".key"))  # where it is no secret
    return not is_secret(path, root / path) and (public or not _KEPT_OUT(path))


def is_other_program(folder: Path) -> bool:
    """Tell whether a folder holds a separate program, such as a front end."""
    return any((folder / name).exists() for name in OTHER_PROGRAMS)


def _whole(root: Path, source: str, path: str) -> str:
    """Return the package of a module; a data file is returned as it is."""
    if not path.endswith(".py"):
        return path
    folder = folder_of(path)
    while folder not in (source, ".") and folder_of(folder) not in (source, "."):
        if not (root / folder_of(folder) / "__init__.py").exists() and not is_below(path, source):
            break
        folder = folder_of(folder)
    return path if folder in (source, ".") else folder


def is_below(path: str, folder: str) -> bool:
    """Tell whether a path is a folder or inside it."""
    return folder in (".", path) or path.startswith(f"{folder}/")


def _last(path: str) -> str:
    return path.rpartition("/")[2]
