"""Install the pre-push hook in a git repository."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from drydock import command
from drydock.errors import BadCommandLine, NotWritten
from drydock.hook.watched import watched

SETTINGS = ".pre-commit-config.yaml"
MARK = "# Written by `drydock hooks`"
# git says what of its own state is not for the commands of a hook; each pushed ref comes as a line, and a ref
# that is deleted as zeros.
SCRIPT = f"""\
#!/bin/sh
{MARK}: it runs the gates whose inputs changed on every commit that is pushed.
# `git push --no-verify` goes around it.
unset $(git rev-parse --local-env-vars)
while read -r _ commit _ _; do
    case $commit in
    *[!0]*) PRE_COMMIT_TO_REF=$commit {{python}} -P -m drydock.cli.hook {{gates}} </dev/null || exit ;;
    esac
done
"""


def install(folder: Path) -> str:
    """Install the hook, and return a line that says where.

    A repository whose pre-commit configuration names the hook gets it from pre-commit.
    """
    asked = ["git", "rev-parse", "--path-format=absolute", "--show-toplevel", "--git-path", "hooks"]
    found = command.run(asked, cwd=folder, check=False)
    if found.code:
        raise BadCommandLine(
            problem=f"{folder.resolve()} is in no git repository", how="make one with `git init`"
        )
    root, hooks = map(Path, found.stdout.splitlines())
    settings = root / SETTINGS
    if settings.is_file() and "drydock.cli.hook" in settings.read_text(encoding="utf-8"):
        pre_commit = [sys.executable, "-m", "pre_commit", "install", "--hook-type", "pre-push"]
        return command.run(pre_commit, cwd=root).stdout.strip()
    hook = hooks / "pre-push"
    if hook.exists() and MARK not in hook.read_text(encoding="utf-8", errors="replace"):
        raise BadCommandLine(
            problem=f"{hook} is another hook", how=f"add `{sys.executable} -m drydock.cli.hook` to it by hand"
        )
    try:
        hooks.mkdir(parents=True, exist_ok=True)
        hook.write_text(script(root), encoding="utf-8")
        hook.chmod(0o755)
    except OSError as error:
        raise NotWritten(path=hook, reason=error.strerror or error) from error
    return f"installed {hook}"


def script(root: Path) -> str:
    """Return the hook of a repository: drydock's gates, and the Nox sessions of the same kind that it has."""
    noxfile = root / "noxfile.py"
    own = noxfile.read_text(encoding="utf-8") if noxfile.is_file() else ""
    gates = [one.name for one in watched() if one.session is None or f"def {one.name}(" in own]
    return SCRIPT.format(python=shlex.quote(sys.executable), gates=" ".join(gates))
