from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from drydock.errors import NotWritten
from drydock.image.compare import Change, PackageChange
from drydock.image.packages import Source
from drydock.project import Project
from drydock.report.page import file, render
from drydock.report.page.gather import Allowance
from tests.conftest import MakeProject
from tests.report import contents
from tests.report.contents import APPLICATION, ATTACK, DEPENDENCIES, RUNTIME


@pytest.fixture
def project(make_project: MakeProject) -> Project:
    return make_project({})


@pytest.fixture
def page(tmp_path: Path, project: Project) -> str:
    taken_apart = contents.anatomy(tmp_path, RUNTIME, DEPENDENCIES, APPLICATION)
    return render.render(contents.content(tmp_path, project, taken_apart))


def embedded(page: str, name: str) -> object:
    """Return the data of one of the page's script elements, as a browser reads it."""
    (text,) = re.findall(rf'<script type="application/json" id="{name}">(.*?)</script>', page)
    return json.loads(text)


def test_it_names_no_address_to_load_from(page: str) -> None:
    own = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)

    assert re.findall(r"""(?:src|href)=["'](?!#)""", own) == []
    assert "http://" not in own
    assert "https://" not in own
    assert "url(" not in own
    assert "@import" not in own


def test_its_policy_allows_its_own_scripts_and_styles_and_nothing_else(page: str) -> None:
    policy = re.findall(r'Content-Security-Policy" content="([^"]+)"', page)[0].replace("&#39;", "'")

    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert policy.count("sha256-") == 2
    assert "unsafe" not in policy


def test_names_are_escaped_in_text_and_in_data(page: str) -> None:
    assert ATTACK not in page
    assert "&lt;img src=x" in page
    assert "</script><script>window.attacked" not in page
    assert "a</script><script>window.attacked=2<" in json.dumps(embedded(page, "tree-data"))


def test_undecodable_names_are_written_as_escapes(page: str) -> None:
    assert "not-utf8-\\\\udcff.py" in json.dumps(embedded(page, "tree-data"))
    page.encode("utf-8")


def test_what_never_ran_does_not_read_as_passed(page: str) -> None:
    row = re.findall(
        r'<tr role="row"><th scope="row" role="rowheader">container_tests</th>.*?</tr>', page, re.DOTALL
    )[0]

    assert "not run here" in row
    assert "passed" not in row


def test_what_was_seen_on_another_image_says_so(page: str) -> None:
    row = r'<th scope="row" role="rowheader">(\w+)</th><td role="cell">production</td>(.*?)</tr>'
    rows = dict(re.findall(row, page, re.DOTALL))

    assert "an earlier image" in rows["security"]
    assert "failed before" in rows["security"]
    assert "mark bad" not in rows["security"]
    assert "the image as it is" in rows["smoke"]


def test_the_card_of_gates_counts_as_their_section_does(page: str) -> None:
    (card,) = re.findall(r"<strong>(\d+ of \d+ passed)</strong>", page)
    counts = re.findall(r'<p class="lead">(\w+): (\d+ of \d+ passed), ', page)

    assert dict(counts)["production"] == card
    assert {target for target, _ in counts} == {"production", "slim"}


