from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from invoke import Context, Exit
from rich.console import Console

from drydock.errors import BadCommandLine
from drydock.gates.budget import judge
from drydock.gates.errors import GateFailed
from drydock.image import Anatomy, Kind, diff, left_out, read_archive
from drydock.image.cache import Cache
from drydock.project import MB, Budget
from drydock.report.size import as_json, difference_as_json, printable, show, show_difference, show_reason
from drydock.tasks import looking, offer
from drydock.verdict import Verdict
from tests.image.making import Entry, docker_archive, files_tar, layer_tar, write_archive

MakeAnatomy = Callable[..., Anatomy]

SITE = "opt/venv/lib/python3.13/site-packages"
FILES = {
    f"{SITE}/openai/types.py": "x" * 750_000,
    f"{SITE}/openai-1.0.dist-info/RECORD": "openai/types.py,,",
    "usr/bin/python3.13": "x" * 300_000,
    "opt/[red]brackets": "x" * 200_000,
    "usr/lib/libssl.so.3": "x" * 100_000,
    # As in minimal images: one record for each package, beside the checksums of its files.
    "var/lib/dpkg/status.d/libssl3": "Package: libssl3\nVersion: 3.5.1-1\n",
    "var/lib/dpkg/status.d/libssl3.md5sums": "0123456789abcdef0123456789abcdef  usr/lib/libssl.so.3\n",
}


@pytest.fixture
def anatomy_of(tmp_path: Path, cache: Cache) -> MakeAnatomy:
    """Return a function that makes an image from layers given as files."""

    def make(*layers: Mapping[str, str]) -> Anatomy:
        archive = write_archive(tmp_path / "i.tar", docker_archive([files_tar(files) for files in layers]))
        return Anatomy(read_archive(archive, cache=cache))

    return make


def console(width: int = 100, *, terminal: bool = False) -> Console:
    return Console(file=io.StringIO(), width=width, force_terminal=terminal, highlight=False)


def text(made: Console) -> str:
    assert isinstance(made.file, io.StringIO)
    return made.file.getvalue()


def shown(anatomy: Anatomy, width: int = 100, budget: int = 2 * MB, *, terminal: bool = False) -> str:
    made = console(width, terminal=terminal)
    show(made, anatomy, verdict(anatomy, budget))
    return text(made)


def verdict(anatomy: Anatomy, budget: int) -> Verdict:
    return judge(anatomy.image, Budget(budget), "production")


def test_every_part_is_shown(anatomy_of: MakeAnatomy) -> None:
    lines = shown(anatomy_of(FILES)).splitlines()
    titles = [line.partition("  ")[0] for line in lines if line.endswith(("on disk", "on the wire"))]
    assert titles[:5] == [
        "Layers",
        "Python distributions",
        "Debian packages",
        "Folders of files in no package",
        "Largest files",
    ]
    assert any(line.split()[:2] == ["openai", "1.0"] and line.endswith("0.8 MB") for line in lines)
    assert any(line.split()[:2] == ["libssl3", "3.5.1-1"] and line.endswith("0.1 MB") for line in lines)
    assert any(line.startswith("/usr/bin/python3.13") and line.endswith("0.3 MB") for line in lines)
    assert any(line.startswith("all layers") and "1.4 MB" in line for line in lines)


def test_budget_line_comes_last(anatomy_of: MakeAnatomy) -> None:
    assert shown(anatomy_of(FILES)).splitlines()[-1].startswith("production: 1.4 MB on disk of 2.0 MB")


def test_brackets_in_a_path_are_no_markup(anatomy_of: MakeAnatomy) -> None:
    assert "/opt/[red]brackets" in shown(anatomy_of(FILES))


@pytest.mark.parametrize("width", [30, 40, 60, 200])
def test_narrow_terminals_lose_no_figure(anatomy_of: MakeAnatomy, width: int) -> None:
    output = shown(anatomy_of(FILES), width)
    assert max(map(len, output.splitlines())) <= width
    assert output.count("0.8 MB") == 2
    # The whole path is shown, wrapped or not.
    assert "openai/types.py" in "".join(part for line in output.splitlines() for part in line.split()[:1])


