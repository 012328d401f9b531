"""The report in a real Chromium, from a file, without a network."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.report.browser.conftest import OpenPage, Tab
from tests.report.contents import ATTACK
from tests.support import packages

SCHEMES = ("light", "dark")


def crumbs(tab: Tab) -> list[str]:
    return tab.page.locator("#path li").all_inner_texts()


def axe(tab: Tab) -> list[str]:
    """Return axe-core's findings, each with its element."""
    tab.page.evaluate(
        (packages.node_modules() / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")
    )
    found = tab.page.evaluate("axe.run()")
    assert len(found["passes"]) > 20  # it did check
    return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found["violations"]]


def background(tab: Tab) -> str:
    colour: str = tab.page.evaluate("getComputedStyle(document.body).backgroundColor")
    return colour


def hues(tab: Tab) -> list[str]:
    """Return the colours of the bars, the lines and the treemap."""
    script = "([name, property]) => getComputedStyle(document.querySelector(name))[property]"
    wanted = ((".bar .used", "fill"), (".trend polyline", "stroke"), (".tile.python", "backgroundColor"))
    return [tab.page.evaluate(script, list(one)) for one in wanted]


def test_it_opens_without_a_network_and_without_a_complaint(open_page: OpenPage, report: Path) -> None:
    tab = open_page()

    assert tab.complaints == []
    assert tab.requests == [report.as_uri()]


@pytest.mark.parametrize("scripts", [True, False])
def test_every_chart_is_drawn_with_or_without_scripts(open_page: OpenPage, scripts: bool) -> None:
    page = open_page(java_script_enabled=scripts).page

    used = page.locator("#budgets .used").first.bounding_box()
    rest = page.locator("#budgets .rest").first.bounding_box()
    assert used
    assert rest
    assert used["width"] / rest["width"] == pytest.approx(0.856, abs=0.005)  # 2.1 MB of 2.5
    assert page.locator("#cache .used").count() == 3
    sizes, seconds = page.locator(".trend").all()
    for chart, lines in ((sizes, 2), (seconds, 1)):
        expect(chart.locator("polyline")).to_have_count(lines)
        expect(chart.locator("circle")).to_have_count(6 * lines)
        frame = chart.bounding_box()
        assert frame
        for drawn in chart.locator("text, circle").all():
            box = drawn.bounding_box()
            assert box
            assert frame["x"] <= box["x"]
            assert box["x"] + box["width"] <= frame["x"] + frame["width"] + 1
            assert frame["y"] <= box["y"]
            assert box["y"] + box["height"] <= frame["y"] + frame["height"]


def test_a_build_s_figures_are_shown_where_the_mouse_is(open_page: OpenPage) -> None:
    page = open_page().page

    page.locator(".trend .zone").last.hover()

    assert page.locator(".hint").inner_text().splitlines() == [
        "2027-01-15 09:00 · 012345678 + changes",
        "2.1 MB on disk, 1.2 kB on the wire",
        "3.1 s, 1 of 2 steps cached",
    ]
    page.keyboard.press("Escape")
    expect(page.locator(".hint")).to_be_hidden()


def test_the_smallest_tile_is_no_wider_than_its_share(open_page: OpenPage) -> None:
    page = open_page().page
    page.set_viewport_size({"width": 360, "height": 740})
    page.wait_for_timeout(100)

    wider = "all => all.filter(one => one.offsetWidth > parseFloat(one.style.width) + 1).length"
    assert page.locator(".tile:empty").count()
    assert page.locator(".tile").evaluate_all(wider) == 0


def test_the_treemap_fills_its_room_by_size(open_page: OpenPage) -> None:
    treemap = open_page().page.locator("#treemap")
    tiles = "tile => [tile.offsetLeft, tile.offsetTop, tile.offsetWidth, tile.offsetHeight]"

    def boxes(selector: str) -> list[tuple[int, int, int, int]]:
        return treemap.locator(selector).evaluate_all(f"tiles => tiles.map({tiles})")  # type: ignore[no-any-return]

    layers = boxes(".tile.parent")
    whole = treemap.evaluate("map => map.clientWidth * map.clientHeight")
    assert len(layers) == 3
    assert sum(width * height for _, _, width, height in layers) == pytest.approx(whole, rel=0.05)
    assert layers[0][2] * layers[0][3] / whole == pytest.approx(0.44, abs=0.02)
    files = boxes(".tile:not(.parent)")
    for at, (x, y, width, height) in enumerate(files):
        for left, top, wide, high in files[at + 1 :]:
            assert (
                x + width <= left + 1 or left + wide <= x + 1 or y + height <= top + 1 or top + high <= y + 1
            )


def test_a_click_in_the_treemap_looks_inside(open_page: OpenPage) -> None:
    tab = open_page()

    # The largest layer is drawn first: its largest package is in its upper left corner.
    tab.page.locator("#treemap").click(position={"x": 60, "y": 100})

    expect(tab.page.locator("#path li")).to_have_count(3)
    assert crumbs(tab)[1].startswith("COPY layer-")
    expect(tab.page.locator("#inside-title")).to_contain_text(crumbs(tab)[2])


def test_the_size_is_shown_where_the_mouse_is(open_page: OpenPage) -> None:
    page = open_page().page

    page.locator("#treemap").hover(position={"x": 60, "y": 100})

    assert page.locator(".hint").inner_text().splitlines() == [
        "COPY layer-1 / \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} openai 3.52.0",
        "900.2 kB, 42.7 % of shop:dev",
        "5 files",
    ]


