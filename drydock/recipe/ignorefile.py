"""Write the ignore rules against secrets, git's ignored files and development files in a build."""

from drydock.project import ignore
from drydock.recipe.blueprint import Blueprint
from drydock.recipe.contents import FILES, FOLDERS, NEVER, is_other_program, of_git
from drydock.recipe.recipes import besides, is_whole

ALLOWED = """\
# An allow-list: what is not named here never reaches the build, so neither a secret nor a large file can slip
# in, and an unrelated change never costs a cached step.
*
"""
WHOLE = """\
# The build sees the application's folder, without development files, git's ignored files and secrets.
"""


def render(blueprint: Blueprint, *, outside: bool = False, scripts: str = "") -> str:
    """Return the ignore rules of a project's build.

    With `outside`, the rules are rendered at each build, and so can name each file. `scripts` is the
    project's folder with the scripts of the build; empty for none.
    """
    build = [*besides(blueprint), *blueprint.tests, *([scripts] if scripts else [])]
    if outside or not is_whole(blueprint):
        lines = [*ALLOWED.splitlines(), *(f"!{path}" for path in dict.fromkeys([*build, *blueprint.entries]))]
    else:
        lines = [*WHOLE.splitlines(), *_whole(blueprint)]
    if git := of_git(blueprint.root, blueprint.source):
        lines += ["# From .gitignore:", *git]
    needed = dict.fromkeys([*build, *blueprint.entries, *blueprint.needed])
    lines += [f"!{path}" for path in needed if ignore.excluded(lines, [path])]
    lines += [*NEVER, *(f"!{path}" for path in blueprint.public if not ignore.excluded(lines, [path]))]
    secrets = [path for path in blueprint.secrets if not ignore.excluded(lines, [path])]
    return "\n".join([*lines, *secrets, ""])


def _whole(blueprint: Blueprint) -> list[str]:
    """Return rules that include one folder without its development files and other programs."""
    folder = blueprint.source
    prefix = "" if folder == "." else f"{folder}/"
    lines = [] if folder == "." else ["*", f"!{folder}"]
    lines += [f"{prefix}{pattern}" for pattern in (".*", *FOLDERS, *FILES)]
    names = sorted(path.name for path in (blueprint.root / folder).iterdir() if is_other_program(path))
    return lines + [f"{prefix}{name}" for name in names if not ignore.excluded(lines, [f"{prefix}{name}"])]