def test_it_stays_small_however_many_files_there_are(tmp_path: Path, project: Project) -> None:
    many = {
        f"srv/{folder:03}/{'n' * 60}-{name}.txt": "x" * (1 + folder * name // 4)
        for folder in range(200)
        for name in range(50)
    }
    taken_apart = contents.anatomy(tmp_path, RUNTIME, many)

    page = render.render(contents.content(tmp_path, project, taken_apart))

    assert 200_000 < len(page.encode()) < render.LARGEST_PAGE
    name, size, files, _, layers = embedded(page, "tree-data")  # type: ignore[misc]
    assert (name, files) == ("shop:dev", 10_005)
    assert size == sum(layer[1] for layer in layers)


def test_an_exceeded_budget_says_by_how_much(tmp_path: Path, project: Project) -> None:
    whole = contents.content(tmp_path, project, contents.anatomy(tmp_path, RUNTIME))
    over = Allowance("production", "on disk", 120_500_000, 115_000_000)

    page = render.render(replace(whole, allowances=(over,)))

    assert '<span class="note bad">5.5 MB above its budget</span>' in page
    assert '<td class="number bad">5.5 MB too much</td>' in page
    assert "<title>105 % of the budget</title>" in page
    assert '<rect class="over" width="100.0%"' in page


def test_the_trend_names_what_each_build_weighed_and_took(page: str) -> None:
    titles = re.findall(r"<title>(2027[^<]*)</title>", page)

    assert len(titles) == 2 * 6  # both charts
    assert titles[5].splitlines() == [
        "2027-01-15 09:00 · 012345678 + changes",
        "2.1 MB on disk, 1.2 kB on the wire",
        "3.1 s, 1 of 2 steps cached",
    ]


def test_an_image_without_a_past_says_what_is_missing(tmp_path: Path, project: Project) -> None:
    whole = contents.content(tmp_path, project, contents.anatomy(tmp_path, RUNTIME))

    page = render.render(replace(whole, since=None, builds=(), timings=()))

    assert "there is nothing to compare with" in page
    assert "No build is in this machine" in page
    assert "gate build_cache" in page


def test_forgotten_files_are_not_reported_as_unchanged(tmp_path: Path, project: Project) -> None:
    whole = contents.content(tmp_path, project, contents.anatomy(tmp_path, RUNTIME))
    assert whole.since is not None

    page = render.render(replace(whole, since=replace(whole.since, files=None)))

    assert "Which files changed is no longer known" in page


@pytest.mark.parametrize(
    ("size", "text"), [(999, "999 B"), (1_000, "1.0 kB"), (117_240_000, "117.2 MB"), (-1_500, "-1.5 kB")]
)
def test_sizes_are_written_for_readers(size: int, text: str) -> None:
    assert render.bytes_of(size) == text


@pytest.mark.parametrize(("size", "text"), [(0, "±0"), (1_500, "+1.5 kB"), (-2_000_000, "-2.0 MB")])
def test_growth_carries_its_sign(size: int, text: str) -> None:
    assert render.grown(size) == text


@pytest.mark.parametrize(
    ("change", "before", "after", "size", "word"),
    [
        (Change.ADDED, "", "1.0", 5, "added"),
        (Change.REMOVED, "1.0", "", -5, "removed"),
        (Change.CHANGED, "1.9", "1.10", 0, "upgraded"),
        (Change.CHANGED, "1.10", "1.9", 5, "downgraded"),
        (Change.CHANGED, "of-no-order", "1.0", 0, "other version"),
        (Change.CHANGED, "1.0", "1.0", 5, "grown"),
        (Change.CHANGED, "1.0", "1.0", -5, "shrunk"),
    ],
)
def test_a_package_has_one_word_for_what_became_of_it(
    change: Change, before: str, after: str, size: int, word: str
) -> None:
    assert render.happened(PackageChange(change, Source.PYTHON, "six", before, after, size)) == word


def test_versions_of_debian_are_not_ordered_as_if_they_were_python_s() -> None:
    change = PackageChange(Change.CHANGED, Source.DEBIAN, "libc6", "1.0~rc1", "1.0", 5)

    assert render.happened(change) == "other version"


def test_a_page_is_written_with_the_folders_above_it(tmp_path: Path) -> None:
    file.write(tmp_path / "a/b/report.html", "<p>é</p>")

    assert (tmp_path / "a/b/report.html").read_text(encoding="utf-8") == "<p>é</p>"
    assert [path.name for path in (tmp_path / "a/b").iterdir()] == ["report.html"]


def test_a_place_that_cannot_be_written_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")

    with pytest.raises(NotWritten, match=r"report\.html cannot be written: .*; name another place"):
        file.write(tmp_path / "file/report.html", "")
