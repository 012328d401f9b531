"""Deploy to Kubernetes."""

from drydock.tasks.offer import RESULT, Given, offer, rendered, voice

OVERLAY = "folder below deploy/kubernetes/overlays, or a path"
IMAGE = "the image reference to run (default: the overlay's)"


@offer("rendering overlay {overlay}", shared=("project",), overlay=OVERLAY, image=IMAGE)
def render(given: Given, overlay: str = "local", image: str = "") -> None:
    """Print an overlay's Kubernetes manifests."""
    from drydock import deploy as kubernetes

    print(kubernetes.render(rendered(given.project), overlay, image or None), end="")


@offer(
    "deploying overlay {overlay}",
    shared=RESULT,
    overlay=OVERLAY,
    context="context of the kubeconfig (default: the current one)",
    image=IMAGE,
    undo="go back to the previous revision",
)
def deploy(
    given: Given, overlay: str = "local", context: str = "", image: str = "", undo: bool = False
) -> None:
    """Deploy to Kubernetes: show the difference, apply, wait, and say why pods do not run."""
    from dataclasses import asdict

    from drydock import deploy as kubernetes
    from drydock.report.tables import key_values

    loaded, told = rendered(given.project), voice(given.hushed)
    if undo:
        done = kubernetes.undo(loaded, overlay, context, told)
    else:
        done = kubernetes.deploy(loaded, overlay, context, image or None, told)
    given.answer(asdict(done), lambda out: key_values(out, done.rows()))
