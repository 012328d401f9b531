"""Judge an image's sizes: both against their budgets, its growth, and its wasted bytes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drydock.image import Anatomy, Image
from drydock.project import MB, Budget, Growth
from drydock.verdict import Outcome, Verdict

GATE = "size_budget"
LEAST_EFFICIENCY = 0.98
MOST_NAMED = 10
MOST_FILES = 20


@dataclass(frozen=True)
class Comparison:
    """An image that growth is measured against."""

    name: str  # for the message, such as ``the base`` or ``main``
    on_disk: int  # bytes
    on_wire: int | None  # bytes; None when unknown
    limits: Growth


@dataclass(frozen=True)
class Check:
    name: str  # such as ``on disk``
    value: int  # bytes; a growth may be negative
    limit: int | None  # bytes; None for no limit
    growth: bool = False  # whether the value is a difference

    @property
    def excess(self) -> int:
        """Bytes above the limit; 0 when it holds."""
        return max(0, self.value - self.limit) if self.limit is not None else 0

    def __str__(self) -> str:
        if self.growth and self.value < 0 and not self.excess:
            return f"{mb(-self.value)} {self.name.replace(' more ', ' less ', 1)}"
        if self.limit is None:
            return f"{mb(self.value)} {self.name}"
        if self.excess:
            return f"{mb(self.value)} {self.name}, {mb(self.excess)} above its budget of {mb(self.limit)}"
        most = ", at most" if self.growth else " of"
        return f"{mb(self.value)} {self.name}{most} {mb(self.limit)} ({mb(self.limit - self.value)} left)"


def mb(size: int) -> str:
    """Format bytes as megabytes (10^6); a size that would round to 0 stays in bytes."""
    rounded = f"{size / MB:.1f}"
    return f"{rounded} MB" if size == 0 or float(rounded) else f"{size} B"


def judge(
    image: Image,
    budget: Budget,
    target: str,
    *,
    comparisons: Sequence[Comparison] = (),
    notes: Sequence[str] = (),
    least_efficiency: float = LEAST_EFFICIENCY,
) -> Verdict:
    anatomy = Anatomy(image)
    checks = _checks(image, budget, comparisons)
    exceeded = [str(check) for check in checks if check.excess]
    efficiency = anatomy.efficiency
    if efficiency.ratio < least_efficiency:
        wasted = f"{mb(efficiency.wasted)} wasted"
        exceeded.append(f"{wasted}: efficiency {efficiency.ratio:.3f}, below {least_efficiency:.2f}")
    figures = exceeded or [*map(str, checks), *notes]
    return Verdict(
        GATE,
        Outcome.FAILED if exceeded else Outcome.PASSED,
        f"{target}: {'; '.join(figures)}",
        details=tuple(_contributors(anatomy)),
        measurements=measurements(anatomy, target, checks),
    )


def _checks(image: Image, budget: Budget, comparisons: Iterable[Comparison]) -> list[Check]:
    checks = [Check("on disk", image.on_disk, budget.on_disk)]
    checks.append(Check("on the wire", image.on_wire, budget.on_wire))
    for other in comparisons:
        for where, now, before, most in (
            ("on disk", image.on_disk, other.on_disk, other.limits.on_disk),
            ("on the wire", image.on_wire, other.on_wire, other.limits.on_wire),
        ):
            if before is not None:
                checks.append(Check(f"{where} more than {other.name}", now - before, most, growth=True))
    return checks


def _contributors(anatomy: Anatomy) -> Iterable[str]:
    """Name the largest parts, which are where to begin."""
    layers = sorted(anatomy.image.layers, key=lambda layer: -layer.on_disk)
    for layer in layers[:MOST_NAMED]:
        if layer.on_disk * 100 < anatomy.image.on_disk:  # a layer below 1 % explains no excess
            break
        yield f"layer {mb(layer.on_disk)} on disk, {mb(layer.on_wire)} on the wire: {layer.name}"
    for package in anatomy.inventory.packages[:MOST_NAMED]:
        yield f"{package.source} {mb(package.size)} on disk: {package.label}"
    for file in anatomy.largest(MOST_FILES):
        yield f"file {mb(file.size)} on disk: {file.path}"
    efficiency = anatomy.efficiency
    yield f"efficiency {efficiency.ratio:.3f}, {mb(efficiency.wasted)} wasted"
    for waste in efficiency.paths[:MOST_NAMED]:
        yield f"wasted {mb(waste.wasted)}: {waste.path} ({waste.copies} times in the layers)"


def measurements(anatomy: Anatomy, target: str, checks: Sequence[Check]) -> Mapping[str, Any]:
    """Return all figures as JSON values; sizes in bytes."""
    image = anatomy.image
    return {
        "target": target,
        "on_disk": image.on_disk,
        "on_wire": image.on_wire,
        "compression": str(image.compression),
        "checks": [
            {"name": check.name, "value": check.value, "limit": check.limit, "excess": check.excess}
            for check in checks
        ],
        "efficiency": round(anatomy.efficiency.ratio, 4),
        "wasted": anatomy.efficiency.wasted,
        "layers": [
            {"instruction": layer.instruction, "on_disk": layer.on_disk, "on_wire": layer.on_wire}
            for layer in image.layers
        ],
        "packages": {package.label: package.size for package in anatomy.inventory.packages},
    }