def test_the_table_looks_inside_down_to_a_file_and_back(open_page: OpenPage) -> None:
    page = open_page().page

    for name in ("COPY layer-1 /", "openai 3.52.0", "openai", "types"):
        page.locator("#inside").get_by_role("button", name=name, exact=True).click()

    expect(page.locator("#inside tr")).to_have_count(2)
    expect(page.locator("#inside tr").first).to_have_text("beta.py500.0 kB76.9 %1")
    expect(page.locator("#inside button")).to_have_count(0)

    page.locator("#path").get_by_role("button").first.click()
    expect(page.locator("#inside tr")).to_have_count(3)


def test_the_keyboard_alone_looks_inside_and_back(open_page: OpenPage) -> None:
    tab = open_page()
    page = tab.page

    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to the report")
    page.keyboard.press("Enter")
    for _ in range(2):  # the scrolling table, then its content
        page.keyboard.press("Tab")
    inside = page.locator(":focus").inner_text()
    page.keyboard.press("Enter")

    assert crumbs(tab)[-1] == inside
    expect(page.locator("#where")).to_contain_text(f"Inside {inside}: ")
    expect(page.locator("#inside button").first).to_be_focused()

    page.keyboard.press("Escape")
    assert len(crumbs(tab)) == 1


def test_the_search_leaves_what_matches_every_word(open_page: OpenPage) -> None:
    page = open_page().page

    page.get_by_label("Search names").fill("OPENAI apache")

    expect(page.locator("#materials tbody tr:visible")).to_have_count(1)
    expect(page.locator("#materials tbody tr:visible")).to_contain_text("pkg:pypi/openai@3.52.0")
    expect(page.locator("#matches")).to_contain_text("1 of ")

    page.get_by_label("Search names").fill("")
    expect(page.locator("#materials tbody tr[hidden]")).to_have_count(0)


def test_the_colours_follow_the_system(open_page: OpenPage) -> None:
    light, dark = (background(open_page(color_scheme=scheme)) for scheme in SCHEMES)

    assert light == "rgb(244, 246, 249)"
    assert dark == "rgb(14, 19, 27)"


@pytest.mark.parametrize(("system", "chosen"), [SCHEMES, SCHEMES[::-1]])
def test_the_switch_wins_over_the_system_in_text_and_charts(
    open_page: OpenPage, system: str, chosen: str
) -> None:
    tab, other = open_page(color_scheme=system), open_page(color_scheme=chosen)
    assert hues(tab) != hues(other)

    tab.page.get_by_label(chosen.capitalize(), exact=True).check()

    assert background(tab) == background(other)
    assert hues(tab) == hues(other)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_no_violation(open_page: OpenPage, scheme: str) -> None:
    tab = open_page(color_scheme=scheme)
    assert axe(tab) == []

    for details in tab.page.locator("details").all():
        details.locator("summary").click()
    tab.page.locator("#inside button").first.click()
    tab.page.get_by_label("Search names").fill("six")
    assert axe(tab) == []


def test_axe_finds_no_violation_without_scripts(open_page: OpenPage, report: Path) -> None:
    # axe needs scripts, so remove the page's own to test the page without them.
    tab = open_page()
    text = report.read_text(encoding="utf-8")
    tab.page.set_content(text[: text.index('<script type="application/json"')])

    assert axe(tab) == []


def test_without_scripts_every_part_has_its_text(open_page: OpenPage) -> None:
    page = open_page(java_script_enabled=False).page

    for details in page.locator("details").all():
        details.locator("summary").click()
    text = page.locator("main").inner_text()

    assert "2.1 MB" in text
    assert "COPY layer-1 /" in text
    assert "openai 3.52.0" in text
    assert "/usr/lib/libc.so.6" in text
    assert "3.51.0 → 3.52.0" in text
    assert "ready in 1.0 s" in text
    assert "no database answers" in text
    assert "source changed" in text
    assert "pkg:pypi/six@1.17.0" in text
    expect(page.locator("#explorer")).to_be_hidden()
    expect(page.get_by_label("Search names")).to_be_hidden()


def test_without_scripts_the_colours_can_be_switched(open_page: OpenPage) -> None:
    page = open_page(java_script_enabled=False).page

    page.get_by_label("Dark", exact=True).check()

    expect(page.locator("body")).to_have_css("background-color", "rgb(14, 19, 27)")


def test_names_are_text_and_nothing_else(open_page: OpenPage) -> None:
    tab = open_page()
    page = tab.page

    page.locator("#inside").get_by_role("button", name="COPY layer-2 /", exact=True).click()
    page.locator("#inside").get_by_role("button", name="/app", exact=False).first.click()

    assert page.evaluate("window.attacked") is None
    assert tab.complaints == []
    expect(page.locator("main img")).to_have_count(0)
    expect(page.locator(".findings").first).to_contain_text(ATTACK)
    expect(page.locator("#changes")).to_contain_text(ATTACK)


@pytest.mark.parametrize("width", [390, 360])
def test_no_table_is_cut_on_a_narrow_screen(open_page: OpenPage, width: int) -> None:
    tab = open_page()
    tab.page.set_viewport_size({"width": width, "height": 740})
    for details in tab.page.locator("details").all():
        details.locator("summary").click()

    assert tab.page.evaluate("document.documentElement.scrollWidth") == width
    cut = "all => all.filter(one => one.scrollWidth > one.clientWidth).map(one => one.ariaLabel)"
    assert tab.page.locator(".scroll").evaluate_all(cut) == []
    assert axe(tab) == []


def test_figures_keep_their_names_where_a_row_becomes_a_block(open_page: OpenPage) -> None:
    page = open_page().page
    page.set_viewport_size({"width": 390, "height": 740})

    name = "cell => getComputedStyle(cell, '::before').content"
    took = page.locator("#trend td[data-name]").nth(2)
    assert took.evaluate(name) == '"Took: "'
