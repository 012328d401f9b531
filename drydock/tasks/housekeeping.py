"""Keep this machine and this repository in order."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

from invoke import Context

from drydock.tasks.offer import offer, pipeline


@offer("examining this machine")
def doctor(c: Context, project: str = ".", json: bool = False) -> None:
    """Look at what breaks builds on this machine, and say what to do: 17 for warnings, 18 for failures."""
    from dataclasses import asdict

    from drydock import doctor
    from drydock.detect.project import load
    from drydock.report import console, print_json
    from drydock.report.progress import under_way
    from drydock.report.tables import finding

    out = console()
    found = []
    with nullcontext() if json else under_way("examining this machine"):
        for one in doctor.examine(load(Path(project))):
            found.append(one)
            if not json:
                finding(out, one)
    if json:
        print_json({"findings": [asdict(one) for one in found]})
    doctor.judge(found)


@offer(
    "looking for what drydock made here",
    caches="remove the user's caches of images, layers and tools as well; they are made again when needed",
)
def clean(c: Context, caches: bool = False, project: str = ".", json: bool = False) -> None:
    """Remove what drydock made for this project: containers, development images, its state."""
    from drydock.build.clean import clean
    from drydock.detect.project import load
    from drydock.engine import connect
    from drydock.report import print_json

    removed = list(clean(connect(), load(Path(project)), caches=caches))
    if json:
        print_json({"removed": removed})
    else:
        print("\n".join(f"removed {line}" for line in removed) or "nothing to remove")


@offer("asking the image for its settings")
def environment(c: Context, project: str = ".") -> None:
    """Write docs/environment.md from the settings that the built image knows."""
    from drydock.gates.kubernetes import EXPECTATIONS, application
    from drydock.gates.kubernetes.finding import read
    from drydock.recipe import packaged
    from drydock.report import environment

    pipe = pipeline(project)
    root = pipe.project.root
    image = pipe.built("production").image_id
    listed = application.settings(pipe.engine, image, read(root / EXPECTATIONS).settings)
    start = environment.start_script((packaged.SCRIPTS / "start.py").read_text(encoding="utf-8"))
    target = root / "docs/environment.md"
    target.write_text(environment.page(listed, start), encoding="utf-8")
    print(f"wrote {target}")
