"""Find the command that updates the database's schema: Alembic's, or Aerich's."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from drydock.detect.commands import Command, parts_of
from drydock.detect.model import Conflict, Found, Migration
from drydock.detect.tree import Tree, folder_of, join, section
from drydock.toml import table

# The arguments of a project's own migration command.
ALEMBIC = re.compile(r"(?:\S*python\S*\s+-m\s+|(?:\S+/)?)\balembic((?:\s+-[cnx]\s+\S+)*\s+upgrade\s+[\w@+]+)")
# Migrations of tests and examples are not the project's.
ASIDE = re.compile(r"(^|/)(tests?|docs?|examples?|samples?|\.[^/]+)/")
# `%(here)s` is the file's folder; Alembic's other forms are paths and `package:folder`.
HERE = "%(here)s"
OPTION = "migrate"
SECTION = re.compile(r"^\[([\w-]+)\]", re.M)
REVISION = re.compile(r"""^revision\b[^=\n]*=\s*["']([^"']+)""", re.M)
FOLLOWS = re.compile(r"^down_revision\b[^=\n]*=([^\n]*)", re.M)
QUOTED = re.compile(r"""["']([^"']+)""")
LOCAL = re.compile(r"^\w+(?:\+\w+)?://(?:[^@/]*@)?((?:localhost|127\.0\.0\.1)(?::\d+)?)(?:/|$)")
# What Alembic's env.py has where it does not take the address from the configuration file.
ANOTHER_ADDRESS = re.compile(
    r"set_(main|section)_option|create_(async_)?engine|\bengine\.|environ|getenv|\[.sqlalchemy\.url.\]\s*=|_url\b"
)
# Other tools for migrations, and the command that a person would set.
OTHERS = {
    "yoyo-migrations": "yoyo apply --batch",
    "piccolo": "piccolo migrations forwards all",
    "prisma": "prisma migrate deploy",
    "peewee-migrate": "pw_migrate migrate",
    "mongodb-migrations": "mongodb-migrate",
    "dbmate": "dbmate up",
}


@dataclass(frozen=True)
class _Tool:
    """A tool for migrations: its files, its table of pyproject.toml, and its command."""

    name: str  # of its distribution
    module: str  # for `python3 -m`
    configuration: str  # its own file's name
    key: str  # of the folder of scripts in a configuration
    usual: str  # the folder that it takes where a configuration names none
    proof: str  # a file that this folder must have; empty for any folder
    arguments: str


def find(
    tree: Tree, project: str, names: set[str], commands: Iterable[Command]
) -> tuple[Found[Migration] | None, list[Found[str]], list[Conflict]]:
    """Return a project's migration, notes about missing parts, and a contradiction.

    `names` are the image's distributions, `commands` those that start the project's programs.
    """
    for tool in TOOLS:
        found = list(_candidates(tree, project, tool))
        if found and tool.name not in names:
            fact = f"{tool.name} is configured and not among the dependencies: with it, the image can migrate"
            return None, [Found(fact, found[0].where)], []
        depth = min((one.where.count("/") for one in found), default=0)
        nearest = [one for one in found if one.where.count("/") == depth]
        if len(nearest) > 1:
            fact = f"several configurations of {tool.name}: each names another schema"
            listed = tuple(Found(one.value.command, one.where) for one in nearest)
            return None, [], [Conflict(OPTION, fact, listed, OPTION)]
        if nearest:
            notes = list(_fixed_address(tree, nearest[0]))
            return _as_run(_to_every_head(tree, nearest[0]), commands), notes, []
    fact = "{} migrates the database: set migrate to its command, `{}`"
    others = sorted(names & OTHERS.keys())
    notes = [Found(fact.format(name, OTHERS[name]), "the dependencies") for name in others]
    return None, [*_named_sections(tree, project), *notes], []


def _named_sections(tree: Tree, project: str) -> Iterator[Found[str]]:
    """Yield a note for a configuration of Alembic with sections of other names, one for each database."""
    for path in tree.named("alembic.ini"):
        text = tree.text(path) or ""
        names = [n for n in SECTION.findall(text) if section(text, n).get("script_location")]
        if names and (project == "." or path.startswith(f"{project}/")) and not ASIDE.search(path):
            fact = f"alembic.ini has the sections {', '.join(names)}: set migrate to their commands, such as "
            yield Found(f"{fact}`python3 -m alembic -n {names[0]} upgrade head`", path)


def _fixed_address(tree: Tree, found: Found[Migration]) -> Iterator[Found[str]]:
    """Yield a note where Alembic connects to this machine, whatever the settings say."""
    path, scripts = found.value.files
    address = LOCAL.search(section(tree.text(path) or "", "alembic").get("sqlalchemy.url", ""))
    script = join(scripts, "env.py")
    if address and not ANOTHER_ADDRESS.search(tree.text(script) or ""):
        fact = (
            f"the migration connects to {address[1]}, as {path} says: let {script} take the settings' address"
        )
        yield Found(fact, path)


def _to_every_head(tree: Tree, found: Found[Migration]) -> Found[Migration]:
    """Let Alembic upgrade to all heads if its scripts have several: to one would be an error."""
    made: set[str] = set()
    followed: set[str] = set()
    for path in tree.under(join(found.value.files[-1], "versions")):
        text = (tree.text(path) or "") if path.endswith(".py") else ""
        made.update(REVISION.findall(text))
        followed.update(word for line in FOLLOWS.findall(text) for word in QUOTED.findall(line))
    if len(made - followed) < 2:
        return found
    return replace(found, value=replace(found.value, command=f"{found.value.command}s"))


def runs(text: str) -> bool:
    """Tell whether a command migrates the database, as the image's own command does."""
    return bool(ALEMBIC.search(text)) or bool(re.search(r"\baerich\s+upgrade\b", text))


def _candidates(tree: Tree, project: str, tool: _Tool) -> Iterator[Found[Migration]]:
    places = [join(project, "pyproject.toml"), *tree.named(tool.configuration)]
    for path in places:
        inside = project == "." or path.startswith(f"{project}/")
        location = _location(tool, tree, path) if inside and not ASIDE.search(path) else ""
        if not location:
            continue
        for folder in dict.fromkeys((folder_of(path), project)):
            scripts = posixpath.normpath(location if location.startswith("./") else join(folder, location))
            if tree.exists(join(scripts, tool.proof)) if tool.proof else tree.is_folder(scripts):
                named = posixpath.relpath(path, folder)
                usual = named in (tool.configuration, "pyproject.toml")
                option = "" if usual else f" -c {named}"
                command = f"python3 -m {tool.module}{option} {tool.arguments}"
                yield Found(Migration(command, folder, (path, scripts)), path)
                break


def _as_run(found: Found[Migration], commands: Iterable[Command]) -> Found[Migration]:
    """Give a migration the arguments of the project's own command, if it has one."""
    for command in commands:
        for part in parts_of(command.text):
            if (match := ALEMBIC.search(part)) and found.value.folder in command.folders:
                own = f"python3 -m alembic {' '.join(match[1].split())}"
                return Found(replace(found.value, command=own), found.where, f"run as in {command.where}")
    return found


def _location(tool: _Tool, tree: Tree, path: str) -> str:
    """Return the folder of scripts that a configuration names, `""` if it is not one."""
    if path.endswith(".toml"):
        found: Mapping[str, object] = table(tree.toml(path), "tool", tool.name)
    else:
        found = section(tree.text(path) or "", tool.name)
    text = str(found.get(tool.key, tool.usual)).strip() if found else ""
    if text.startswith(HERE):
        return f"./{join(folder_of(path), text.removeprefix(HERE).lstrip('/'))}"
    return text.replace(".", "/").replace(":", "/") if ":" in text else text


TOOLS = (
    _Tool("alembic", "alembic", "alembic.ini", "script_location", "", "env.py", "upgrade head"),
    _Tool("aerich", "aerich.cli", "aerich.ini", "location", "migrations", "", "upgrade"),
)
