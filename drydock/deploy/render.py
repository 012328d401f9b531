"""Render an overlay with kustomize, and put the given image into it."""

from pathlib import Path

from drydock import command
from drydock.deploy import kubectl, manifests
from drydock.deploy.errors import NoOverlay, RenderFailed
from drydock.nearest import choices
from drydock.project import Project

FOLDER = Path("deploy", "kubernetes")


def overlays(project: Project) -> list[str]:
    found = (project.place(str(FOLDER)) / "overlays").glob("*/kustomization.yaml")
    return sorted(path.parent.name for path in found)


def folder(project: Project, overlay: str) -> Path:
    """Return the folder of an overlay, given by name or path."""
    named = project.place(str(FOLDER)) / "overlays" / overlay
    for candidate in (named, Path(overlay)):
        if (candidate / "kustomization.yaml").is_file():
            return candidate
    listed = choices(overlay, overlays(project)) or "none in deploy/kubernetes"
    raise NoOverlay(overlay=overlay, known=listed)


def render(project: Project, overlay: str, image: str | None = None) -> str:
    """Return an overlay's manifests, with `image` in the application's containers if given."""
    where = folder(project, overlay)
    try:
        text = command.run([str(kubectl.find()), "kustomize", str(where)]).stdout
    except command.CommandFailed as error:
        lines = error.completed.stderr.strip().splitlines()
        reason = next((line for line in lines if line.strip(" >")), "no output").removeprefix("error: ")
        raise RenderFailed(overlay=where, reason=reason, evidence=error.completed.stderr) from error
    if image is None:
        return text
    name = project.image.rpartition("/")[2]
    return manifests.dump(manifests.with_image(manifests.parse(text), name, image))
