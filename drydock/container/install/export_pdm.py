"""Run pdm; its export then also takes a lock without markers, which PDM before 2.11 wrote.

PDM resolves such a lock for this Python, from the lock alone, as `pdm sync` does.
"""

from pdm.cli.actions import resolve_from_lockfile
from pdm.cli.commands import export
from pdm.cli.filters import GroupSelection
from pdm.core import main
from pdm.formats import FORMATS
from pdm.project.lockfile import FLAG_INHERIT_METADATA

usual = export.Command.handle


def handle(self, project, options):
    if FLAG_INHERIT_METADATA in project.lockfile.strategy:
        return usual(self, project, options)
    groups = list(GroupSelection.from_options(project, options))
    declared = project._resolve_dependencies(groups)
    wanted = [one for group in groups for one in project.get_dependencies(group, declared)]
    found = [package.candidate for package in resolve_from_lockfile(project, wanted)]
    print(FORMATS["requirements"].export(project, [one for one in found if not one.req.extras], options))  # noqa: T201
    return None


export.Command.handle = handle
main()
