"""An image with a history, for the page; some of its names attack the page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from drydock import recorder
from drydock.image import Anatomy, read_archive
from drydock.image.cache import Cache
from drydock.image.compare import Change, FileChange, PackageChange
from drydock.image.packages import Source
from drydock.project import MB, Budget, Project
from drydock.publish.sbom import bill
from drydock.report.page.gather import Content, Since, allowances, gates, timings
from drydock.state.history import Build, Judged, Origin, StepTime
from drydock.verdict import Outcome, Verdict
from tests.image.making import docker_archive, files_tar, write_archive

NOW = 1_800_000_000.0
SITE = "opt/venv/lib/python3.13/site-packages"
ATTACK = "<img src=x onerror='window.attacked=1'>"
# This is also a path: its parts are joined again if a folder contains nothing else.
CLOSING = "a</script><script>window.attacked=2</script>.py"
RUNTIME = {
    "usr/bin/python3.13": "x" * 300_000,
    "usr/lib/python3.13/os.py": "x" * 200_000,
    "var/lib/dpkg/status": "Package: libc6\nStatus: install ok installed\nVersion: 2.41\n",
    "var/lib/dpkg/info/libc6.list": "/usr/lib/libc.so.6\n",
    "usr/lib/libc.so.6": "x" * 400_000,
}
DEPENDENCIES = {
    f"{SITE}/openai/types/beta.py": "x" * 500_000,
    f"{SITE}/openai/types/chat.py": "x" * 150_000,
    f"{SITE}/openai/resources.py": "x" * 250_000,
    f"{SITE}/openai-3.52.0.dist-info/METADATA": (
        "Name: openai\nVersion: 3.52.0\nLicense-Expression: Apache-2.0\n"
    ),
    f"{SITE}/openai-3.52.0.dist-info/RECORD": (
        "openai/types/beta.py,,\nopenai/types/chat.py,,\nopenai/resources.py,,\n"
        "openai-3.52.0.dist-info/METADATA,,\nopenai-3.52.0.dist-info/RECORD,,\n"
    ),
    f"{SITE}/six.py": "x" * 30_000,
    f"{SITE}/six-1.17.0.dist-info/METADATA": "Name: six\nVersion: 1.17.0\nLicense-Expression: MIT\n",
    f"{SITE}/six-1.17.0.dist-info/RECORD": "six.py,,\nsix-1.17.0.dist-info/METADATA,,\n",
}
APPLICATION = {
    "app/shop/main.py": "x" * 100_000,
    f"app/{ATTACK}/b.py": "x" * 60_000,
    f"app/{CLOSING}": "x" * 50_000,
    'app/]]>&quot;".py': "x" * 40_000,
    "app/not-utf8-\udcff.py": "x" * 30_000,
}


def anatomy(folder: Path, *layers: dict[str, str]) -> Anatomy:
    archive = write_archive(folder / "image.tar", docker_archive([files_tar(files) for files in layers]))
    return Anatomy(replace(read_archive(archive, cache=Cache(folder / "cache")), reference="shop:dev"))


def content(folder: Path, project: Project, taken_apart: Anatomy) -> Content:
    """Return the page's facts about an image."""
    weighed = recorder.weigh(taken_apart.image)
    origin = Origin(project.image, "production", "main", "0123456789abcdef", dirty=True)
    steps = (
        StepTime("builder", "RUN uv sync", 8.5, False),
        StepTime("production", "COPY --from=builder /rootfs/ /", 0.0, True),
    )
    builds = tuple(
        Build(NOW + 600 * number, origin, f"sha256:{number}", 9.0 - number, steps, weighed)
        for number in range(5)
    )
    last = Build(NOW + 3600, origin, taken_apart.image.id, 3.1, steps, weighed)
    judged = [
        Judged(NOW, origin, weighed.content, Verdict("smoke", Outcome.PASSED, "ready in 1.0 s", seconds=3.5)),
        Judged(
            NOW,
            origin,
            "another content",
            Verdict(
                "security",
                Outcome.FAILED,
                f"1 finding: {ATTACK}",
                (f"/app: {ATTACK}", f"/opt/{'x' * 200}.so"),
                seconds=47.0,
            ),
        ),
        Judged(
            NOW, origin, weighed.content, Verdict("audit", Outcome.COULD_NOT_CHECK, "no database answers")
        ),
        Judged(
            NOW,
            origin,
            weighed.content,
            Verdict(
                "build_cache",
                Outcome.PASSED,
                "a source change installs nothing again",
                measurements={
                    "builds": [
                        {"build": name, "seconds": seconds, "ratio": seconds / 20, "cached": 8, "steps": 12}
                        for name, seconds in (("cold", 20.0), ("unchanged", 0.5), ("source changed", 1.5))
                    ]
                },
                seconds=40.0,
            ),
        ),
    ]
    since = Since(
        builds[-1],
        1_200_000,
        -30_000,
        (
            PackageChange(Change.ADDED, Source.PYTHON, "six", "", "1.17.0", 30_000),
            PackageChange(Change.CHANGED, Source.PYTHON, "openai", "3.51.0", "3.52.0", 1_000),
            PackageChange(Change.REMOVED, Source.PYTHON, ATTACK, "1.0", "", -5_000),
        ),
        (FileChange(Change.ADDED, f"/app/{ATTACK}", (), 60_000),),
    )
    budgets = {"production": Budget(5 * MB // 2, MB), "slim": Budget(300 * MB)}
    return Content(
        project=project,
        target="production",
        anatomy=taken_apart,
        made=NOW + 7200,
        allowances=tuple(allowances(budgets, {"production": weighed})),
        since=since,
        gates=tuple(gates(judged, {"production": weighed})),
        timings=timings(judged),
        builds=(*builds, last),
        materials=bill(taken_apart).materials,
    )
