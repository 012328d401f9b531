"""Write notes for a person about the written files, one line each."""

from collections.abc import Iterator

from drydock.detect import Findings
from drydock.recipe import written
from drydock.recipe.blueprint import DATA, Blueprint


def notes(findings: Findings, blueprint: Blueprint) -> Iterator[str]:
    """Yield the decisions that drydock made for the user, and the remaining tasks."""
    if blueprint.root != findings.root / findings.requested and findings.requested != ".":
        yield f"the files go to {findings.root}, which holds the lock file of the workspace"
    yield from _dependencies(findings, blueprint)
    yield from _storage(findings, blueprint)
    needed = [setting.name for setting in blueprint.settings if setting.required]
    if needed:
        yield (
            f"it asks for {_list(needed)} when it is imported: `drydock run` gives examples, or yours with"
            " [tool.drydock.development.environment]"
        )
    probes = {"liveness": blueprint.health_path, "readiness": blueprint.ready_path}
    if missing := [name for name, path in probes.items() if not path]:
        what = " and ".join(missing)
        yield f"no route fits the probe of {what}: any answer passes, and for Kubernetes an open port"
    if blueprint.system_run:
        taken = f", and {_list(blueprint.extra_files)}" if blueprint.extra_files else ""
        yield (
            f"the running program may need {_list(blueprint.system_run)}: slim has them; production has their"
            f" programs and data, what is linked against or named{taken}: change EXTRA_FILES and extra-files"
            " for more or less"
        )
    for path in () if written.is_ours(blueprint.root / ".dockerignore") else findings.ignore.removed:
        yield f"the project's own .dockerignore removes {path}, which the image needs: drydock's keeps it"
    for path in findings.ignore.exposed:
        yield f"{path} looks like a secret: no build sees it"
    for note in findings.notes:
        yield f"{note.value} ({note.where})"


def _dependencies(findings: Findings, blueprint: Blueprint) -> Iterator[str]:
    found = findings.dependencies
    if found and not found.value.locked:
        then = "two builds of one source may differ; `drydock lock` locks it"
        if blueprint.dependencies.locked:
            then = f"uv locks it as {blueprint.lock}, for every Python that fits and with hashes;"
            then += " `drydock lock` renews it after a change"
        yield f"{found.value.files[0]} is not locked: {then}"
    server = findings.server
    if server and server.value.requirement:
        yield f"{server.value.requirement} is added: {server.why or f'it is named in {server.where}'}"
    elif server and server.value.name != "uvicorn":
        yield f"uvicorn is added: the image serves with it, and {server.value.name} does not come with it"


def _storage(findings: Findings, blueprint: Blueprint) -> Iterator[str]:
    storage = blueprint.storage
    if storage.folders:
        yield f"it writes {_list(storage.folders)}: a volume, and one replica only"
    for link, target in storage.links.items():
        yield f"{link} is a link to {target}, since a volume cannot be one file: mount a volume at {DATA}"
    for folder in storage.opened:
        where = next((found.where for found in findings.writable), "")
        yield (
            f"it writes a file in {folder} at a path that is worked out at run time ({where}): it is lost"
            " with the container unless you point that path to a volume"
        )
    if not findings.replicas_safe.value and not storage:
        yield f"one replica only: {findings.replicas_safe.why} ({findings.replicas_safe.where})"


def _list(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(names)
