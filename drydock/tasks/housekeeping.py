"""Keep this machine and this repository in order."""

from contextlib import nullcontext
from pathlib import Path

from drydock.errors import BadConfiguration
from drydock.tasks.offer import Given, offer

KEPT = "kept released tags, base images and the build cache: they may be in use, and cost minutes"
KEPT_CACHES = "kept the caches of layers and tools, which other projects use; `--caches` removes them"


@offer("examining this machine", shared=("project", "json"))
def doctor(given: Given) -> None:
    """Look for causes of broken builds on this machine: exit code 10 for warnings, 9 for failures."""
    from dataclasses import asdict

    from drydock import doctor
    from drydock.detect.project import load
    from drydock.project.configuration import check_folder
    from drydock.project.errors import NoProject
    from drydock.report import print_json
    from drydock.report.progress import beside_progress, under_way
    from drydock.report.tables import finding

    check_folder(folder := Path(given.project))
    out = beside_progress()
    found = []
    with nullcontext() if given.json else under_way("examining this machine"):
        try:
            project = load(folder)
        except NoProject:
            project = None  # a new user examines the machine first
        for one in doctor.examine(project):
            found.append(one)
            if not given.json:
                finding(out, one)
    if given.json:
        print_json({"findings": [asdict(one) for one in found]})
    doctor.judge(found)


@offer(
    "looking for containers, images and state of drydock",
    shared=("project", "json"),
    caches="remove the user's caches of images, layers and tools as well; they are made again when needed",
)
def clean(given: Given, caches: bool = False) -> None:
    """Remove drydock's own things of this project: containers, development images, state."""
    from drydock.build.clean import clean
    from drydock.detect.project import load
    from drydock.engine import connect

    removed = list(clean(connect(), load(Path(given.project)), caches=caches))
    lines = [f"removed {line}" for line in removed] or ["nothing to remove"]
    given.answer({"removed": removed}, [*lines, KEPT, *([] if caches else [KEPT_CACHES])])


@offer(
    "asking the image for its settings",
    shared=("project",),
    output="the file to write (default: environment.md in docs or, where that is, docs/reference)",
)
def environment(given: Given, output: str = "") -> None:
    """Write the page of environment variables from the settings that the built image knows."""
    from drydock.gates.expectations.findings import CouldNotAskError
    from drydock.gates.kubernetes import EXPECTATIONS, application
    from drydock.gates.kubernetes.finding import read
    from drydock.recipe import packaged
    from drydock.report import environment
    from drydock.report.page import file

    pipe = given.pipe
    expectations = pipe.project.root / EXPECTATIONS
    how = 'name in it the class that reads the variables, such as settings = "shop.config:Settings"'
    if not (named := read(expectations).settings):
        problem = "names no class of settings" if expectations.is_file() else "is missing"
        raise BadConfiguration(where=expectations, problem=problem, how=how)
    image = pipe.built("production").image_id
    try:
        listed = application.settings(pipe.engine, image, named)
    except CouldNotAskError as error:
        raise BadConfiguration(where=f"{expectations} settings", problem=str(error), how=how) from error
    start = environment.start_script((packaged.SCRIPTS / "start.py").read_text(encoding="utf-8"))
    target = Path(output) if output else environment.place(pipe.project.root)
    file.write(target, environment.page(listed, start))
    print(f"wrote {target}")
