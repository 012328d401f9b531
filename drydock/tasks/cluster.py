"""Deploy to Kubernetes."""

from __future__ import annotations

from invoke import Context

from drydock.tasks.offer import offer, rendered, voice


@offer(
    "rendering overlay {overlay}",
    overlay="folder below deploy/kubernetes/overlays, or a path",
    image="the image reference to run (default: the overlay's)",
)
def render(c: Context, overlay: str = "local", image: str = "", project: str = "") -> None:
    """Print an overlay's Kubernetes manifests."""
    from drydock import deploy as kubernetes

    print(kubernetes.render(rendered(project), overlay, image or None), end="")


@offer(
    "deploying overlay {overlay}",
    overlay="folder below deploy/kubernetes/overlays, or a path",
    context="context of the kubeconfig (default: the current one)",
    image="the image reference to run (default: the overlay's)",
    undo="go back to the previous revision",
)
def deploy(
    c: Context,
    overlay: str = "local",
    context: str = "",
    image: str = "",
    undo: bool = False,
    project: str = "",
    quiet: bool = False,
    json: bool = False,
) -> None:
    """Deploy to Kubernetes: show the difference, apply, wait, and say why pods do not run."""
    from dataclasses import asdict

    from drydock import deploy as kubernetes
    from drydock.report import console, print_json
    from drydock.report.tables import key_values

    loaded, told = rendered(project), voice(quiet or json)
    if undo:
        done = kubernetes.undo(loaded, overlay, context, told)
    else:
        done = kubernetes.deploy(loaded, overlay, context, image or None, told)
    if json:
        print_json(asdict(done))
    else:
        key_values(console(), done.rows())
