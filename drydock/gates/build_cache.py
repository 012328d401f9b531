"""Time cold and cached builds, and prove that a source change installs nothing again."""

import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from drydock import command, temporary
from drydock.build import BuildResult, Options
from drydock.gates.gate import Facts
from drydock.gates.subject import Subject
from drydock.project import Project
from drydock.project import lock as locks
from drydock.verdict import Outcome, Verdict

GATE = "build_cache"


FACTS = Facts(
    inputs=("Dockerfile", ".dockerignore"),
    settings=lambda project, _: {"entry_point": project.entry_point},
    demanded=False,
    changes="none",
    rank=60,
)
# Commands that install dependencies; their steps must stay cached when only source changes.
INSTALLERS = ("uv sync", "uv pip install", "pip install", "uv pip sync")
# Large, and never part of a build context.
_SKIPPED = shutil.ignore_patterns(".git", ".venv", ".drydock", "node_modules", "__pycache__", ".*_cache")


@dataclass(frozen=True)
class Scenario:
    """One kind of build, and the change that is made to a copy of the context before it."""

    name: str
    cold: bool = False
    change: Callable[[Project, Path], None] | None = None


def touch_source(project: Project, context: Path) -> None:
    """Change one Python file of the application, as an edited endpoint would."""
    package = project.entry_point.split(":")[0].split(".")[0]
    source = context / project.source.relative_to(project.root)
    candidates = sorted((source / package).rglob("*.py")) or sorted(source.glob("*.py"))
    candidates = candidates or sorted(source.glob(f"*/{package}/**/*.py"))  # usually src
    _append_comment(candidates[-1])


# JSON has no comments: unique blanks at its end serve as well.
JSON_LOCK = "Pipfile.lock"
BLANKS = str.maketrans("01", " \t")


def touch_lock(project: Project, context: Path) -> None:
    """Change the lock file but none of its pins: the dependency step runs without downloads."""
    path = context / locks.find(project).relative_to(project.root)
    if path.name == JSON_LOCK:
        with path.open("a") as file:
            file.write(f"{uuid.uuid4().int:b}\n".translate(BLANKS))
    else:
        _append_comment(path)


def _append_comment(path: Path) -> None:
    """Append a unique comment: the cache remembers the changes of earlier runs."""
    with path.open("a") as file:
        # Formatted, since a project's hook may check that.
        file.write(f"\n\n# changed by nox -s build_cache: {uuid.uuid4()}\n")


SCENARIOS = (
    Scenario("cold", cold=True),
    Scenario("unchanged"),
    Scenario("source changed", change=touch_source),
    Scenario("dependency changed", change=touch_lock),
)


def judge(subject: Subject) -> Verdict:
    """Build every scenario and judge its cached steps."""
    project, options = subject.project, subject.options()
    results = {}
    # A first build outside the measurement fills the user's cache, as any earlier `invoke build` would have.
    subject.build("warming up", options)
    for scenario in SCENARIOS:
        with _changed(project, options, scenario) as changed:
            chosen = changed.but(reference="", no_cache=scenario.cold)
            results[scenario.name] = subject.build(scenario.name, chosen)
    return decide(results)


def decide(results: Mapping[str, BuildResult]) -> Verdict:
    """Decide from the builds' steps; times are reported, never judged."""
    cold = results["cold"]
    rows = [
        {
            "build": name,
            "seconds": round(result.seconds, 2),
            "ratio": round(result.seconds / cold.seconds, 3),
            "cached": result.cached,
            "steps": len(result.steps),
            "ran": [f"{step.stage}: {step.instruction}" for step in result.steps if not step.cached],
        }
        for name, result in results.items()
    ]
    installs = [step for step in results["source changed"].steps if _installs(step.instruction)]
    faults = []
    if cold.cached:
        faults.append(f"the cold build took {cold.cached} steps from the cache")
    if results["unchanged"].cached != len(results["unchanged"].steps):
        faults.append("an unchanged build ran a step again")
    if results["source changed"].cached == len(results["source changed"].steps):
        faults.append("a changed source file ran no step: it is not in the image")
    again = [step.instruction[:80] for step in installs if not step.cached]
    faults += [f"a source change ran a dependency step again: {instruction}" for instruction in again]
    ran = [step.instruction for step in results["dependency changed"].steps if not step.cached]
    if not any(map(_installs, ran)):
        faults.append("a changed lock file ran no dependency step")
    ratio = results["source changed"].seconds / cold.seconds
    summary = f"a source change rebuilds in {ratio:.0%} of the cold time and installs nothing again"
    outcome = Outcome.PASSED
    if not installs:
        outcome = Outcome.COULD_NOT_CHECK
        summary = f"no step of the Dockerfile installs dependencies with one of: {', '.join(INSTALLERS)}"
    elif faults:
        outcome, summary = Outcome.FAILED, "; ".join(faults)
    return Verdict(GATE, outcome, summary, measurements={"builds": rows})


def _installs(instruction: str) -> bool:
    return instruction.startswith("RUN") and any(installer in instruction for installer in INSTALLERS)


@contextmanager
def _changed(project: Project, options: Options, scenario: Scenario) -> Iterator[Options]:
    """Yield build options with a changed copy of the context, or of the locks outside it."""
    if scenario.change is None:
        yield options
        return
    # It brings the detector, which a push without changes does not need.
    from drydock.recipe.recipes import RESOLVED

    with temporary.folder("context") as folder:
        copy = folder / "context"
        if scenario.change is touch_lock and RESOLVED in options.contexts:
            shutil.copytree(options.contexts[RESOLVED], copy)
            for path in copy.rglob("*.lock"):
                _append_comment(path)
            yield options.but(contexts={**options.contexts, RESOLVED: copy})
        else:
            copy_context(project, copy)
            scenario.change(project, copy)
            yield options.but(context=copy)


def copy_context(project: Project, copy: Path) -> None:
    """Copy the files that git lists: neither caches nor the virtual environment."""
    root = project.root
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = command.run(listed, cwd=root, check=False)
    if listing.code != 0:
        shutil.copytree(root, copy, ignore=_SKIPPED, symlinks=True)
        return
    for name in filter(None, listing.stdout.split("\0")):
        # git still lists a deleted file until the deletion is committed.
        if (root / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, copy / name, follow_symlinks=False)
    # A lock with download addresses may be git-ignored, but the Dockerfile installs from it.
    if (lock := locks.candidate(project)) is None:
        return
    (copy / lock.relative_to(root)).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(lock, copy / lock.relative_to(root))