def test_no_color_prints_no_colour(anatomy_of: MakeAnatomy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[1;31m" in shown(anatomy_of(FILES), budget=1, terminal=True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[1;31m" not in shown(anatomy_of(FILES), budget=1, terminal=True)


def test_smaller_packages_are_summed_up(anatomy_of: MakeAnatomy) -> None:
    anatomy = anatomy_of({f"opt/tool-{number}/file": "x" * 100_000 for number in range(23)})
    assert any(
        line.startswith("3 smaller ones") and line.endswith("0.3 MB") for line in shown(anatomy).splitlines()
    )


def test_json_holds_bytes_and_the_budget(anatomy_of: MakeAnatomy) -> None:
    anatomy = anatomy_of(FILES)
    content = json.loads(json.dumps(as_json(anatomy, verdict(anatomy, 1000))))
    assert content["on_disk"] == anatomy.image.on_disk == sum(one["on_disk"] for one in content["layers"])
    assert sum(one["on_disk"] for one in content["distributions"]) >= 750_000
    assert content["largest_files"][0] == {"path": f"/{SITE}/openai/types.py", "on_disk": 750_000}
    assert content["budget"]["outcome"] == "failed"
    assert content["budget"]["checks"][0]["excess"] == anatomy.image.on_disk - 1000


def test_reason_names_layer_package_and_what_it_hides(anatomy_of: MakeAnatomy) -> None:
    made = console()
    again = {f"{SITE}/openai/types.py": "x"}
    show_reason(made, anatomy_of(FILES, again), f"/{SITE}/openai/types.py")
    assert [line.rstrip().split(maxsplit=1) for line in text(made).splitlines()] == [
        ["path", f"/{SITE}/openai/types.py"],
        ["kind", "file"],
        ["size", "1 bytes"],
        ["owner", "0:0, mode 0644"],
        ["layer", "2: COPY layer-1 /"],
        ["python", "openai 1.0"],
        ["replaces", "the copy in COPY layer-0 /"],
    ]


def test_reason_of_a_link_names_the_package_that_it_leads_to(tmp_path: Path, cache: Cache) -> None:
    link = layer_tar([Entry("usr/lib/libssl.so", type=tarfile.SYMTYPE, link="libssl.so.3")])
    archive = write_archive(tmp_path / "i.tar", docker_archive([files_tar(FILES), link]))
    made = console(200)

    show_reason(made, Anatomy(read_archive(archive, cache=cache)), "/usr/lib/libssl.so")

    assert "leads to  /usr/lib/libssl.so.3, debian libssl3 3.5.1-1" in text(made)


def test_reason_of_an_absent_path_says_so(anatomy_of: MakeAnatomy) -> None:
    with pytest.raises(BadCommandLine, match=r"error: /bin/sh is not in .*; give a path as the image has it"):
        show_reason(console(200), anatomy_of(FILES), "/bin/sh")


def test_a_difference_without_a_reason_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = left_out.Omission("/opt/venv/new.py", Kind.FILE, size=1, reason="")
    monkeypatch.setattr(left_out, "compare", lambda *_: left_out.LeftOut((lost,), (), ()))
    project = SimpleNamespace(reference=lambda target: f"shop:{target}")
    monkeypatch.setattr(offer.Given, "pipe", SimpleNamespace(project=project, look=lambda _: None))

    with pytest.raises(Exit, match="no known reason: 1; build both targets from one commit") as caught:
        looking.size(Context(), left_out=True)

    assert caught.value.code == GateFailed.exit_code


@pytest.mark.parametrize(
    ("instruction", "name"),
    [
        ("COPY /layers/dependencies/ / # buildkit", "dependencies"),
        ("COPY /opt/venv /opt/venv # buildkit", "venv"),
        ("RUN /bin/sh -c apt-get update # buildkit", "RUN apt-get update"),
        ("", "(no history)"),
    ],
)
def test_a_layer_of_drydocks_form_is_named_by_its_content(
    instruction: str, name: str, anatomy_of: MakeAnatomy
) -> None:
    [layer] = anatomy_of(FILES).image.layers

    assert replace(layer, created_by=instruction).name == name


def test_difference_names_what_grew(anatomy_of: MakeAnatomy) -> None:
    first = anatomy_of(FILES).image
    second = anatomy_of(FILES, {"opt/model/weights": "x" * 500_000}).image
    made = console()
    show_difference(made, diff(first, second))
    lines = [" ".join(line.split()) for line in text(made).splitlines()]
    assert lines[0].startswith("+0.50 MB on disk, ")
    assert lines[0].endswith(" B to send where the first image is")
    assert "+ COPY layer-1 / +0.50 MB" in lines
    assert "added /opt/model +0.50 MB" in lines
    assert "added /opt/model/weights +0.50 MB" in lines


def test_long_differences_are_cut_and_counted(anatomy_of: MakeAnatomy) -> None:
    many = {f"opt/one/file-{number}": "x" for number in range(45)}
    made = console()
    show_difference(made, diff(anatomy_of(FILES).image, anatomy_of(FILES, many).image))
    assert text(made).splitlines()[-1] == "and 15 more"


def test_difference_as_json_is_whole(anatomy_of: MakeAnatomy) -> None:
    many = {f"opt/one/file-{number}": "x" for number in range(45)}
    found = diff(anatomy_of(FILES).image, anatomy_of(FILES, many).image)
    content = json.loads(json.dumps(difference_as_json(found)))
    assert len(content["files"]) == 45
    assert content["files"][0]["change"] == "added"
    assert content["upload"] == found.upload


def test_control_characters_and_undecodable_bytes_are_escaped(tmp_path: Path, cache: Cache) -> None:
    name = b"bell\x07esc\x1b[31mcaf\xe9".decode("utf-8", "surrogateescape")
    layer = layer_tar([Entry(name, b"x" * 10)], format=1)
    archive = write_archive(tmp_path / "i.tar", docker_archive([layer]))
    output = shown(Anatomy(read_archive(archive, cache=cache)))
    assert r"/bell\x07esc\x1b[31mcaf\udce9" in output
    assert printable("plain ünïcode [x]") == "plain ünïcode [x]"
