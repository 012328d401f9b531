"""Install the pre-push hook in a git repository."""

import re
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path

from drydock import command
from drydock.errors import BadCommandLine, BadConfiguration, NotWritten
from drydock.project import git

SETTINGS = ".pre-commit-config.yaml"
MARK = "# Written by `drydock hooks`"
# git lists the variables of its own state, which a hook's commands must not inherit. Each pushed ref is a
# line of input, with zeros for a deleted one.
SCRIPT = f"""\
#!/bin/sh
{MARK}: it runs the gates whose inputs changed on every commit that is pushed.
# `git push --no-verify` goes around it.
unset $(git rev-parse --local-env-vars)
python={{python}}
if [ ! -x "$python" ]; then
    echo "error: drydock is no longer in $python; install the hook again with \\`drydock hooks\\`" >&2
    exit 1
fi
while read -r _ commit _ _; do
    case $commit in
    *[!0]*)
        export PRE_COMMIT_TO_REF="$commit"
        for project in {{projects}}; do
            "$python" -P -m drydock.cli.hook --project "$project" </dev/null || exit
        done ;;
    esac
done
"""
_PROJECTS = re.compile(r"^ *for project in (.*); do$", re.MULTILINE)


def install(folder: Path) -> str:
    """Install the hook for a project, at the top of its repository or below, and return a message.

    If the repository's pre-commit configuration names the hook, pre-commit installs it.
    """
    places = ("--show-toplevel", "--git-common-dir", "--git-path", "hooks")
    found = git.ask(folder, "rev-parse", "--path-format=absolute", *places)
    if found.code:
        problem = f"{folder.resolve()} is not in a git repository"
        raise BadCommandLine(problem=problem, how="make one with `git init`")
    root, common, hooks = map(Path, found.stdout.splitlines())
    settings = root / SETTINGS
    if settings.is_file() and "drydock.cli.hook" in settings.read_text(encoding="utf-8"):
        pre_commit = [sys.executable, "-m", "pre_commit", "install", "--hook-type", "pre-push"]
        return command.run(pre_commit, cwd=root).stdout.strip()
    if hooks.exists() and not hooks.is_dir():
        how = "name one with `git config core.hooksPath FOLDER`, or unset it"
        raise BadConfiguration(where="core.hooksPath", problem=f"{hooks} is not a folder", how=how)
    hook = hooks / "pre-push"
    if hook.exists() and MARK not in hook.read_text(encoding="utf-8", errors="replace"):
        how = f"add `{sys.executable} -m drydock.cli.hook` to it by hand"
        raise BadCommandLine(problem=f"{hook} is a hook of another program", how=how)
    try:
        hooks.mkdir(parents=True, exist_ok=True)
        projects = {folder.resolve().relative_to(root.resolve()).as_posix(), *_projects(hook, root)}
        hook.write_text(script(sorted(projects)), encoding="utf-8")
        hook.chmod(0o755)
    except OSError as error:
        raise NotWritten(path=hook, reason=error.strerror or error) from error
    shared = not any(map(hooks.resolve().is_relative_to, (root.resolve(), common.resolve())))
    return f"installed {hook}" + (", which core.hooksPath gives to other repositories too" if shared else "")


def script(projects: Iterable[str]) -> str:
    return SCRIPT.format(python=shlex.quote(sys.executable), projects=shlex.join(projects))


def _projects(hook: Path, root: Path) -> set[str]:
    """Return the projects of an earlier installation that still exist."""
    named = _PROJECTS.search(hook.read_text(encoding="utf-8")) if hook.exists() else None
    return {name for name in shlex.split(named[1]) if (root / name).is_dir()} if named else set()
