"""The result of a build, as a table and as JSON."""

from collections.abc import Mapping

from rich.console import Console
from rich.text import Text

from drydock.build import BuildResult
from drydock.report import megabytes
from drydock.report.tables import key_values
from drydock.workspace import Workspace


def as_json(workspace: Workspace, result: BuildResult) -> Mapping[str, object]:
    measured = workspace.measure(result.image_id) if result.image_id else None
    known = result.target in workspace.project.budgets
    budget = workspace.project.budget(workspace.named(result.target)) if known else None
    return {
        "target": result.target,
        "reference": result.reference,
        "image_id": result.image_id,
        "on_disk": measured.on_disk if measured else None,
        "on_wire": measured.on_wire if measured else None,
        "budget_on_disk": budget.on_disk if budget else None,
        "budget_on_wire": budget.on_wire if budget else None,
        "base": workspace.base.reference,
        "steps": len(result.steps),
        "steps_cached": result.cached,
        "seconds": round(result.seconds, 3),
        "notes": list(result.notes),
    }


def show(console: Console, workspace: Workspace, result: BuildResult) -> None:
    found = as_json(workspace, result)
    rows: dict[str, str | Text] = {
        "target": result.target,
        "reference": result.reference,
        "digest": result.image_id or "(several platforms)",
    }
    for size, words in (("on_disk", "on disk"), ("on_wire", "on the wire")):
        number, most = found[size], found[f"budget_{size}"]
        if isinstance(number, int):
            rows[words] = Text.assemble(megabytes(number), *_share(number, most))
    rows["base"] = f"{workspace.base.reference} ({workspace.base.kind})"
    rows["steps"] = f"{result.cached} of {len(result.steps)} cached"
    rows["seconds"] = f"{result.seconds:.1f}"
    key_values(console, rows)


def _share(size: int, budget: object) -> tuple[str | tuple[str, str], ...]:
    """Compare a size with its budget; return parts of a Text."""
    if not isinstance(budget, int):
        return ()
    if size > budget:
        return (" · ", (f"{megabytes(size - budget)} over the budget of {megabytes(budget)}", "red"))
    return (f" · {size / budget:.0%} of the budget of {megabytes(budget)}",)
