"""Sample builds, images and verdicts."""

from __future__ import annotations

from drydock.state.history import Build, Judged, LayerSize, Origin, PackageSize, StepTime, Weighed
from drydock.verdict import Outcome, Verdict

ORIGIN = Origin("shop", "production", "main", "0123456789abcdef", False)
STEPS = (
    StepTime("builder", "RUN uv sync", 8.5, False),
    StepTime("production", "COPY --from=builder /rootfs/ /", 0.0, True),
)


def build(at: float, image_id: str = "sha256:one", origin: Origin = ORIGIN, seconds: float = 9.0) -> Build:
    return Build(at, origin, image_id, seconds, STEPS)


def weighed(image_id: str = "sha256:one", on_disk: int = 117_000_000, content: str = "") -> Weighed:
    """Return an image's sizes; its content is unique unless given."""
    return Weighed(
        image_id,
        content or f"content of {image_id}",
        on_disk,
        on_disk // 3,
        (LayerSize("sha256:layer", "COPY /rootfs/ /", on_disk, on_disk // 3),),
        (PackageSize("python", "fastapi", "0.165.0", 1_500_000),),
    )


def judged(at: float, outcome: Outcome = Outcome.PASSED, evidence: str = "") -> Judged:
    """Return a gate's verdict."""
    verdict = Verdict("smoke", outcome, "ready in 1.0 s", evidence=evidence, seconds=3.5)
    return Judged(at, ORIGIN, "content of sha256:one", verdict)
